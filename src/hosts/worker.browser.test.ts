/** A page with a worker of its own. */
import { expect, test } from 'vitest'
import { messagePort } from '../../transports/message-port.ts'
import { devCertificate } from '../api/dev.ts'
import { listen } from '../api/server.ts'
import { QuicWorker } from './quic-worker.ts'
import type { WorkerConnection } from './worker-connection.ts'
import { QuicWorkerError } from './worker-errors.ts'

const start = (): Worker => new Worker(new URL('./page-worker.fixtures.ts', import.meta.url), { type: 'module' })

async function connected(worker: QuicWorker): Promise<WorkerConnection> {
  const { port1, port2 } = new MessageChannel()
  const certificate = await devCertificate()
  const server = await listen(messagePort(port1), { alpn: ['echo'], certificate })
  void (async () => {
    for await (const connection of server) {
      connection.serve({ stream: (stream) => stream.readable.pipeTo(stream.writable) })
    }
  })()
  const options = { alpn: ['echo'], serverCertificateHashes: [certificate.hash], transfer: [port2] }
  return await worker.connect({ port: port2 }, options)
}

test('a connection lives in the worker, over a port that was handed over', async () => {
  const worker = new QuicWorker(start())
  await worker.ready
  const connection = await connected(worker)
  const stream = await connection.createBidirectionalStream()
  const sent = crypto.getRandomValues(new Uint8Array(60_000))
  const writer = stream.writable.getWriter()
  const writing = writer.write(sent).then(() => writer.close())
  expect(new Uint8Array(await new Response(stream.readable).arrayBuffer())).toEqual(sent)
  await writing
  await connection.close()
  await worker.close()
})

test('nothing hangs when the worker is terminated behind its back', async () => {
  const thread = start()
  const worker = new QuicWorker(thread)
  const connection = await connected(worker)
  const stream = await connection.createBidirectionalStream()
  const waits = [connection.closed, stream.closed, stream.readable.getReader().read()]
  for (const wait of waits) wait.catch(() => {})
  thread.terminate()
  for (const wait of waits)
    await expect(wait).rejects.toThrow(new QuicWorkerError('The worker is gone: it was terminated', { side: 'local' }))
})

test('a worker whose script does not load is told of', async () => {
  const worker = new QuicWorker(new Worker(new URL('data:text/javascript,throw new Error("broken")')))
  await expect(worker.ready).rejects.toBeInstanceOf(QuicWorkerError)
  await expect(worker.connect({}, { alpn: ['echo'] })).rejects.toThrow('its script failed')
})
