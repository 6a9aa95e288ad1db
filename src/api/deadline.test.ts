import { describe, expect, test } from 'vitest'
import type { QuicDeadlineDetail } from './connection-streams.ts'
import { FrameLog } from './frame-log.fixtures.ts'
import { bytesOf, rejection, Stage } from './pipe.fixtures.ts'

async function begun() {
  const log = new FrameLog()
  const stage = new Stage({ client: { observer: log.observer }, server: { initialMaxStreamDataBidiRemote: 5000 } })
  const { client, peer } = await stage.connected()
  const stream = await client.createBidirectionalStream()
  const heard: QuicDeadlineDetail[] = []
  client.addEventListener('deadline', (event) => heard.push((event as CustomEvent<QuicDeadlineDetail>).detail))
  return { environment: stage.environment, client, peer, stream, log, heard }
}

describe('A deadline that passes', () => {
  test('tells which stream it was, then resets and stops it, unless told otherwise', async () => {
    const { environment, client, stream, log, heard } = await begun()
    const order: string[] = []
    client.addEventListener('deadline', () => order.push('event'))
    stream.closed.catch(() => order.push('closed'))
    const writer = stream.writable.getWriter()
    const writing = writer.write(bytesOf(400_000))
    writing.catch(() => {})
    const reading = stream.readable.getReader().read()
    reading.catch(() => {})
    stream.setDeadline(500)
    await environment.pass(200)
    expect(stream.deadline).toEqual({ remaining: expect.closeTo(300, 0), action: 'both' })
    await environment.pass(299)
    expect([heard, log.of('resetStream')]).toEqual([[], []])
    await environment.pass(2)
    expect(heard).toEqual([{ stream, action: 'both' }])
    expect(log.of('resetStream')).toMatchObject([{ errorCode: 0xffn, finalSize: 5000 }])
    expect(log.of('stopSending')).toMatchObject([{ errorCode: 0xffn }])
    const message = `The deadline of stream ${stream.id} passed: it was reset with code 255`
    for (const promise of [writing, reading, stream.closed]) {
      expect(await rejection(promise)).toMatchObject({ message, code: 0xffn, side: 'local' })
    }
    expect([client.sendQueue.queuedBytes, stream.deadline, order]).toEqual([0, undefined, ['event', 'closed']])
  })

  test('with the action notify only tells, and with reset only resets, with the given code', async () => {
    const { environment, client, stream, log, heard } = await begun()
    stream.tryWrite(bytesOf(10))
    stream.setDeadline(50, { action: 'notify' })
    await environment.pass(100)
    expect([heard, log.of('resetStream')]).toEqual([[{ stream, action: 'notify' }], []])
    expect(stream.tryWrite(bytesOf(10))).toBe(10)
    stream.setDeadline(50, { action: 'reset', code: 9n })
    await environment.pass(100)
    expect(heard.length).toBe(1)
    expect(log.of('resetStream')).toMatchObject([{ errorCode: 9n }])
    expect(await rejection(stream.closed)).toMatchObject({ code: 9n })
    expect(client.state).toBe('connected')
  })
})

describe('A deadline never fires', () => {
  test('that was cleared, replaced, or whose stream has ended', async () => {
    const { environment, client, peer, stream, log, heard } = await begun()
    void (async () => {
      for await (const each of peer.incomingBidirectionalStreams) each.readable.pipeTo(each.writable).catch(() => {})
    })()
    stream.setDeadline(50)
    stream.setDeadline(5000)
    await environment.pass(100)
    stream.clearDeadline()
    expect(stream.deadline).toBeUndefined()
    const other = await client.createBidirectionalStream()
    other.setDeadline(2000)
    other.tryWrite(bytesOf(10))
    void other.readable.pipeTo(new WritableStream())
    await environment.until(other.close())
    await environment.until(other.closed)
    expect(other.deadline).toBeUndefined()
    other.setDeadline(10)
    await environment.pass(10_000)
    expect([heard, log.of('resetStream'), other.deadline]).toEqual([[], [], undefined])
  })
})

test.each([
  [0, {}, RangeError, 'ms must be positive and finite, got 0'],
  [-1, {}, RangeError, 'ms must be positive and finite, got -1'],
  [Number.NaN, {}, RangeError, 'ms must be positive and finite, got NaN'],
  [Infinity, {}, RangeError, 'ms must be positive and finite, got Infinity'],
  ['5', {}, TypeError, 'ms must be a number, got string'],
  [5, { action: 'explode' }, TypeError, "action must be 'reset', 'notify' or 'both', got explode"],
  [5, { actoin: 'reset' }, TypeError, 'options has no member actoin'],
  [5, { code: -1 }, RangeError, 'code must be from 0 to 2^62-1, got -1'],
])('setDeadline(%s, %o) throws, and changes nothing', async (ms, options, type, message) => {
  const { stream } = await begun()
  stream.setDeadline(77)
  const call = (): void => stream.setDeadline(ms as number, options as object)
  expect(call).toThrow(type)
  expect(call).toThrow(message)
  expect(stream.deadline).toEqual({ remaining: 77, action: 'both' })
})
