/** Proves: each rule of RFC 9000 and 9001 that a peer with the keys breaks gives CONNECTION_CLOSE with the right code and frame type, and the application learns it. */
import { describe, expect, test } from 'vitest'
import { PacketType, type ProtectedPacketType } from '../../src/wire/packet-type.ts'
import { TransportErrorCode as E } from '../../src/wire/transport-error.ts'
import { MisbehavingPeer, type Stage, v } from './misbehaving-peer.fixtures.ts'
import { idBytes, MAX, newId, type Rule, reset, streamId, testRules } from './rules.fixtures.ts'

const { initial, handshake, oneRtt } = PacketType

/** A frame of each type, well-formed and harmless, with its type. */
function samples(peer: MisbehavingPeer): readonly (readonly [type: number, bytes: number[]])[] {
  const own = streamId(peer, 'peer', 'bidi')
  return [
    [0x00, [0, 0, 0, 0]],
    [0x01, [1]],
    [0x02, [0x02, ...v(0), 0, 0, 0]],
    [0x04, reset(own, 0)],
    [0x05, [0x05, ...v(own), 1]],
    [0x07, [0x07, 1, 1]],
    ...Array.from({ length: 8 }, (_, flags): [number, number[]] => [
      0x08 + flags,
      [0x08 + flags, ...v(own), ...(flags & 4 ? [0] : []), ...(flags & 2 ? [1] : []), 7],
    ]),
    [0x10, [0x10, 0]],
    [0x11, [0x11, ...v(own), 0]],
    [0x12, [0x12, 0]],
    [0x13, [0x13, 0]],
    [0x14, [0x14, 0]],
    [0x15, [0x15, ...v(own), 0]],
    [0x16, [0x16, 0]],
    [0x17, [0x17, 0]],
    [0x18, newId(1, 0, idBytes(1))],
    [0x19, [0x19, 0]],
    [0x1a, [0x1a, 1, 2, 3, 4, 5, 6, 7, 8]],
    [0x1b, [0x1b, 1, 2, 3, 4, 5, 6, 7, 8]],
    [0x1d, [0x1d, 0, 0]],
    [0x1e, [0x1e]],
    [0x30, [0x30, 1]],
    [0x31, [0x31, 1, 1]],
  ]
}

const WHERE: readonly (readonly [Stage, ProtectedPacketType])[] = [
  ['initial', initial],
  ['handshake', handshake],
  ['connected', oneRtt],
]

