import { describe, expect, test } from 'vitest'
import type { DatagramSink, DatagramTransport } from '../src/transport.ts'
import { type TransportPair, transportSuite } from './conformance.ts'
import { MemoryChannel } from './webrtc.fixtures.ts'
import { type WebRtcOptions, webrtc } from './webrtc.ts'

async function pairOf(ordered: boolean, maxRetransmits: number | null): Promise<TransportPair> {
  const [one, two] = MemoryChannel.pair(ordered, maxRetransmits)
  return { near: await webrtc(one), far: await webrtc(two), toFar: '', toNear: '' }
}

transportSuite('a data channel', () => pairOf(false, 0), { describe, test })
transportSuite('a data channel that is reliable', () => pairOf(true, null), { describe, test })

class Journal implements DatagramSink {
  readonly datagrams: number[][] = []
  drains = 0
  ends: (Error | undefined)[] = []
  datagram(bytes: Uint8Array): void {
    this.datagrams.push([...bytes])
  }
  drain(): void {
    this.drains += 1
  }
  closed(error?: Error): void {
    this.ends.push(error)
  }
}

async function opened(
  options: WebRtcOptions = {},
): Promise<{ channel: MemoryChannel; peer: MemoryChannel; transport: DatagramTransport; journal: Journal }> {
  const [channel, peer] = MemoryChannel.pair()
  const transport = await webrtc(channel, options)
  const journal = new Journal()
  transport.open(journal)
  return { channel, peer, transport, journal }
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))

describe('a data channel', () => {
  test('says of itself what its channel is', async () => {
    const of = async (ordered: boolean, maxRetransmits: number | null): Promise<object> =>
      (await webrtc(MemoryChannel.pair(ordered, maxRetransmits)[0])).properties
    const always = { congestionControlled: true, addressValidated: true, ecn: false }
    expect(await of(false, 0)).toEqual({ reliable: false, ordered: false, ...always })
    expect(await of(true, null)).toEqual({ reliable: true, ordered: true, ...always })
    expect((await opened()).transport.preferredDatagramSize).toBe(1150)
  })

  test('that is full holds back until the browser says that it is half empty', async () => {
    const { channel, journal, transport } = await opened({ highWaterMark: 3000 })
    channel.isBlocked = true
    expect([1, 2, 3].map(() => transport.send(new Uint8Array(1200), '', 0))).toEqual([true, true, false])
    expect(channel.bufferedAmountLowThreshold).toBe(1500)
    expect(transport.send(new Uint8Array(1200), '', 0)).toBe(false)
    expect(channel.bufferedAmount).toBe(3600)
    channel.release()
    expect(journal.drains).toBe(1)
    expect(transport.send(new Uint8Array(1200), '', 0)).toBe(true)
  })

  test('whose send throws has lost a datagram, and no more', async () => {
    const { channel, journal, transport } = await opened()
    channel.isBlocked = true
    for (let index = 0; index < 60; index++) transport.send(new Uint8Array(1200), '', 0)
    channel.failure = new Error('OperationError: send queue is full')
    expect(transport.send(new Uint8Array(1200), '', 0)).toBe(false)
    expect(journal.ends).toEqual([])
    channel.release()
    expect(journal.drains).toBe(1)
    channel.failure = new Error('InvalidStateError')
    expect(transport.send(new Uint8Array(1200), '', 0)).toBe(true)
  })

  test('is closed when what was sent has left', async () => {
    const { channel, transport, journal } = await opened()
    channel.isBlocked = true
    transport.send(Uint8Array.of(1), '', 0)
    transport.close()
    await turn()
    expect([channel.readyState, journal.ends.length]).toEqual(['open', 1])
    channel.release()
    expect(channel.readyState).toBe('closed')
  })

  test('drops a text', async () => {
    const { channel, journal } = await opened()
    channel.dispatch('message', { data: 'hello' })
    expect([journal.datagrams, journal.ends]).toEqual([[], []])
  })

  test('that the other end closes tells so', async () => {
    const { peer, journal } = await opened()
    peer.close()
    await turn()
    expect(journal.ends).toEqual([new Error('The data channel was closed by the other end')])
  })

  test('that closes before it has opened is an error', async () => {
    const [channel] = MemoryChannel.pair()
    channel.readyState = 'connecting'
    const opening = webrtc(channel)
    channel.dispatch('close', {})
    await expect(opening).rejects.toThrow('The data channel was closed before it opened')
    const [closed] = MemoryChannel.pair()
    closed.readyState = 'closed'
    await expect(webrtc(closed)).rejects.toThrow('The data channel was closed before it opened')
  })

  test('that opens while it is looked at, as packages with threads of their own do, is open', async () => {
    const [channel] = MemoryChannel.pair()
    let looks = 0
    Object.defineProperty(channel, 'readyState', { get: () => (looks++ === 0 ? 'connecting' : 'open') })
    const opening = webrtc(channel)
    channel.dispatch('open', {})
    expect((await opening).maxDatagramSize).toBe(1500)
  })

  test('takes sizes within bounds', async () => {
    const [channel] = MemoryChannel.pair()
    await expect(webrtc(channel, { highWaterMark: (1 << 20) + 1 })).rejects.toThrow('highWaterMark must be from 1 to')
    await expect(webrtc(channel, { preferredDatagramSize: 2000 })).rejects.toThrow('preferredDatagramSize must be from')
  })
})
