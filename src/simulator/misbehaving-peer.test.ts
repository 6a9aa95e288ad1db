import { describe, expect, test } from 'vitest'
import { FrameType } from '../wire/frame.ts'
import { PacketType } from '../wire/packet-type.ts'
import { TransportErrorCode } from '../wire/transport-error.ts'
import { MisbehavingPeer, varint } from './misbehaving-peer.ts'

const PING = 0x01

describe.each(['real', 'checksum'] as const)('a peer that misbehaves, with %s protection', (protection) => {
  test.each(['client', 'server'] as const)('as a %s breaks a rule, and the victim says which', (role) => {
    const peer = new MisbehavingPeer(role, { protection }).connect('connected')
    // A stream that only the victim may open, and has not (RFC 9000 §19.8).
    peer.send([0x0a, ...varint(role === 'client' ? 3 : 2), 1, 0x61])
    expect(peer.closeReason).toMatchObject({
      kind: 'transport',
      side: 'local',
      code: TransportErrorCode.STREAM_STATE_ERROR,
    })
    expect(peer.closeOnWire()).toEqual({ errorCode: TransportErrorCode.STREAM_STATE_ERROR, frameType: 0x0an })
  })

  test.each(['client', 'server'] as const)('as a %s speaks at every stage, and is heard', (role) => {
    for (const [stage, type] of [
      ['initial', PacketType.initial],
      ['handshake', PacketType.handshake],
      ['connected', PacketType.oneRtt],
    ] as const) {
      const peer = new MisbehavingPeer(role, { protection }).connect(stage)
      const { packetsReceived } = peer.connection.stats()
      expect(peer.canSeal(type)).toBe(true)
      peer.send([PING], { type })
      expect(peer.connection.stats().packetsReceived).toBe(packetsReceived + 1)
      expect(peer.closeReason).toBeUndefined()
    }
  })

  test('opens what the victim says, key updates included', () => {
    const peer = new MisbehavingPeer('client', { protection }).connect('connected')
    expect(peer.framesOfVictim().some(({ type }) => type === FrameType.handshakeDone)).toBe(true)
    const number = peer.nextNumber(PacketType.oneRtt)
    peer.send([PING], { generation: 1 })
    peer.run(100)
    const ack = peer.framesOfVictim().findLast(({ type }) => type === FrameType.ack)
    expect(ack?.type === FrameType.ack && ack.ranges.has(number)).toBe(true)
    expect(peer.largestOfVictim(PacketType.oneRtt)).toBeGreaterThan(0)
  })
})

describe('varint', () => {
  test.each<[number | bigint, 1 | 2 | 4 | 8 | undefined, number[]]>([
    [37, undefined, [0x25]],
    [37, 2, [0x40, 0x25]],
    [15_293, undefined, [0x7b, 0xbd]],
    [494_878_333, undefined, [0x9d, 0x7f, 0x3e, 0x7d]],
    [151_288_809_941_952_652n, undefined, [0xc2, 0x19, 0x7c, 0x5e, 0xff, 0x14, 0xe8, 0x8c]],
  ])('%s in %s bytes is as in RFC 9000 §A.1', (value, size, bytes) => {
    expect(varint(value, size)).toEqual(bytes)
  })
})
