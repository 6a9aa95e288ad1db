import { describe, expect, test } from 'vitest'
import { RangeSet } from '../base/range-set.ts'
import { type Frame, FrameType, isAckEliciting, isAllowedIn, isProbing } from './frame.ts'
import { PacketType } from './packet-type.ts'

const payload = { buffer: new Uint8Array(0), start: 0, length: 0 }

/** RFC 9000 Table 3 with the rows of RFC 9221: packets, whether ack-eliciting, whether probing; and one such frame. */
const TABLE: readonly (readonly [Frame, string, boolean, boolean])[] = [
  [{ type: FrameType.padding, length: 1 }, 'IH01', false, true],
  [{ type: FrameType.ping }, 'IH01', true, false],
  [{ type: FrameType.ack, ranges: new RangeSet(), ackDelay: 0, ecn: undefined }, 'IH_1', false, false],
  [{ type: FrameType.resetStream, streamId: 0, errorCode: 0n, finalSize: 0 }, '__01', true, false],
  [{ type: FrameType.stopSending, streamId: 0, errorCode: 0n }, '__01', true, false],
  [{ type: FrameType.crypto, offset: 0, ...payload }, 'IH_1', true, false],
  [{ type: FrameType.newToken, token: Uint8Array.of(1) }, '___1', true, false],
  [{ type: FrameType.stream, streamId: 0, offset: 0, fin: false, ...payload }, '__01', true, false],
  [{ type: FrameType.maxData, maximum: 0 }, '__01', true, false],
  [{ type: FrameType.maxStreamData, streamId: 0, maximum: 0 }, '__01', true, false],
  [{ type: FrameType.maxStreamsBidi, maximum: 0 }, '__01', true, false],
  [{ type: FrameType.maxStreamsUni, maximum: 0 }, '__01', true, false],
  [{ type: FrameType.dataBlocked, limit: 0 }, '__01', true, false],
  [{ type: FrameType.streamDataBlocked, streamId: 0, limit: 0 }, '__01', true, false],
  [{ type: FrameType.streamsBlockedBidi, limit: 0 }, '__01', true, false],
  [{ type: FrameType.streamsBlockedUni, limit: 0 }, '__01', true, false],
  [
    {
      type: FrameType.newConnectionId,
      sequenceNumber: 0,
      retirePriorTo: 0,
      connectionId: new Uint8Array(8),
      statelessResetToken: new Uint8Array(16),
    },
    '__01',
    true,
    true,
  ],
  [{ type: FrameType.retireConnectionId, sequenceNumber: 0 }, '___1', true, false],
  [{ type: FrameType.pathChallenge, data: new Uint8Array(8) }, '__01', true, true],
  [{ type: FrameType.pathResponse, data: new Uint8Array(8) }, '___1', true, true],
  [{ type: FrameType.connectionCloseTransport, errorCode: 0n, frameType: 0n, reason: '' }, 'IH01', false, false],
  [{ type: FrameType.connectionCloseApplication, errorCode: 0n, reason: '' }, '__01', false, false],
  [{ type: FrameType.handshakeDone }, '___1', true, false],
  [{ type: FrameType.immediateAck }, '___1', true, false],
  [
    { type: FrameType.ackFrequency, sequenceNumber: 0, threshold: 1, maxAckDelay: 0, reorderingThreshold: 1 },
    '___1',
    true,
    false,
  ],
  //= draft-ietf-quic-reliable-stream-reset#4-p7-1
  [{ type: FrameType.resetStreamAt, streamId: 0, errorCode: 0n, finalSize: 0, reliableSize: 0 }, '__01', true, false],
  [{ type: FrameType.datagram, ...payload }, '__01', true, false],
]

const PACKETS = [PacketType.initial, PacketType.handshake, PacketType.zeroRtt, PacketType.oneRtt] as const

/** The wire types that a frame's lowest type stands for. */
function wireTypes(type: number): number[] {
  if (type === FrameType.stream) return [8, 9, 10, 11, 12, 13, 14, 15]
  if (type === FrameType.ack || type === FrameType.datagram) return [type, type + 1]
  return [type]
}

describe('Table 3', () => {
  test.each(TABLE.map(([frame, packets]) => [frame.type, packets]))(
    'frames of type %d may stand in %s',
    (type, packets) => {
      for (const wireType of wireTypes(Number(type))) {
        const allowed = PACKETS.map((packet) => isAllowedIn(wireType, packet))
        expect(allowed).toEqual([...String(packets)].map((letter) => letter !== '_'))
      }
    },
  )

  test.each(TABLE.map(([frame, , eliciting, probing]) => [frame, eliciting, probing] as const))(
    '$type: ack-eliciting %s, probing %s',
    (frame, eliciting, probing) => {
      expect(isAckEliciting(frame)).toBe(eliciting)
      expect(isProbing(frame)).toBe(probing)
    },
  )
})
