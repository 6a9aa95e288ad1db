/** `fetch` with `serve`, and a session of WebTransport, in plain JavaScript, with whichever doors and transports it is handed. */

/**
 * Serves with `serve` and `WebTransportServer`, asks both, and checks what comes back.
 * @param {{ createFetch: Function, serve: Function, WebTransport: Function, WebTransportServer: object }} doors
 * @param {() => Promise<{ hash: object }>} devCertificate
 * @param {() => Promise<[near: object, far: object]>} open makes two transports that lead to each other; the address of the far one is `localAddress`
 */
export async function fetchAndSession(doors, devCertificate, open) {
  const certificate = await devCertificate()
  const trust = { serverCertificateHashes: [certificate.hash] }
  await fetched(doors, certificate, trust, await open())
  await session(doors, certificate, trust, await open())
}

async function fetched({ createFetch, serve }, certificate, trust, [near, far]) {
  const server = await serve(far, { certificate }, async (request) => new Response(`Hello ${await request.text()}`))
  const fetch = createFetch({ ...trust, transport: () => near })
  const response = await fetch(originOf(far), { method: 'POST', body: 'world' })
  same(`${response.status} ${await response.text()}`, '200 Hello world')
  await fetch.close()
  await server.close()
}

async function session({ WebTransport, WebTransportServer }, certificate, trust, [near, far]) {
  const server = await WebTransportServer.listen(far, { certificate })
  const serve = async () => {
    for await (const each of server.sessions) {
      for await (const { readable, writable } of each.incomingBidirectionalStreams) await readable.pipeTo(writable)
    }
  }
  serve().catch(() => {})
  const own = new WebTransport(originOf(far), { ...trust, transport: near })
  await own.ready
  const { readable, writable } = await own.createBidirectionalStream()
  const writer = writable.getWriter()
  writer.write(new TextEncoder().encode('hello')).catch(() => {})
  writer.close().catch(() => {})
  same(await new Response(readable).text(), 'hello')
  own.close()
  await own.closed
  await server.close()
}

function originOf({ localAddress }) {
  return `https://${/:\d+$/.test(localAddress) ? localAddress : 'localhost'}/`
}

function same(actual, expected) {
  if (actual !== expected) throw new Error(`"${actual}" instead of "${expected}"`)
}
