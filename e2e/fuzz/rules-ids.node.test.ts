import { TransportErrorCode as E } from '../../src/wire/transport-error.ts'
import { v } from './misbehaving-peer.fixtures.ts'
import { idBytes, MAX, newId, type Rule, testRules } from './rules.fixtures.ts'

testRules([
  // ── Connection ids (RFC 9000 §5.1, §19.15, §19.16) ──
  ...[0, 21, 255].map(
    (length): Rule => ({
      //= rfc9000#19.15-p5.6-1
      name: `NEW_CONNECTION_ID with an id of ${length} bytes`,
      steps: () => [[newId(1, 0, idBytes(1, length))]],
      code: E.FRAME_ENCODING_ERROR,
      frameType: 0x18,
    }),
  ),
  {
    //= rfc9000#19.15-p9-2
    name: 'NEW_CONNECTION_ID that retires more than itself',
    steps: () => [[newId(1, 2, idBytes(1))]],
    code: E.FRAME_ENCODING_ERROR,
    frameType: 0x18,
  },
  {
    name: 'NEW_CONNECTION_ID a second time with another id',
    steps: () => [[newId(40, 40, idBytes(1))], [newId(40, 40, idBytes(2))]],
    code: E.PROTOCOL_VIOLATION,
    frameType: 0x18,
  },
  {
    name: 'NEW_CONNECTION_ID a second time with another token',
    steps: () => [[newId(40, 40, idBytes(1))], [newId(40, 40, idBytes(1), idBytes(3, 16))]],
    code: E.PROTOCOL_VIOLATION,
    frameType: 0x18,
  },
  {
    name: 'NEW_CONNECTION_ID with the same id under two numbers',
    steps: () => [[newId(40, 40, idBytes(1))], [newId(41, 40, idBytes(1))]],
    code: E.PROTOCOL_VIOLATION,
    frameType: 0x18,
  },
  {
    //= rfc9000#19.15-p7-1
    name: 'NEW_CONNECTION_ID a second time, the same, goes on',
    steps: () => [[newId(40, 40, idBytes(1))], [newId(40, 40, idBytes(1))]],
  },
  {
    //= rfc9000#5.1.1-p5-1
    name: 'NEW_CONNECTION_ID beyond the limit',
    steps: () => [[[40, 41, 42, 43, 44].flatMap((sequence) => newId(sequence, 40, idBytes(sequence)))]],
    code: E.CONNECTION_ID_LIMIT_ERROR,
    frameType: 0x18,
  },
  {
    //= rfc9000#5.1.2-p6-1
    name: 'a flood of NEW_CONNECTION_ID that retires all before, and no acknowledgement',
    steps: () => Array.from({ length: 100 }, (_, index) => [newId(index + 40, index + 40, idBytes(index))] as const),
    code: E.CONNECTION_ID_LIMIT_ERROR,
    frameType: 0x18,
  },
  {
    //= rfc9000#19.16-p7-1
    name: 'RETIRE_CONNECTION_ID of one never issued',
    steps: () => [[[0x19, ...v(1000)]]],
    code: E.PROTOCOL_VIOLATION,
    frameType: 0x19,
  },
  {
    name: 'RETIRE_CONNECTION_ID of 2^62-1',
    steps: () => [[[0x19, ...v(MAX)]]],
    code: E.PROTOCOL_VIOLATION,
    frameType: 0x19,
  },
  {
    //= rfc9000#19.16-p8-1
    name: 'RETIRE_CONNECTION_ID of the one that the packet is addressed to',
    steps: () => [[[0x19, 0]]],
    code: E.PROTOCOL_VIOLATION,
    frameType: 0x19,
  },
  {
    name: 'RETIRE_CONNECTION_ID of all in one packet, the one in use last',
    steps: () => [[[3, 2, 1, 0].flatMap((sequence) => [0x19, sequence])]],
    code: E.PROTOCOL_VIOLATION,
    frameType: 0x19,
  },
  // ── Paths ──
  {
    name: 'PATH_RESPONSE without a challenge goes on',
    steps: () => Array.from({ length: 50 }, () => [[0x1b, 1, 2, 3, 4, 5, 6, 7, 8]] as const),
  },
])
