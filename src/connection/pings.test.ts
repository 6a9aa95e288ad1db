import { describe, expect, test } from 'vitest'
import { FrameType } from '../wire/frame.ts'
import { PacketType } from '../wire/packet-type.ts'
import { packetFrom } from './owners.fixtures.ts'
import { Pings } from './pings.ts'

function make(): { pings: Pings; pongs: [number, number][] } {
  const pongs: [number, number][] = []
  return { pings: new Pings({ onPong: (id, rtt) => pongs.push([id, rtt]) }), pongs }
}

describe('PINGs that are asked for', () => {
  test('share a frame, and are answered with the time since it left', () => {
    const { pings, pongs } = make()
    expect([pings.request(), pings.request()]).toEqual([0, 1])
    const packet = packetFrom(pings, { now: 5 })
    expect(packet.frames.map(({ type }) => type)).toEqual([FrameType.ping])
    expect(pings.wantsToSend).toBe(false)
    packet.acked(47)
    packet.acked(60)
    expect(pongs).toEqual([
      [0, 42],
      [1, 42],
    ])
  })

  test('wait for 1-RTT packets, and for one with room', () => {
    const { pings } = make()
    pings.request()
    expect(packetFrom(pings, { type: PacketType.handshake }).frames).toEqual([])
    expect(packetFrom(pings, { size: 0 }).frames).toEqual([])
    expect(pings.wantsToSend).toBe(true)
  })

  test('are sent again where they are lost, once for each loss, and the answer to any of them counts', () => {
    const { pings, pongs } = make()
    pings.request()
    const first = packetFrom(pings, { now: 0 })
    first.lost()
    first.lost()
    const second = packetFrom(pings, { now: 100 })
    expect(second.frames).toHaveLength(1)
    second.lost()
    expect(pings.wantsToSend).toBe(true)
    first.acked(130)
    expect([pings.wantsToSend, pongs]).toEqual([false, [[0, 130]]])
    second.acked(131)
    expect(pongs).toHaveLength(1)
  })

  test('are forgotten where nobody waits any more', () => {
    const { pings, pongs } = make()
    pings.request()
    const id = pings.request()
    pings.cancel(id)
    const packet = packetFrom(pings)
    pings.cancel(0)
    packet.lost()
    expect(pings.wantsToSend).toBe(false)
    packet.acked(9)
    pings.request()
    pings.close()
    expect([pings.wantsToSend, pongs]).toEqual([false, []])
  })
})
