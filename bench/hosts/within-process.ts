/** Two endpoints in one process of Node, joined by the pipe: asked for a transfer of so many bytes, answers in Mbit/s. */
import { ALPN, serve, transfer } from '../../examples/browser-tunnel/transfer.ts'
import { devCertificate } from '../../src/api/dev.ts'
import { connect, listen } from '../../src/index.ts'
import { pipe } from '../../transports/pipe.ts'

const [near, far] = pipe()
const certificate = await devCertificate()
const server = await listen(far, { alpn: [ALPN], certificate })
void (async () => {
  for await (const connection of server) serve(connection)
})()
const connection = await connect(near, { alpn: [ALPN], serverCertificateHashes: [certificate.hash] })

process.on('disconnect', () => process.exit())
process.on('message', async (bytes: number) => {
  const began = performance.now()
  await transfer(connection, { up: bytes, down: 0 })
  process.send?.({ rate: (bytes * 8) / 1000 / (performance.now() - began) })
})
process.send?.({ ready: true })
