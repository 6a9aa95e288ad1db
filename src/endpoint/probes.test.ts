import { describe, expect, test } from 'vitest'
import { FrameType } from '../wire/frame.ts'
import { PacketType } from '../wire/packet-type.ts'
import { Pair } from './test-pair.fixtures.ts'

describe('The two probes of a probe timeout', () => {
  //= rfc9002#6.2.4-p1-1
  test('both carry the ClientHello: a server need not make sense of an Initial packet without one', () => {
    const hellos: boolean[] = []
    const pair = new Pair({
      tap: (_bytes, from) => from === 'server',
      clientObserver: {
        packetSent: ({ type }, frames) => {
          if (type === PacketType.initial) hellos.push(frames.some((frame) => frame.type === FrameType.crypto))
        },
      },
    })
    pair.connect()
    pair.run(() => hellos.length >= 7)
    expect(hellos.slice(0, 7)).toEqual([true, true, true, true, true, true, true])
  })

  test('both carry the end of a stream', () => {
    let isDark = false
    const ends: boolean[] = []
    const pair = new Pair({
      tap: () => !isDark,
      clientObserver: {
        packetSent: (_packet, frames) => {
          if (isDark) ends.push(frames.some((frame) => frame.type === FrameType.stream))
        },
      },
    })
    const { client } = pair.handshake()
    pair.run(() => false, 1000)
    isDark = true
    const stream = client.streams.open('bidirectional')
    stream?.send?.write(Uint8Array.of(1, 2, 3))
    stream?.send?.finish()
    pair.client.endpoint.wake(client)
    pair.run(() => ends.length >= 5, 5000)
    expect(ends.slice(0, 5)).toEqual([true, true, true, true, true])
  })
})
