import { describe, expect, test } from 'vitest'
import { bytesOf, Stage, type StageOptions } from './pipe.fixtures.ts'

/** A writer that never stops by itself, and the reader at the other end. */
async function flood(options: StageOptions) {
  const stage = new Stage(options)
  const { client, peer } = await stage.connected()
  const stream = await client.createUnidirectionalStream()
  const writer = stream.writable.getWriter()
  const chunk = bytesOf(10_000)
  const state = { written: 0, stop: false }
  const writing = (async () => {
    while (!state.stop) {
      await writer.ready
      await writer.write(chunk)
      state.written += chunk.length
    }
    await writer.close()
  })()
  writing.catch(() => {})
  const { value: far } = await stage.environment.until(peer.incomingUnidirectionalStreams.getReader().read())
  if (far === undefined) throw new Error('No stream')
  return { stage, client, peer, stream, far, state, writing }
}

const NARROW: StageOptions = {
  server: { initialMaxStreamDataUni: 65_536, initialMaxData: 65_536, maxReceiveWindow: 65_536 },
  client: { maxStreamSendBuffer: 50_000 },
}

describe('A reader that stops', () => {
  test('stops the writer at the other end, and nothing is held beyond both windows', async () => {
    const { stage, state, far, stream } = await flood(NARROW)
    await stage.environment.pass(20_000)
    expect(state.written).toBeGreaterThanOrEqual(65_536)
    expect(state.written).toBeLessThanOrEqual(65_536 + 50_000)
    expect(far.getStats().bytesReceived).toBe(65_536)
    expect(stream.getStats().bytesWritten).toBeLessThanOrEqual(65_536 + 50_000)
    const before = state.written
    await stage.environment.pass(5000)
    expect(state.written).toBe(before)
  })

  test('and goes on lets the writer go on, and every byte arrives', async () => {
    const { stage, state, far, writing } = await flood(NARROW)
    await stage.environment.pass(1000)
    const reader = far.readable.getReader()
    let read = 0
    for (;;) {
      const { done, value } = await stage.environment.until(reader.read())
      if (done) break
      expect([...value.subarray(0, 3)]).toEqual([...Array(3).keys()].map((at) => bytesOf(10_000)[(read + at) % 10_000]))
      read += value.length
      if (read > 1_500_000) state.stop = true
    }
    await stage.environment.until(writing)
    expect(read).toBe(state.written)
  })

  test('takes one stream with it, and not the others', async () => {
    const { stage, client, peer } = await flood({ ...NARROW, server: { initialMaxStreamDataUni: 65_536 } })
    const other = await client.createBidirectionalStream()
    const writer = other.writable.getWriter()
    void writer.write(bytesOf(100_000)).then(() => writer.close())
    const { value: far } = await stage.environment.until(peer.incomingBidirectionalStreams.getReader().read())
    if (far === undefined) throw new Error('No stream')
    const reader = far.readable.getReader()
    let read = 0
    for (;;) {
      const { done, value } = await stage.environment.until(reader.read())
      if (done) break
      read += value.length
    }
    expect(read).toBe(100_000)
  })
})

describe('A send queue', () => {
  test('says that it is congested, and when it is not any more', async () => {
    const stage = new Stage()
    const { client, peer } = await stage.connected()
    const stream = await client.createUnidirectionalStream()
    expect(client.sendQueue.congested).toBe(false)
    await client.drained()
    stream.tryWrite(bytesOf(200_000))
    expect(client.sendQueue.queuedBytes).toBe(200_000)
    expect(client.sendQueue.congested).toBe(true)
    const draining = client.drained()
    const { value: far } = await stage.environment.until(peer.incomingUnidirectionalStreams.getReader().read())
    void far?.readable.pipeTo(new WritableStream()).catch(() => {})
    await stage.environment.until(draining)
    expect(client.sendQueue.congested).toBe(false)
  })
})

describe('The number of streams', () => {
  test('is limited by the peer: who opens more waits, or is told at once', async () => {
    const stage = new Stage({ server: { maxIncomingBidirectionalStreams: 2 } })
    const { client, peer } = await stage.connected()
    const opened = []
    for (let count = 0; count < 2; count++) opened.push(await client.createBidirectionalStream())
    await expect(client.createBidirectionalStream({ waitUntilAvailable: false })).rejects.toThrow(
      'The peer allows no more bidirectional streams for now',
    )
    let isOpen = false
    const third = client.createBidirectionalStream().then((stream) => {
      isOpen = true
      return stream
    })
    await stage.environment.pass(1000)
    expect(isOpen).toBe(false)
    void (async () => {
      for await (const stream of peer.incomingBidirectionalStreams) {
        stream.readable.pipeTo(stream.writable).catch(() => {})
      }
    })()
    for (const stream of opened) {
      stream.finish()
      void stream.readable.pipeTo(new WritableStream()).catch(() => {})
    }
    expect((await stage.environment.until(third)).id).toBe(8)
  })
})
