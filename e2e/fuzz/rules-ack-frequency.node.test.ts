/** Proves: ACK_FREQUENCY and IMMEDIATE_ACK that break a rule of draft-ietf-quic-ack-frequency end the connection with its code; floods of them cost one ACK a burst. */
import { describe, expect, test } from 'vitest'
import { PacketType } from '../../src/wire/packet-type.ts'
import { TransportErrorCode as E } from '../../src/wire/transport-error.ts'
import { MisbehavingPeer, v } from './misbehaving-peer.fixtures.ts'
import { MAX, type Rule, testRules } from './rules.fixtures.ts'

const IMMEDIATE_ACK = 0x1f

/** ACK_FREQUENCY; the delay in µs. */
function ackFrequency(sequence: number | bigint, threshold: number | bigint, delay: number | bigint, reorder = 3) {
  return [0x40, 0xaf, ...v(sequence), ...v(threshold), ...v(delay), ...v(reorder)]
}

testRules([
  //= draft-ietf-quic-ack-frequency#4-p4.6-2
  ...[0, 999, 2 ** 14 * 1000, MAX].map(
    (delay): Rule => ({
      name: `ACK_FREQUENCY with a delay of ${delay} µs`,
      steps: () => [[ackFrequency(0, 10, delay)]],
      code: E.PROTOCOL_VIOLATION,
      frameType: 0xaf,
    }),
  ),
  {
    name: 'ACK_FREQUENCY with all that may be said',
    steps: () => [[ackFrequency(MAX, MAX, 2 ** 14 * 1000 - 1, 0)], [ackFrequency(0, 0, 1000, 1)]],
  },
  ...(['ACK_FREQUENCY', 'IMMEDIATE_ACK'] as const).flatMap((name): Rule[] => {
    const isFrequency = name === 'ACK_FREQUENCY'
    const frame = isFrequency ? ackFrequency(0, 1, 25_000) : [IMMEDIATE_ACK]
    const frameType = isFrequency ? 0xaf : IMMEDIATE_ACK
    return [
      {
        name: `${name} where the victim has not offered it`,
        config: { ackFrequency: false },
        steps: () => [[frame]],
        code: E.FRAME_ENCODING_ERROR,
        frameType,
      },
      {
        name: `${name} where the victim's timers are coarser than its max_ack_delay`,
        config: { maxAckDelay: 0 },
        steps: () => [[frame]],
        code: E.FRAME_ENCODING_ERROR,
        frameType,
      },
      {
        name: `${name} in a Handshake packet`,
        stage: 'handshake',
        steps: () => [[frame, { type: PacketType.handshake }]],
        code: E.PROTOCOL_VIOLATION,
        frameType,
      },
    ]
  }),
])

describe('A flood of IMMEDIATE_ACK', () => {
  test.each(['client', 'server'] as const)('by a %s is answered by one ACK a burst', (role) => {
    const peer = new MisbehavingPeer(role).connect('connected')
    peer.pair.run(() => false, 100)
    const before = peer.packets.length
    const one = new Array<number>(1000).fill(IMMEDIATE_ACK)
    for (let i = 0; i < 20; i++) peer.send(one)
    const answers = peer.packets
      .slice(before)
      .filter(({ from, payload }) => from === peer.victimRole && payload[0] === 2)
    expect(peer.closeReason).toBeUndefined()
    expect(answers.length).toBeGreaterThan(0)
    // Each packet is a burst of its own here: a thousand frames in it count for one.
    expect(answers.length).toBeLessThanOrEqual(20)
  })
})
