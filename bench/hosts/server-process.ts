/** A QUIC server on UDP in a process of its own. */
import { ALPN, serve } from '../../examples/browser-tunnel/transfer.ts'
import { devCertificate } from '../../src/api/dev.ts'
import { listen } from '../../src/index.ts'
import { udp } from '../../transports/udp.ts'

const certificate = await devCertificate()
const server = await listen(await udp({ host: '127.0.0.1' }), { alpn: [ALPN], certificate })
process.on('disconnect', () => process.exit())
process.send?.({ address: server.address, hash: [...certificate.hash.value] })
for await (const connection of server) serve(connection)
