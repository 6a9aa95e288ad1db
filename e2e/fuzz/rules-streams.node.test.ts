import { TransportErrorCode as E } from '../../src/wire/transport-error.ts'
import { v } from './misbehaving-peer.fixtures.ts'
import { MAX, type Rule, reset, stream, streamId, testRules } from './rules.fixtures.ts'

testRules([
  // ── Streams (RFC 9000 §3, §4, §19) ──
  ...(['bidi', 'uni'] as const).flatMap((kind): Rule[] => [
    {
      //= rfc9000#19.8-p3-1
      name: `STREAM on a ${kind} stream of the victim that is not open`,
      steps: (peer) => [[stream(streamId(peer, 'victim', kind), 0, 1)]],
      code: E.STREAM_STATE_ERROR,
      frameType: 0x0e,
    },
    {
      //= rfc9000#19.4-p3-1
      name: `RESET_STREAM on a ${kind} stream of the victim that is not open`,
      steps: (peer) => [[reset(streamId(peer, 'victim', kind), 0)]],
      code: E.STREAM_STATE_ERROR,
      frameType: 4,
    },
    {
      //= rfc9000#19.13-p2-1
      name: `STREAM_DATA_BLOCKED on a ${kind} stream of the victim that is not open`,
      steps: (peer) => [[[0x15, ...v(streamId(peer, 'victim', kind)), 0]]],
      code: E.STREAM_STATE_ERROR,
      frameType: 0x15,
    },
    {
      //= rfc9000#19.10-p2-1
      name: `MAX_STREAM_DATA for a ${kind} stream of the victim that is not open`,
      steps: (peer) => [[[0x11, ...v(streamId(peer, 'victim', kind)), 9]]],
      code: E.STREAM_STATE_ERROR,
      frameType: 0x11,
    },
    {
      //= rfc9000#19.5-p2-1
      name: `STOP_SENDING for a ${kind} stream of the victim that is not open`,
      steps: (peer) => [[[0x05, ...v(streamId(peer, 'victim', kind)), 9]]],
      code: E.STREAM_STATE_ERROR,
      frameType: 0x05,
    },
    {
      //= rfc9000#4.6-p3-2
      name: `STREAM one ${kind} stream beyond the limit`,
      steps: (peer) => [[stream(streamId(peer, 'peer', kind) + 4 * 100, 0, 1)]],
      code: E.STREAM_LIMIT_ERROR,
      frameType: 0x0e,
    },
    {
      name: `STREAM on the last ${kind} stream there is`,
      steps: (peer) => [[[0x08, ...v(MAX - 3n + BigInt(streamId(peer, 'peer', kind)))]]],
      code: E.STREAM_LIMIT_ERROR,
      frameType: 0x08,
    },
    {
      name: `RESET_STREAM one ${kind} stream beyond the limit`,
      steps: (peer) => [[reset(streamId(peer, 'peer', kind) + 4 * 100, 0)]],
      code: E.STREAM_LIMIT_ERROR,
      frameType: 4,
    },
    {
      name: `STREAM_DATA_BLOCKED one ${kind} stream beyond the limit`,
      steps: (peer) => [[[0x15, ...v(streamId(peer, 'peer', kind) + 4 * 100), 0]]],
      code: E.STREAM_LIMIT_ERROR,
      frameType: 0x15,
    },
    {
      //= rfc9000#4.1-p8-1
      name: `STREAM beyond the credit of a ${kind} stream`,
      config: { initialMaxStreamDataBidiRemote: 5000, initialMaxStreamDataUni: 5000 },
      steps: (peer) => [[stream(streamId(peer, 'peer', kind), 5000, 1)]],
      code: E.FLOW_CONTROL_ERROR,
      frameType: 0x0e,
    },
    {
      name: `STREAM of a ${kind} stream at 2^62-1`,
      steps: (peer) => [[stream(streamId(peer, 'peer', kind), MAX - 1n, 1)]],
      code: E.FLOW_CONTROL_ERROR,
      frameType: 0x0e,
    },
    {
      //= rfc9000#19.8-p9-1
      name: `STREAM of a ${kind} stream beyond 2^62-1`,
      steps: (peer) => [[stream(streamId(peer, 'peer', kind), MAX, 1)]],
      code: E.FRAME_ENCODING_ERROR,
      frameType: 0x0e,
    },
    {
      name: `RESET_STREAM whose size is beyond the credit of a ${kind} stream`,
      config: { initialMaxStreamDataBidiRemote: 5000, initialMaxStreamDataUni: 5000 },
      steps: (peer) => [[reset(streamId(peer, 'peer', kind), 5001)]],
      code: E.FLOW_CONTROL_ERROR,
      frameType: 4,
    },
    {
      name: `RESET_STREAM whose size is 2^62-1, ${kind}`,
      steps: (peer) => [[reset(streamId(peer, 'peer', kind), MAX)]],
      code: E.FLOW_CONTROL_ERROR,
      frameType: 4,
    },
    {
      //= rfc9000#19.9-p6-2
      name: `STREAM beyond the credit of the connection, ${kind}`,
      config: { initialMaxData: 1500 },
      steps: (peer) => {
        const first = streamId(peer, 'peer', kind)
        return [[stream(first, 0, 1000)], [stream(first + 4, 0, 501)]]
      },
      code: E.FLOW_CONTROL_ERROR,
      frameType: 0x0e,
    },
    {
      name: `a gap counts against the credit of the connection, ${kind}`,
      config: { initialMaxData: 1500 },
      steps: (peer) => [[stream(streamId(peer, 'peer', kind), 1500, 1)]],
      code: E.FLOW_CONTROL_ERROR,
      frameType: 0x0e,
    },
    {
      //= rfc9000#4.5-p5-2
      name: `STREAM beyond the final size, ${kind}`,
      steps: (peer) => {
        const id = streamId(peer, 'peer', kind)
        return [[stream(id, 5, 5, true)], [stream(id, 9, 2)]]
      },
      code: E.FINAL_SIZE_ERROR,
      frameType: 0x0e,
    },
    ...[9, 11].map(
      (size): Rule => ({
        //= rfc9000#4.5-p5-1
        name: `a final size of 10 that becomes ${size}, ${kind}`,
        steps: (peer) => {
          const id = streamId(peer, 'peer', kind)
          return [[stream(id, 5, 5, true)], [stream(id, size, 0, true)]]
        },
        code: E.FINAL_SIZE_ERROR,
        frameType: 0x0f,
      }),
    ),
    {
      name: `FIN below what was received, ${kind}`,
      steps: (peer) => {
        const id = streamId(peer, 'peer', kind)
        return [[stream(id, 5, 5)], [stream(id, 4, 2, true)]]
      },
      code: E.FINAL_SIZE_ERROR,
      frameType: 0x0f,
    },
    {
      name: `RESET_STREAM below what was received, ${kind}`,
      steps: (peer) => {
        const id = streamId(peer, 'peer', kind)
        return [[stream(id, 5, 5)], [reset(id, 9)]]
      },
      code: E.FINAL_SIZE_ERROR,
      frameType: 4,
    },
    {
      name: `RESET_STREAM with another size than FIN, ${kind}`,
      steps: (peer) => {
        const id = streamId(peer, 'peer', kind)
        return [[stream(id, 5, 5, true)], [reset(id, 11)]]
      },
      code: E.FINAL_SIZE_ERROR,
      frameType: 4,
    },
    {
      name: `RESET_STREAM after FIN with its size goes on, ${kind}`,
      steps: (peer) => {
        const id = streamId(peer, 'peer', kind)
        return [[stream(id, 0, 10, true)], [reset(id, 10)], [reset(id, 10)]]
      },
    },
  ]),
  {
    //= rfc9000#19.10-p2-2
    name: 'MAX_STREAM_DATA for a stream that only the peer sends on',
    steps: (peer) => [[[0x11, ...v(streamId(peer, 'peer', 'uni')), 9]]],
    code: E.STREAM_STATE_ERROR,
    frameType: 0x11,
  },
  {
    //= rfc9000#19.5-p2-2
    name: 'STOP_SENDING for a stream that only the peer sends on',
    steps: (peer) => [[[0x05, ...v(streamId(peer, 'peer', 'uni')), 9]]],
    code: E.STREAM_STATE_ERROR,
    frameType: 0x05,
  },
  {
    name: 'STOP_SENDING one stream beyond the limit',
    steps: (peer) => [[[0x05, ...v(streamId(peer, 'peer', 'bidi') + 400), 9]]],
    code: E.STREAM_LIMIT_ERROR,
    frameType: 0x05,
  },
  {
    name: 'MAX_STREAM_DATA one stream beyond the limit',
    steps: (peer) => [[[0x11, ...v(streamId(peer, 'peer', 'bidi') + 400), 9]]],
    code: E.STREAM_LIMIT_ERROR,
    frameType: 0x11,
  },
  ...[0x12, 0x13, 0x16, 0x17].flatMap((type): Rule[] => [
    {
      //= rfc9000#19.11-p5.2-1
      //= rfc9000#19.14-p6.2-1
      name: `more than 2^60 streams, by 0x${type.toString(16)}`,
      steps: () => [[[type, ...v((1n << 60n) + 1n)]]],
      code: E.FRAME_ENCODING_ERROR,
      frameType: type,
    },
    { name: `2^60 streams, by 0x${type.toString(16)}, is allowed`, steps: () => [[[type, ...v(1n << 60n)]]] },
  ]),
  {
    //= rfc9000#19.11-p6-1
    name: 'limits that fall are ignored',
    steps: (peer) => [[[0x10, 0]], [[0x11, ...v(streamId(peer, 'peer', 'bidi')), 0]], [[0x12, 0]], [[0x13, 0]]],
  },
])
