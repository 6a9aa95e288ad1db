/**
 * `npm start`: a server and a client in two processes, 100 MB over real UDP on loopback, encrypted and verified, with
 * progress; then what the connection was like in numbers. No flag, no certificate, no second terminal.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { createHash, randomFillSync } from 'node:crypto'
import { mkdtemp, open, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { udp } from '../../transports/udp.ts'
import { connect } from '../api/client.ts'
import type { QuicConnection } from '../api/connection.ts'
import { devCertificate } from '../api/dev.ts'
import { listen } from '../api/server.ts'
import type { QuicStats } from '../api/stats.ts'
import { get, HQ_ISOQUIC, serveConnection } from './hq.ts'
import { formatBytes, Progress } from './progress.ts'
import { table } from './table.ts'

const SIZE = Number(process.env['ISOQUIC_START_BYTES'] ?? 100_000_000)

/** What the server's process tells the client's. */
interface ServerReady {
  readonly address: string
  readonly hash: string
}

/** The server's process: serves one folder until it is told to stop. */
async function serve(folder: string): Promise<void> {
  const certificate = await devCertificate()
  const server = await listen(await udp({ host: '127.0.0.1', port: 0 }), { alpn: [HQ_ISOQUIC], certificate })
  const hash = Buffer.from(certificate.hash.value).toString('hex')
  process.send?.({ address: server.address, hash } satisfies ServerReady)
  process.once('disconnect', () => void server.close().then(() => process.exit(0)))
  for await (const connection of server) {
    serveConnection(connection, folder).catch(() => {})
    // The sender knows the losses and the window.
    process.on('message', () => void connection.getStats().then(({ quic }) => process.send?.(quic)))
  }
}

/** Writes `SIZE` random bytes and returns their SHA-256. */
async function writeFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  const file = await open(path, 'w')
  const block = new Uint8Array(1 << 20)
  for (let written = 0; written < SIZE; written += block.length) {
    const part = randomFillSync(block).subarray(0, Math.min(block.length, SIZE - written))
    hash.update(part)
    await file.write(part)
  }
  await file.close()
  return hash.digest('hex')
}

async function download(connection: QuicConnection, path: string): Promise<string> {
  const hash = createHash('sha256')
  const file = await open(path, 'w')
  const progress = new Progress('random.bin', SIZE, process.stdout, () => performance.now())
  try {
    await get(connection, '/random.bin', async (bytes) => {
      hash.update(bytes)
      progress.add(bytes.length)
      await file.write(bytes)
    })
  } finally {
    await file.close()
  }
  progress.finish()
  return hash.digest('hex')
}

/** The numbers of the server's end. */
function senderStats(server: ChildProcess): Promise<QuicStats> {
  const answer = new Promise<QuicStats>((resolve) => {
    server.once('message', (message) => resolve(message as QuicStats))
  })
  server.send('stats')
  return answer
}

async function run(folder: string): Promise<boolean> {
  const expected = await writeFile(join(folder, 'random.bin'))
  const server = fork(fileURLToPath(import.meta.url), ['--serve', folder])
  const { address, hash } = await new Promise<ServerReady>((resolve, reject) => {
    server.once('message', (message) => resolve(message as ServerReady))
    server.once('exit', (code) => reject(new Error(`The server's process ended with ${code}`)))
  })
  console.log(`A server listens on ${address} (UDP) and shows a certificate made a moment ago.`)
  const begin = performance.now()
  const connection = await connect(await udp({ host: '127.0.0.1', port: 0 }), {
    address,
    alpn: [HQ_ISOQUIC],
    serverCertificateHashes: [{ algorithm: 'sha-256', value: Buffer.from(hash, 'hex') }],
  })
  const handshake = performance.now() - begin
  const start = performance.now()
  const actual = await download(connection, join(folder, 'copy.bin'))
  const elapsed = performance.now() - start
  const { size } = await stat(join(folder, 'copy.bin'))
  const stats = await connection.getStats()
  const sender = await senderStats(server)
  await connection.close()
  server.disconnect()
  const same = actual === expected && size === SIZE
  console.log(`\nSHA-256 ${actual}: ${same ? 'the same on both sides' : `NOT what was sent, ${expected}`}\n`)
  console.log(
    table([
      ['handshake', `${handshake.toFixed(1)} ms`, 'TLS 1.3, certificate pinned by its hash'],
      [
        'goodput',
        `${formatBytes((SIZE / elapsed) * 1000)}/s`,
        `${formatBytes(SIZE)} in ${(elapsed / 1000).toFixed(2)} s`,
      ],
      ['RTT', `${stats.smoothedRtt.toFixed(2)} ms`, `least ${stats.minRtt.toFixed(2)} ms`],
      [
        'packets',
        `${stats.packetsReceived} received`,
        `${stats.packetsSent} sent in answer; ${sender.mtu} bytes each at most`,
      ],
      ['losses', `${sender.packetsLost}`, `of ${sender.packetsSent} packets sent`],
      ['congestion window', formatBytes(sender.congestionWindow), `${formatBytes(sender.bytesInFlight)} in flight`],
    ]),
  )
  return same
}

async function main(): Promise<void> {
  const [flag, served] = process.argv.slice(2)
  if (flag === '--serve' && served !== undefined) return serve(served)
  const folder = await mkdtemp(join(tmpdir(), 'isoquic-'))
  try {
    if (!(await run(folder))) process.exitCode = 1
  } finally {
    await rm(folder, { recursive: true })
  }
}

await main()
