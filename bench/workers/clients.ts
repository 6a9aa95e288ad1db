/** A process of clients, for `bench/workers.ts`: it gets tasks, and answers each with what was done. */
import { once } from 'node:events'
import { connect } from '../../src/api/client.ts'
import type { QuicConnection } from '../../src/api/connection.ts'
import { udp } from '../../transports/udp.ts'
import { ALPN, REQUEST_LENGTH, type Tally, type Task } from './visits.ts'

const buffer = new Uint8Array(65_536)

async function dial({ address, pin }: Task): Promise<QuicConnection> {
  const serverCertificateHashes = [{ algorithm: 'sha-256' as const, value: pin }]
  return await connect(await udp({ host: '127.0.0.1' }), { address, alpn: [ALPN], serverCertificateHashes })
}

/** Asks for one answer, and calls `count` with each piece of it. */
async function ask(connection: QuicConnection, { bytes, work }: Task, count: (bytes: number) => void): Promise<void> {
  const stream = await connection.createBidirectionalStream()
  const request = new DataView(new ArrayBuffer(REQUEST_LENGTH))
  request.setUint32(0, bytes)
  request.setUint32(4, work)
  stream.tryWrite(new Uint8Array(request.buffer))
  stream.finish()
  for (;;) {
    const got = stream.read(buffer)
    if (got < 0) return
    if (got > 0) count(got)
    else await stream.whenReadable()
  }
}

async function run(task: Task): Promise<Tally> {
  let [visits, bytes] = [0, 0]
  let isOver = false
  const client = async (): Promise<void> => {
    let connection = await dial(task)
    while (!isOver) {
      await ask(connection, task, (length) => {
        bytes += length
      })
      visits += 1
      if (!task.connects) continue
      await connection.close()
      connection = await dial(task)
    }
    await connection.close()
  }
  const all = Promise.all(Array.from({ length: task.clients }, client))
  await new Promise((resolve) => setTimeout(resolve, task.warmUp))
  const before = { visits, bytes, at: performance.now() }
  await new Promise((resolve) => setTimeout(resolve, task.duration))
  const counted = { visits: visits - before.visits, bytes: bytes - before.bytes }
  const elapsed = performance.now() - before.at
  isOver = true
  await all
  return { ...counted, elapsed, total: { visits, bytes } }
}

for (;;) {
  const [task] = (await once(process, 'message')) as [Task]
  process.send?.(await run(task))
}
