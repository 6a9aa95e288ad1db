/** Proves: RESET_STREAM_AT that breaks a rule ends the connection with the code of draft-ietf-quic-reliable-stream-reset; one that does not is obeyed. */
import { TransportErrorCode as E } from '../../src/wire/transport-error.ts'
import { v } from './misbehaving-peer.fixtures.ts'
import { MAX, type Rule, reset, resetAt, stream, streamId, testRules } from './rules.fixtures.ts'

testRules([
  ...(['bidi', 'uni'] as const).flatMap((kind): Rule[] => [
    {
      name: `RESET_STREAM_AT on a ${kind} stream of the victim that is not open`,
      steps: (peer) => [[resetAt(streamId(peer, 'victim', kind), 0, 0)]],
      code: E.STREAM_STATE_ERROR,
      frameType: 0x24,
    },
    {
      name: `RESET_STREAM_AT one ${kind} stream beyond the limit`,
      steps: (peer) => [[resetAt(streamId(peer, 'peer', kind) + 4 * 100, 0, 0)]],
      code: E.STREAM_LIMIT_ERROR,
      frameType: 0x24,
    },
    {
      //= draft-ietf-quic-reliable-stream-reset#4-p5-1
      name: `RESET_STREAM_AT whose reliable size is above its final size, ${kind}`,
      steps: (peer) => [[resetAt(streamId(peer, 'peer', kind), 5, 6)]],
      code: E.FRAME_ENCODING_ERROR,
      frameType: 0x24,
    },
    {
      //= draft-ietf-quic-reliable-stream-reset#4-p6-2
      name: `RESET_STREAM_AT whose final size is beyond the credit of a ${kind} stream`,
      config: { initialMaxStreamDataBidiRemote: 5000, initialMaxStreamDataUni: 5000 },
      steps: (peer) => [[resetAt(streamId(peer, 'peer', kind), 5001, 0)]],
      code: E.FLOW_CONTROL_ERROR,
      frameType: 0x24,
    },
    {
      //= draft-ietf-quic-reliable-stream-reset#4-p6-2
      name: `RESET_STREAM_AT whose final size is beyond the credit of the connection, ${kind}`,
      config: { initialMaxData: 1500 },
      steps: (peer) => {
        const first = streamId(peer, 'peer', kind)
        return [[stream(first, 0, 1000)], [resetAt(first + 4, 501, 1)]]
      },
      code: E.FLOW_CONTROL_ERROR,
      frameType: 0x24,
    },
    {
      name: `RESET_STREAM_AT whose final size is 2^62-1, ${kind}`,
      steps: (peer) => [[resetAt(streamId(peer, 'peer', kind), MAX, MAX)]],
      code: E.FLOW_CONTROL_ERROR,
      frameType: 0x24,
    },
    {
      name: `RESET_STREAM_AT below what was received, ${kind}`,
      steps: (peer) => {
        const id = streamId(peer, 'peer', kind)
        return [[stream(id, 5, 5)], [resetAt(id, 9, 1)]]
      },
      code: E.FINAL_SIZE_ERROR,
      frameType: 0x24,
    },
    ...[9, 11].map(
      (size): Rule => ({
        //= draft-ietf-quic-reliable-stream-reset#5.2-p5-2
        name: `RESET_STREAM_AT whose final size of 10 becomes ${size}, ${kind}`,
        steps: (peer) => {
          const id = streamId(peer, 'peer', kind)
          return [[resetAt(id, 10, 5)], [resetAt(id, size, 5)]]
        },
        code: E.FINAL_SIZE_ERROR,
        frameType: 0x24,
      }),
    ),
    {
      //= draft-ietf-quic-reliable-stream-reset#5.2-p5-2
      name: `RESET_STREAM_AT with another code than before, ${kind}`,
      steps: (peer) => {
        const id = streamId(peer, 'peer', kind)
        return [[resetAt(id, 10, 5, 9)], [resetAt(id, 10, 5, 8)]]
      },
      code: E.STREAM_STATE_ERROR,
      frameType: 0x24,
    },
    {
      //= draft-ietf-quic-reliable-stream-reset#5.2-p5-2
      name: `RESET_STREAM with another code than RESET_STREAM_AT, ${kind}`,
      steps: (peer) => {
        const id = streamId(peer, 'peer', kind)
        return [[resetAt(id, 10, 5, 8)], [reset(id, 10)]]
      },
      code: E.STREAM_STATE_ERROR,
      frameType: 4,
    },
    {
      //= draft-ietf-quic-reliable-stream-reset#5.2-p5-2
      name: `RESET_STREAM with another final size than RESET_STREAM_AT, ${kind}`,
      steps: (peer) => {
        const id = streamId(peer, 'peer', kind)
        return [[resetAt(id, 10, 5)], [reset(id, 9)]]
      },
      code: E.FINAL_SIZE_ERROR,
      frameType: 4,
    },
    {
      //= draft-ietf-quic-reliable-stream-reset#5.2-p5-2
      name: `FIN with another final size than RESET_STREAM_AT, ${kind}`,
      steps: (peer) => {
        const id = streamId(peer, 'peer', kind)
        return [[resetAt(id, 10, 5)], [stream(id, 5, 4, true)]]
      },
      code: E.FINAL_SIZE_ERROR,
      frameType: 0x0f,
    },
    {
      name: `data beyond the final size of RESET_STREAM_AT, ${kind}`,
      steps: (peer) => {
        const id = streamId(peer, 'peer', kind)
        return [[resetAt(id, 10, 5)], [stream(id, 9, 2)]]
      },
      code: E.FINAL_SIZE_ERROR,
      frameType: 0x0e,
    },
    {
      //= draft-ietf-quic-reliable-stream-reset#5.2-p4-1
      name: `RESET_STREAM_AT with the same sizes, a smaller and a larger reliable size, then RESET_STREAM goes on, ${kind}`,
      steps: (peer) => {
        const id = streamId(peer, 'peer', kind)
        return [
          [resetAt(id, 10, 5)],
          [resetAt(id, 10, 5)],
          [resetAt(id, 10, 3)],
          [resetAt(id, 10, 9)],
          [stream(id, 0, 10, true)],
          [reset(id, 10)],
        ]
      },
    },
  ]),
  {
    name: 'RESET_STREAM_AT on a stream that only the victim sends on',
    steps: (peer) => [[resetAt(streamId(peer, 'victim', 'uni'), 0, 0)]],
    code: E.STREAM_STATE_ERROR,
    frameType: 0x24,
  },
  {
    name: 'RESET_STREAM_AT that was not negotiated',
    config: { resetStreamAt: false },
    steps: (peer) => [[resetAt(streamId(peer, 'peer', 'uni'), 0, 0)]],
    code: E.FRAME_ENCODING_ERROR,
    frameType: 0x24,
  },
  {
    name: 'RESET_STREAM_AT cut short',
    steps: (peer) => [[[0x24, ...v(streamId(peer, 'peer', 'uni')), 9, 5]]],
    code: E.FRAME_ENCODING_ERROR,
    frameType: 0x24,
  },
])
