/** Uses the installed package as its users do: every door opens, and bytes come back over UDP and through the pipe. Plain JavaScript for Node 20. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

let passed = 0
let failed = 0

async function check(name, run) {
  let timer
  try {
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('nothing happened for 20 seconds')), 20_000)
    })
    await Promise.race([run(), late])
    passed++
    console.log(`ok: ${name}`)
  } catch (error) {
    failed++
    console.log(`FAILED: ${name}`)
    console.log(error)
  } finally {
    clearTimeout(timer)
  }
}

/** Serves echoes with `api` on one transport, sends a line from another, and returns what came back. */
async function echo(api, serverTransport, clientTransport, address) {
  const { devCertificate } = await import('isoquic/dev')
  const certificate = await devCertificate()
  const server = await api.listen(serverTransport, { alpn: ['echo'], certificate })
  const serve = async (connection) => {
    for await (const stream of connection.incomingBidirectionalStreams) {
      stream.readable.pipeTo(stream.writable).catch(() => {})
    }
  }
  const accept = async () => {
    for await (const connection of server) serve(connection).catch(() => {})
  }
  accept().catch(() => {})
  const options = { address, alpn: ['echo'], serverCertificateHashes: [certificate.hash] }
  const connection = await api.connect(clientTransport, options)
  const stream = await connection.createBidirectionalStream()
  const writer = stream.writable.getWriter()
  writer.write(new TextEncoder().encode('hello')).catch(() => {})
  writer.close().catch(() => {})
  const text = await new Response(stream.readable).text()
  connection.close()
  await server[Symbol.asyncDispose]()
  if (text !== 'hello') throw new Error(`sent "hello", got "${text}"`)
}

async function udpPair() {
  const { udp } = await import('isoquic/transports/udp')
  const server = await udp({ host: '127.0.0.1', port: 0 })
  return [server, await udp({ host: '127.0.0.1', port: 0 }), server.localAddress]
}

const manifest = JSON.parse(await readFile(createRequire(import.meta.url).resolve('isoquic/package.json'), 'utf8'))
for (const door of Object.keys(manifest.exports)) {
  if (door === './package.json') continue
  await check(`import ${manifest.name}${door.slice(1)}`, async () => {
    const module = await import(manifest.name + door.slice(1))
    if (Object.keys(module).length === 0) throw new Error('it exports nothing')
  })
}
await check('echo over UDP with the engine of the runtime', async () => {
  await echo(await import('isoquic'), ...(await udpPair()))
})
await check('echo over UDP with the single file', async () => {
  await echo(await import('isoquic/isoquic.min.js'), ...(await udpPair()))
})

console.log(`\n${passed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)
