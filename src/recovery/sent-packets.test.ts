import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PacketSpace } from '../wire/packet-type.ts'
import { APP, Scenario } from './recovery.fixtures.ts'
import { PacketState, type SentPacket, SentPackets } from './sent-packets.ts'

const { path } = new Scenario()

function send(ring: SentPackets): SentPacket {
  const packet = ring.begin(path)
  packet.state = PacketState.outstanding
  return packet
}

describe('the ring', () => {
  //= rfc9000#12.3-p8-1
  test('hands numbers out in order, grows, and keeps every record at its number', () => {
    const ring = new SentPackets(APP)
    const packets = Array.from({ length: 1000 }, () => send(ring))
    expect(packets.map((packet) => packet.number)).toEqual(Array.from({ length: 1000 }, (_, n) => n))
    for (const packet of packets) expect(ring.at(packet.number)).toBe(packet)
    expect([ring.base, ring.next]).toEqual([0, 1000])
  })

  test('uses records again', () => {
    const ring = new SentPackets(PacketSpace.initial)
    const seen = new Set<SentPacket>()
    for (let i = 0; i < 1000; i++) {
      seen.add(send(ring))
      if (i >= 5) ring.dropFirst()
    }
    expect(seen.size).toBeLessThanOrEqual(8)
    expect(ring.at(999).number).toBe(999)
  })

  //= rfc9000#12.3-p10-1
  test('a large ring gives its records up once few packets are left, and keeps those at their numbers', () => {
    const ring = new SentPackets(APP)
    for (let i = 0; i < 5000; i++) send(ring)
    expect(ring.capacity).toBe(8192)
    for (let i = 0; i < 4871; i++) ring.dropFirst()
    expect(ring.capacity).toBe(8192)
    const left = Array.from({ length: 128 }, (_, index) => ring.at(4872 + index))
    ring.dropFirst()
    expect(ring.capacity).toBe(256)
    for (const packet of left) expect(ring.at(packet.number)).toBe(packet)
    expect(left.map(({ number, state }) => [number, state])).toEqual(
      left.map((_, index) => [4872 + index, PacketState.outstanding]),
    )
    expect(send(ring).number).toBe(5000)
    for (let i = 0; i < 129; i++) ring.dropFirst()
    expect([ring.base, ring.next, ring.capacity]).toEqual([5001, 5001, 256])
  })

  test('a ring of common size keeps them, however often it empties', () => {
    const ring = new SentPackets(APP)
    const seen = new Set<SentPacket>()
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 128; i++) seen.add(send(ring))
      for (let i = 0; i < 128; i++) ring.dropFirst()
    }
    expect(seen.size).toBe(128)
  })

  test('gives back the number of the last packet begun, and of no other', () => {
    const ring = new SentPackets(APP)
    send(ring)
    const packet = ring.begin(path)
    ring.cancel(packet)
    expect(ring.next).toBe(1)
    expect(ring.begin(path).number).toBe(1)
    const second = ring.begin(path)
    expect(() => ring.cancel(ring.at(1))).toThrow('begun last')
    second.state = PacketState.outstanding
    expect(() => ring.cancel(second)).toThrow('begun last')
  })

  test('a cleared ring keeps no record and goes on with its numbers', () => {
    const ring = new SentPackets(APP)
    for (let i = 0; i < 20; i++) send(ring)
    ring.clear()
    expect([ring.base, ring.next]).toEqual([20, 20])
    expect(send(ring).number).toBe(20)
  })
})

describe('walking over what cannot be acknowledged any more', () => {
  test('finds the next live packet as a plain walk does', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('send' as const) }),
      fc.record({ kind: fc.constant('skip' as const) }),
      fc.record({ kind: fc.constant('settle' as const), at: fc.nat(60), length: fc.integer({ min: 1, max: 12 }) }),
      fc.record({ kind: fc.constant('drop' as const) }),
      fc.record({ kind: fc.constant('walk' as const), at: fc.nat(60) }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const ring = new SentPackets(APP)
        const live = new Set<number>()
        for (const { kind, ...rest } of steps) {
          const at = Math.min(ring.base + ('at' in rest ? rest.at : 0), ring.next)
          if (kind === 'send') live.add(send(ring).number)
          else if (kind === 'skip') ring.skip()
          else if (kind === 'drop' && ring.base < ring.next) {
            live.delete(ring.base)
            ring.dropFirst()
          } else if (kind === 'settle') {
            const end = Math.min(at + ('length' in rest ? rest.length : 0), ring.next)
            for (let n = ring.nextLive(at); n < end; n = ring.nextLive(n + 1)) {
              ring.at(n).state = PacketState.acked
              live.delete(n)
            }
          }
          let expected = at
          while (expected < ring.next && !live.has(expected)) expected += 1
          expect(ring.nextLive(at)).toBe(expected)
        }
      }),
    )
  })

  test('ranges that every ACK repeats cost a step each, not one for each packet', () => {
    const ring = new SentPackets(APP)
    for (let i = 0; i < 4096; i++) send(ring)
    for (let n = ring.nextLive(1); n < 4096; n = ring.nextLive(n + 1)) ring.at(n).state = PacketState.acked
    ring.nextLive(1)
    expect(ring.at(1).nextLive).toBe(4096)
    expect(ring.at(2000).nextLive).toBe(4096)
  })
})

test('a record keeps no frame and no owner alive once it is dropped', () => {
  const ring = new SentPackets(APP)
  const packet = send(ring)
  const frame = { type: 1 } as const
  const owner = { onAcked() {}, onLost() {} }
  packet.addFrame(frame, owner)
  expect(packet.frames.slice(0, packet.frameCount)).toEqual([frame])
  ring.dropFirst()
  expect(packet.frameCount).toBe(0)
  expect(packet.frames[0]).not.toBe(frame)
  expect(packet.owners[0]).not.toBe(owner)
  expect(packet.path).toBeUndefined()
})

describe('a STREAM frame', () => {
  const owner = { onAcked() {}, onLost() {} }

  test('is the record’s own, whatever packet it is of, as long as it is the only one', () => {
    const ring = new SentPackets(APP)
    const packet = ring.begin(path)
    const first = packet.streamFrame(4, 0, 1000, false)
    packet.addFrame(first, owner)
    const second = packet.streamFrame(8, 500, 20, true)
    packet.addFrame(second, owner)
    expect(first).toMatchObject({ streamId: 4, offset: 0, length: 1000, fin: false })
    expect(second).toMatchObject({ streamId: 8, offset: 500, length: 20, fin: true })
    packet.begin(99, PacketState.building, APP, path)
    const next = packet.streamFrame(12, 3, 2, true)
    expect(next).toBe(first)
    expect(next).toMatchObject({ streamId: 12, offset: 3, length: 2, fin: true })
  })

  test('is another one for whoever keeps what a packet carried', () => {
    const packet = new SentPackets(APP).begin(path)
    packet.addFrame(packet.streamFrame(4, 0, 1000, false), owner)
    const kept = packet.copyFrames()
    packet.begin(99, PacketState.building, APP, path)
    packet.addFrame(packet.streamFrame(8, 7, 6, true), owner)
    expect(kept).toMatchObject([{ streamId: 4, offset: 0, length: 1000, fin: false }])
  })
})
