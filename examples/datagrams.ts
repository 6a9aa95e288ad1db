/** A game server that tells where everybody is, sixty times a second: datagrams, of which a late one is worth nothing. */
import { connect, listen, type QuicConnection, type SentDatagram } from 'isoquic'
import { devCertificate } from 'isoquic/dev'
import { udp } from 'isoquic/transports/udp'

const TICK = 1000 / 60 // ms
const TICKS = 30

/** Sends a position each tick; one that could not leave within a tick is dropped for the next. */
async function play(connection: QuicConnection): Promise<readonly SentDatagram[]> {
  const sent: SentDatagram[] = []
  for (let tick = 0; tick < TICKS; tick++) {
    const position = new DataView(new ArrayBuffer(12))
    position.setUint32(0, tick)
    position.setFloat32(4, Math.cos(tick / 10))
    position.setFloat32(8, Math.sin(tick / 10))
    sent.push(connection.datagrams.send(new Uint8Array(position.buffer), { maxAge: TICK }))
    await new Promise((resolve) => setTimeout(resolve, TICK))
  }
  return sent
}

const certificate = await devCertificate()
await using server = await listen(await udp({ host: '127.0.0.1' }), { alpn: ['game'], certificate })
const games = (async () => {
  for await (const connection of server) return play(connection)
  return []
})()

await using connection = await connect(await udp(), {
  address: server.address,
  alpn: ['game'],
  serverCertificateHashes: [certificate.hash],
})
console.log(`a datagram may have ${connection.datagrams.maxDatagramSize} bytes`)
connection.datagrams.incomingMaxAge = 100 // ms; what is older when it is read is left out

let newest = -1
for await (const bytes of connection.datagrams.readable) {
  const tick = new DataView(bytes.buffer).getUint32(0)
  if (tick > newest) newest = tick // they may overtake one another
  if (newest >= TICKS - 5) break // the last ones may be lost: nobody sends them again
}
console.log(`the newest position is that of tick ${newest}`)

const fates = await Promise.all((await games).map(({ settled }) => settled))
console.log(`${fates.filter((fate) => fate === 'acked').length} of ${fates.length} arrived`)
