/** quinn, as Deno has it: `deno run --unstable-net --allow-all quinn.mjs`. */
import {
  ALPN,
  answerTo,
  answerToDatagram,
  authority,
  certificate,
  DatagramRequests,
  downloadAll,
  host,
  IDLE_TIMEOUT,
  main,
  port,
  privateKey,
  readAll,
  report,
  requestFor,
  requests,
  role,
  save,
  serverName,
  testCase,
  unsupported,
} from './contract.mjs'

// Neither `QuicIncoming` nor `QuicListenOptions` has a word for Retry, nor `ConnectQuicOptions` one for versions.
if (role === 'server' && testCase === 'retry') unsupported()
if (role === 'client' && testCase === 'versionnegotiation') unsupported()

/** Handshakes that are waited for at a time. */
const ACCEPTORS = 8

function serve() {
  const endpoint = new Deno.QuicEndpoint({ hostname: host, port })
  const listener = endpoint.listen({
    cert: certificate(),
    key: privateKey(),
    alpnProtocols: [ALPN],
    maxIdleTimeout: IDLE_TIMEOUT,
  })
  report('listening', { address: `${host}:${endpoint.addr.port}` })
  for (let i = 0; i < ACCEPTORS; i++) void accept(listener)
}

async function accept(listener) {
  for (;;) {
    try {
      const connection = testCase === 'zerortt' ? await acceptEarly(listener) : await listener.accept()
      report('connected', { alpn: connection.protocol })
      connection.closed.then(
        ({ closeCode }) => report('closed', { code: closeCode }),
        (error) => report('closed', { error: String(error) }),
      )
      void serveConnection(connection)
      if (testCase === 'datagrams') void serveDatagrams(connection)
    } catch (error) {
      report('refused', { error: String(error) })
    }
  }
}

async function acceptEarly(listener) {
  const incoming = await listener.incoming()
  return await incoming.accept({ zeroRtt: true })
}

async function serveConnection(connection) {
  try {
    for await (const stream of connection.incomingBidirectionalStreams) {
      serveStream(stream).catch((error) => report('stream-failed', { error: String(error) }))
    }
  } catch {
    // `closed` tells.
  }
}

async function serveDatagrams(connection) {
  try {
    for (;;) await connection.sendDatagram(answerToDatagram(await connection.readDatagram()))
  } catch {
    // `closed` tells.
  }
}

async function serveStream(stream) {
  const request = await readAll(stream.readable)
  const writer = stream.writable.getWriter()
  await writer.write(answerTo(request.toString()))
  await writer.close()
}

/** Sessions are kept by the endpoint. */
let endpoint

async function download(urls) {
  endpoint ??= new Deno.QuicEndpoint()
  const isEarly = testCase === 'zerortt' && urls[0] !== requests[0]
  // What is returned without a promise may send early data.
  const connection = await Deno.connectQuic({
    endpoint,
    zeroRtt: isEarly,
    hostname: host,
    port: Number(urls[0].port),
    serverName,
    alpnProtocols: [ALPN],
    caCerts: [authority()],
    maxIdleTimeout: IDLE_TIMEOUT,
  })
  if (!isEarly) await connection.handshake
  report('connected', { alpn: connection.protocol })
  if (testCase === 'datagrams') await downloadDatagrams(connection, urls)
  else await Promise.all(urls.map((url) => downloadOne(connection, url)))
  connection.close({ closeCode: 0, reason: '' })
  await connection.closed
  report('closed', { code: 0 })
  // The endpoint sends the close in the background.
  await new Promise((resolve) => setTimeout(resolve, 50))
}

async function downloadDatagrams(connection, urls) {
  const asked = new DatagramRequests(urls, (bytes) => void connection.sendDatagram(bytes))
  const read = async () => {
    for (;;) asked.onDatagram(await connection.readDatagram())
  }
  await Promise.race([asked.done, read()])
}

async function downloadOne(connection, url) {
  const stream = await connection.createBidirectionalStream()
  const writer = stream.writable.getWriter()
  await writer.write(requestFor(url))
  await writer.close()
  save(url, await readAll(stream.readable))
}

await main(serve, () => downloadAll(download))
