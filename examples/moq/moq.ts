/**
 * Media over QUIC on isoquic: `@moq/net` takes our `WebTransport` and the sessions of our server as it takes a browser's. The
 * server publishes a clock, a group of frames each tick; the client hears that it is there, subscribes, and reads what comes.
 */
import { devCertificate } from 'isoquic/dev'
import { udp } from 'isoquic/transports/udp'
import { install, WebTransportServer, type WebTransportServerSession } from 'isoquic/webtransport'

const TICKS = 5

// It tells of every step there.
console.debug = console.warn = () => {}

// `@moq/net` looks for the class where a page has it.
install({ transport: () => udp() })
const { Broadcast, Connection, Path } = await import('@moq/net')

const certificate = await devCertificate()
const server = await WebTransportServer.listen(await udp({ host: '127.0.0.1' }), {
  certificate,
  protocols: ['moq-lite-05', 'moq-lite-04', 'moq-lite-03'],
})
const url = new URL(`https://${server.address}/demo`)

const clock = new Broadcast.Producer()
const seconds = clock.createTrack('seconds')
let ticks = 0
const ticking = setInterval(() => {
  const group = seconds.appendGroup()
  ticks += 1
  group.writeString(`tick ${ticks}`)
  group.close()
}, 20)

// The types of a page's class know nothing of other implementations.
const serve = async (session: WebTransportServerSession): Promise<void> =>
  (await Connection.accept(session as unknown as WebTransport, url)).publish(Path.from('clock'), clock)
void (async () => {
  for await (const session of server.sessions) serve(session).catch(console.error)
})()

const connection = await Connection.connect(url, {
  webtransport: { serverCertificateHashes: [{ value: Uint8Array.from(certificate.hash.value) }] },
  websocket: { enabled: false },
})
console.log(`client: speaks ${connection.version}`)
const announced = await connection.announced().next()
console.log(`client: ${announced?.path} is there`)
const track = connection.consume(Path.from('clock')).subscribe('seconds')
for (let count = 0; count < TICKS; count++) console.log(`client: ${await track.readString()}`)
clearInterval(ticking)
connection.close()
await server.close()