const FRAMES: readonly Rule[] = [
  // ── Frames as such (RFC 9000 §12.4) ──
  //= rfc9000#12.4-p16-1
  ...[0x20, 0x21, 0x2f, 0x32, 0x3f].map(
    (type): Rule => ({
      name: `a frame of the unknown type 0x${type.toString(16)}`,
      steps: () => [[[type, 0, 0]]],
      code: E.FRAME_ENCODING_ERROR,
      frameType: type,
    }),
  ),
  ...[0x40n, 0xafn, 0x4000n, 0x1234_5678n, MAX].map(
    (type): Rule => ({
      name: `a frame of the unknown type 0x${type.toString(16)}`,
      steps: () => [[v(type)]],
      code: E.FRAME_ENCODING_ERROR,
      frameType: type,
    }),
  ),
  //= rfc9000#12.4-p18-1
  ...([2, 4, 8] as const).map(
    (size): Rule => ({
      name: `PING whose type takes ${size} bytes`,
      steps: () => [[v(1, size)]],
      code: E.PROTOCOL_VIOLATION,
      frameType: 1,
    }),
  ),
  { name: 'PADDING whose type takes 2 bytes', steps: () => [[[0x40, 0x00]]], code: E.PROTOCOL_VIOLATION, frameType: 0 },
  { name: 'a frame cut short', steps: () => [[[0x10]]], code: E.FRAME_ENCODING_ERROR, frameType: 0x10 },
  { name: 'a frame type cut short', steps: () => [[[0xc0, 0]]], code: E.FRAME_ENCODING_ERROR },
  ...WHERE.flatMap(([stage, type]): Rule[] => [
    {
      //= rfc9000#12.4-p3-2
      name: `a packet without frames, ${stage}`,
      stage,
      steps: () => [[[], { type }]],
      code: E.PROTOCOL_VIOLATION,
      frameType: 0,
    },
    {
      //= rfc9000#17.2-p8.2-2
      //= rfc9000#17.3.1-p4.8-2
      name: `reserved bits, ${stage}`,
      stage,
      steps: () => [[[1, 0, 0], { type, bits: type === oneRtt ? 0x08 : 0x04 }]],
      code: E.PROTOCOL_VIOLATION,
      frameType: 0,
    },
    {
      //= rfc9000#13.1-p3-1
      name: `ACK of what was never sent, ${stage}`,
      stage,
      steps: (peer) => [[[0x02, ...v(peer.largestOfVictim(type) + 1000), 0, 0, 0], { type }]],
      code: E.PROTOCOL_VIOLATION,
      frameType: 2,
    },
    {
      name: `ACK of 2^62-1, ${stage}`,
      stage,
      steps: () => [[[0x03, ...v(MAX), 0, 0, 0, 0, 0, 0], { type }]],
      code: E.PROTOCOL_VIOLATION,
      frameType: 3,
    },
    {
      //= rfc9000#19.3.1-p14-1
      name: `ACK whose ranges pass below 0, ${stage}`,
      stage,
      steps: () => [[[0x02, 0, 0, 0, 1], { type }]],
      code: E.FRAME_ENCODING_ERROR,
      frameType: 2,
    },
    {
      name: `ACK that announces 2^62-1 ranges, ${stage}`,
      stage,
      steps: () => [[[0x02, 0, 0, ...v(MAX), 0], { type }]],
      code: E.FRAME_ENCODING_ERROR,
      frameType: 2,
    },
    {
      //= rfc9000#7.5-p3-1
      name: `CRYPTO beyond the buffer, ${stage}`,
      stage,
      steps: () => [[[0x06, ...v(1_000_000), 1, 0], { type }]],
      code: E.CRYPTO_BUFFER_EXCEEDED,
      frameType: 6,
    },
    {
      //= rfc9000#19.6-p7-1
      name: `CRYPTO beyond 2^62-1, ${stage}`,
      stage,
      steps: () => [[[0x06, ...v(MAX), 2, 0, 0], { type }]],
      code: E.FRAME_ENCODING_ERROR,
      frameType: 6,
    },
  ]),
  // ── Roles ──
  {
    //= rfc9000#19.20-p4-2
    name: 'HANDSHAKE_DONE to a server',
    by: 'client',
    steps: () => [[[0x1e]]],
    code: E.PROTOCOL_VIOLATION,
    frameType: 0x1e,
  },
  {
    //= rfc9000#19.7-p7-2
    name: 'NEW_TOKEN to a server',
    by: 'client',
    steps: () => [[[0x07, 1, 1]]],
    code: E.PROTOCOL_VIOLATION,
    frameType: 0x07,
  },
  {
    //= rfc9000#19.7-p5.4-2
    name: 'NEW_TOKEN without a token',
    by: 'server',
    steps: () => [[[0x07, 0]]],
    code: E.FRAME_ENCODING_ERROR,
    frameType: 0x07,
  },
  { name: 'HANDSHAKE_DONE a second time goes on', by: 'server', steps: () => [[[0x1e]], [[0x1e, 0x1e]]] },
  // ── DATAGRAM (RFC 9221 §3) ──
  ...[0x30, 0x31].map(
    (type): Rule => ({
      //= rfc9221#3-p3-3
      name: `DATAGRAM 0x${type.toString(16)} that was not negotiated`,
      config: { maxDatagramFrameSize: 0 },
      steps: () => [[[type, 0, 0]]],
      code: E.PROTOCOL_VIOLATION,
      frameType: type,
    }),
  ),
  ...(
    [
      [0x30, [0x30, 1, 2, 3, 4], [0x30, 1, 2, 3, 4, 5]],
      [0x31, [0x31, 3, 1, 2, 3], [0x31, 4, 1, 2, 3, 4]],
      // The limit counts the length as it is written, and longer than need be it is longer.
      [0x31, [0x31, 3, 1, 2, 3], [0x31, ...v(3, 2), 1, 2, 3]],
    ] as const
  ).flatMap(([type, allowed, tooLarge], index): Rule[] => [
    {
      name: `DATAGRAM 0x${type.toString(16)} as large as the limit goes on (${index})`,
      config: { maxDatagramFrameSize: 5 },
      steps: () => [[allowed]],
    },
    {
      //= rfc9221#3-p3-4
      name: `DATAGRAM 0x${type.toString(16)} larger than was allowed (${index})`,
      config: { maxDatagramFrameSize: 5 },
      steps: () => [[tooLarge]],
      code: E.PROTOCOL_VIOLATION,
      frameType: type,
    },
  ]),
  // ── Keys and TLS (RFC 9001 §4, §6, §8) ──
  {
    //= rfc9001#6-p5-2
    name: 'a TLS KeyUpdate message',
    steps: (_peer) => [[[0x06, ...v(0), 5, 24, 0, 0, 1, 0]]],
    code: 0x10an,
    frameType: 6,
  },
  {
    name: 'a TLS Finished message after the handshake',
    steps: (_peer) => [[[0x06, ...v(0), 4, 20, 0, 0, 0]]],
    code: 0x10an,
    frameType: 6,
  },
  {
    name: 'a key update twice before anything was sent under the keys of the first',
    config: { mtu: { max: 1200 } },
    steps: () => [
      [[0], { generation: 1 }],
      [[0], { generation: 2 }],
    ],
    code: E.KEY_UPDATE_ERROR,
    frameType: 0,
  },
  {
    //= rfc9001#6.4-p2-2
    name: 'old keys on a packet numbered above one with new keys',
    steps: (peer) => {
      const number = peer.nextNumber(oneRtt)
      return [
        [[1], { generation: 1, number }],
        [[1], { generation: 1, number: number + 10 }],
        [[1], { generation: 0, number: number + 5 }],
      ]
    },
    code: E.KEY_UPDATE_ERROR,
    frameType: 0,
  },
  {
    name: 'new keys on a packet numbered below one with old keys',
    steps: (peer) => {
      const number = peer.nextNumber(oneRtt)
      return [
        [[1], { generation: 0, number: number + 10 }],
        [[1], { generation: 1, number: number + 5 }],
      ]
    },
    code: E.KEY_UPDATE_ERROR,
    frameType: 0,
  },
  {
    name: 'a key update that overtakes HANDSHAKE_DONE goes on',
    by: 'server',
    stage: 'handshake',
    steps: () => [[[1], { generation: 1 }], [[0x1e]]],
  },
  {
    name: 'a second key update before HANDSHAKE_DONE',
    by: 'server',
    stage: 'handshake',
    config: { mtu: { max: 1200 } },
    steps: () => [
      [[0], { generation: 1 }],
      [[0], { generation: 2 }],
    ],
    code: E.KEY_UPDATE_ERROR,
    frameType: 0,
  },
  {
    name: 'a key update goes on',
    steps: () => [
      [[1], { generation: 1 }],
      [[1], { generation: 1 }],
    ],
  },
]

//= rfc9000#11-p1-1
//= rfc9000#11-p2-1
testRules(FRAMES)

for (const role of ['client', 'server'] as const) {
  describe(`Each frame at each level, sent by a ${role}:`, () => {
    for (const [stage, type] of WHERE.slice(0, 2)) {
      //= rfc9000#12.4-p12-1
      test(`what may not stand in packets of the level ${stage} is a PROTOCOL_VIOLATION`, () => {
        const peer = new MisbehavingPeer(role)
        for (const [frameType, bytes] of samples(peer)) {
          peer.connect(stage)
          peer.send(bytes, { type })
          const isAllowed = frameType <= 0x02
          const wanted = isAllowed ? undefined : { code: E.PROTOCOL_VIOLATION, frameType: BigInt(frameType) }
          const { closeReason } = peer
          const seen =
            closeReason?.kind === 'transport'
              ? { code: closeReason.code, frameType: closeReason.frameType }
              : closeReason
          expect(seen, `0x${frameType.toString(16)}`).toEqual(wanted)
          if (!isAllowed) expect(peer.closeOnWire()).toMatchObject({ errorCode: E.PROTOCOL_VIOLATION })
        }
      })
    }
  })
}
