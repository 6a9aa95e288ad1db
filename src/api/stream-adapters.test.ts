/** The end of a connection may fall between two turns: the streams of the platform wait for the event that tells of it. */
import { expect, test } from 'vitest'
import { StreamClosedError } from '../streams/stream-error.ts'
import { rejection } from './pipe.fixtures.ts'
import { ReadableAdapter, type ReceiveHalf } from './receive-stream.ts'
import { type SendHalf, WritableAdapter } from './send-stream.ts'
import { createWritable } from './stream-writer.ts'

const gone = (): never => {
  throw new StreamClosedError(0, 'connection')
}
const host = { wake: () => {}, codeOf: () => 0n, onEnd: () => {} }

test('a read at the end of the connection fails with what the event tells', async () => {
  const half: ReceiveHalf = { read: gone, stop: () => {}, readableBytes: 0, resetCode: undefined, isFinished: false }
  const adapter = new ReadableAdapter(half, host, (source): ReadableStream<Uint8Array> => new ReadableStream(source))
  const reading = rejection(adapter.readable.getReader().read())
  await Promise.resolve()
  const error = new Error('the connection is over')
  adapter.onError(error)
  expect(await reading).toBe(error)
})

test('a write and a close at the end of the connection fail with what the event tells', async () => {
  const half: SendHalf = {
    ...{ write: gone, finish: gone, reset: () => {}, resetAt: () => {} },
    ...{ credit: 0, canResetAt: false, bytesWritten: 0, isTerminal: false },
  }
  for (const act of ['write', 'close'] as const) {
    const adapter = new WritableAdapter(half, host, createWritable)
    const writer = adapter.writable.getWriter()
    writer.closed.catch(() => {})
    const acting = rejection(act === 'write' ? writer.write(new Uint8Array(1)) : writer.close())
    await Promise.resolve()
    const error = new Error('the connection is over')
    adapter.onError(error)
    expect(await acting).toBe(error)
  }
})
