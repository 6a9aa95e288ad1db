/**
 * A file over QUIC, with progress and with back-pressure from end to end: the reader pauses for a while, and the writer
 * waits for it; nothing piles up in between.
 */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, listen, type QuicConnection } from 'isoquic'
import { devCertificate } from 'isoquic/dev'
import { udp } from 'isoquic/transports/udp'

const SIZE = 16_000_000
const folder = await mkdtemp(join(tmpdir(), 'file-transfer-'))
const [original, copy] = [join(folder, 'original'), join(folder, 'copy')]
await writeFile(original, new Uint8Array(SIZE).fill(0x71))
const sha256 = async (path: string): Promise<string> =>
  createHash('sha256')
    .update(await readFile(path))
    .digest('hex')

/** The server's side: the file goes out on a stream that the server opens. */
async function send(connection: QuicConnection, path: string): Promise<void> {
  const stream = await connection.createUnidirectionalStream()
  const writer = stream.writable.getWriter()
  let mostQueued = 0
  for await (const chunk of createReadStream(path)) {
    await writer.write(chunk) // waits while the peer, the network and our own buffer are full
    mostQueued = Math.max(mostQueued, connection.sendQueue.queuedBytes)
  }
  await writer.close()
  console.log(`server: all is acknowledged; at most ${mostQueued} bytes of ${SIZE} waited here`)
}

const certificate = await devCertificate()
await using server = await listen(await udp({ host: '127.0.0.1' }), { alpn: ['file'], certificate })
void (async () => {
  for await (const connection of server) send(connection, original).catch(console.error)
})()

await using connection = await connect(await udp(), {
  address: server.address,
  alpn: ['file'],
  serverCertificateHashes: [certificate.hash],
  maxReceiveWindow: 1_048_576, // bytes the server may be ahead of this reader
})
const file = await open(copy, 'w')
let received = 0
let shown = 0
for await (const stream of connection.incomingUnidirectionalStreams) {
  for await (const chunk of stream.readable) {
    await file.write(chunk)
    received += chunk.length
    if (received < ((shown + 25) * SIZE) / 100) continue
    shown += 25
    console.log(`client: ${shown} %`)
    if (shown === 50) await new Promise((resolve) => setTimeout(resolve, 300)) // a slow reader
  }
  break // one file is all we wanted
}
await file.close()
console.log(
  `SHA-256 is ${(await sha256(copy)) === (await sha256(original)) ? 'the same' : 'NOT the same'} on both sides`,
)
await rm(folder, { recursive: true })
