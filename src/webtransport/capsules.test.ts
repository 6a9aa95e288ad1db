import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat, encodeUtf8, fromHex } from '../base/bytes.ts'
import { capsuleHeaderSize, encodeCapsule } from '../base/capsule.ts'
import { Writer } from '../base/writer.ts'
import { Http3Error, Http3ErrorCode } from '../http3/error.ts'
import type { StreamDirection } from '../wire/stream-id.ts'
import {
  CapsuleReader,
  type CapsuleSink,
  CapsuleType,
  encodeCloseSession,
  encodeDataCapsule,
  encodeDrainSession,
  encodeStreamsCapsule,
} from './capsules.ts'
import { WebTransportErrorCode } from './error-codes.ts'

const { H3_MESSAGE_ERROR } = Http3ErrorCode
const { WT_FLOW_CONTROL_ERROR } = WebTransportErrorCode

interface Recorder extends CapsuleSink {
  readonly told: unknown[]
}

function recorder(hasFlowControl = true, forbidsStreamCapsules = true): Recorder {
  const told: unknown[] = []
  return {
    told,
    hasFlowControl,
    forbidsStreamCapsules,
    onClose: (code, reason) => told.push(['close', code, reason]),
    onDrain: () => told.push(['drain']),
    onDatagram: (payload) => told.push(['datagram', [...payload]]),
    onMaxData: (maximum) => told.push(['data', maximum]),
    onMaxStreams: (direction: StreamDirection, maximum) => told.push([direction, maximum]),
  }
}

/** What these bytes tell, in pieces of `size`. */
function read(bytes: Uint8Array, sink: Recorder = recorder(), size = Infinity): unknown[] {
  const reader = new CapsuleReader(sink)
  for (let at = 0; at < bytes.length; at += Math.min(size, bytes.length)) reader.receive(bytes.subarray(at, at + size))
  reader.finish()
  return sink.told
}

/** The code of the exception that `run` throws, which must end one stream alone. */
function codeOf(run: () => unknown): bigint {
  try {
    run()
  } catch (error) {
    if (!(error instanceof Http3Error)) throw error
    expect(error.scope).toBe('stream')
    return error.code
  }
  throw new Error('Nothing was thrown')
}

function varint(value: number | bigint): Uint8Array {
  const writer = new Writer(8)
  writer.varint(value)
  return writer.finish()
}

test('all capsules go there and back, in pieces of any size', () => {
  const number = fc.nat({ max: Number.MAX_SAFE_INTEGER })
  const direction = fc.constantFrom<StreamDirection>('bidirectional', 'unidirectional')
  const one = fc.oneof(
    fc.constant<[Uint8Array, unknown]>([encodeDrainSession(), ['drain']]),
    number.map((n): [Uint8Array, unknown] => [encodeDataCapsule('maximum', n), ['data', n]]),
    fc
      .tuple(direction, number)
      .map(([kind, n]): [Uint8Array, unknown] => [encodeStreamsCapsule('maximum', kind, n), [kind, n]]),
    number.map((n): [Uint8Array, unknown] => [encodeDataCapsule('blocked', n), undefined]),
    fc
      .tuple(direction, number)
      .map(([kind, n]): [Uint8Array, unknown] => [encodeStreamsCapsule('blocked', kind, n), undefined]),
    fc
      .uint8Array({ maxLength: 40 })
      .map((bytes): [Uint8Array, unknown] => [encodeCapsule(0, bytes), ['datagram', [...bytes]]]),
    fc.uint8Array({ maxLength: 40 }).map((bytes): [Uint8Array, unknown] => [encodeCapsule(0x5a5a, bytes), undefined]),
  )
  const end = fc.tuple(fc.nat({ max: 0xffff_ffff }), fc.string({ unit: 'grapheme', maxLength: 100 }))
  fc.assert(
    fc.property(fc.array(one), end, fc.integer({ min: 1, max: 50 }), (capsules, [code, reason], size) => {
      const bytes = concat(...capsules.map(([each]) => each), encodeCloseSession(code, reason))
      const expected = capsules.map(([, told]) => told).filter((told) => told !== undefined)
      expect(read(bytes, recorder(), size)).toEqual([...expected, ['close', code, reason]])
    }),
  )
})

test('random bytes raise nothing but errors that end one stream', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, isFramed) => {
      try {
        read(isFramed ? concat(varint(CapsuleType.closeSession), bytes) : bytes)
      } catch (error) {
        expect(error).toBeInstanceOf(Http3Error)
      }
    }),
  )
})

//= draft-ietf-webtrans-http3#6-p4-1
test('the end of a session is a code of 32 bits, and text', () => {
  expect(encodeCloseSession(0x01020304, 'bye')).toEqual(fromHex('68430701020304627965'))
  expect(encodeDrainSession()).toEqual(fromHex('800078ae00'))
})

//= draft-ietf-webtrans-http3#6-p7.4.1-1
//= draft-ietf-webtrans-http3#6-p7.4.1-2
test('a reason that is too long is cut behind a whole character', () => {
  const reasonOf = (text: string): unknown => (read(encodeCloseSession(1, text))[0] as unknown[])[2]
  expect(reasonOf('a'.repeat(1025))).toBe('a'.repeat(1024))
  expect(reasonOf(`a${'€'.repeat(400)}`)).toBe(`a${'€'.repeat(341)}`)
  expect(reasonOf(`aa${'😀'.repeat(400)}`)).toBe(`aa${'😀'.repeat(255)}`)
  expect(reasonOf('é'.repeat(512))).toBe('é'.repeat(512))
})

//= draft-ietf-webtrans-http3#6-p7.4.2-1
test('a reason above 1,024 bytes is refused as soon as its length is read, however much of it is to come', () => {
  for (const length of [1029, 10_000_000, 2 ** 40]) {
    const reader = new CapsuleReader(recorder())
    const header = concat(varint(CapsuleType.closeSession), varint(length))
    expect(header.length).toBe(capsuleHeaderSize(CapsuleType.closeSession, length))
    expect(codeOf(() => reader.receive(header))).toBe(H3_MESSAGE_ERROR)
  }
  read(encodeCapsule(CapsuleType.closeSession, new Uint8Array(1028)))
})

//= draft-ietf-webtrans-http3#6-p7.4.2-1
test('a reason that is no UTF-8 is refused', () => {
  for (const bad of ['ff', 'c0af', 'eda080', 'e282', 'f4908080', '61ff']) {
    const capsule = encodeCapsule(CapsuleType.closeSession, concat(new Uint8Array(4), fromHex(bad)))
    expect(
      codeOf(() => read(capsule)),
      bad,
    ).toBe(H3_MESSAGE_ERROR)
  }
  expect(read(encodeCapsule(CapsuleType.closeSession, concat(new Uint8Array(4), encodeUtf8('\u{fffd}'))))).toHaveLength(
    1,
  )
})

//= draft-ietf-webtrans-http3#6-p9-3
test('nothing may follow the end of a session, in the same piece or another', () => {
  const end = encodeCloseSession(0, '')
  for (const more of [new Uint8Array(1), encodeDrainSession(), end, encodeCapsule(0x5a5a, new Uint8Array(0))]) {
    expect(codeOf(() => read(concat(end, more)))).toBe(H3_MESSAGE_ERROR)
    const reader = new CapsuleReader(recorder())
    reader.receive(end)
    reader.receive(new Uint8Array(0))
    expect(codeOf(() => reader.receive(more))).toBe(H3_MESSAGE_ERROR)
  }
})

//= rfc9297#3.3-p3-1
test('a stream that ends within a capsule is malformed', () => {
  const whole = concat(encodeDrainSession(), encodeCloseSession(7, 'x'))
  for (let length = 1; length < whole.length; length++) {
    if (length === encodeDrainSession().length) continue
    expect(codeOf(() => read(whole.subarray(0, length)))).toBe(H3_MESSAGE_ERROR)
  }
})

//= rfc9297#3.3-p2-1
//= rfc9297#3.3-p2-2
//= rfc9297#3.3-p2-3
test('a capsule of a known type and another content than it can have is malformed', () => {
  const bad = [
    encodeCapsule(CapsuleType.closeSession, new Uint8Array(3)),
    encodeCapsule(CapsuleType.drainSession, new Uint8Array(1)),
    encodeCapsule(CapsuleType.maxData, new Uint8Array(0)),
    encodeCapsule(CapsuleType.maxData, new Uint8Array(2)),
    encodeCapsule(CapsuleType.maxData, new Uint8Array(9)),
    encodeCapsule(CapsuleType.dataBlocked, new Uint8Array(2)),
    encodeCapsule(CapsuleType.maxStreamsUni, fromHex('40')),
  ]
  for (const capsule of bad) expect(codeOf(() => read(capsule))).toBe(H3_MESSAGE_ERROR)
})

//= draft-ietf-webtrans-http3#5.6.2-p5.2-1
//= draft-ietf-webtrans-http3#5.6.3-p5.2-1
test('more streams than can be numbered are an error of flow control', () => {
  const { maxStreamsBidi, maxStreamsUni, streamsBlockedBidi, streamsBlockedUni } = CapsuleType
  for (const type of [maxStreamsBidi, maxStreamsUni, streamsBlockedBidi, streamsBlockedUni]) {
    expect(codeOf(() => read(encodeCapsule(type, varint(2n ** 60n + 1n))))).toBe(WT_FLOW_CONTROL_ERROR)
    read(encodeCapsule(type, varint(2n ** 60n)))
  }
  expect(read(encodeCapsule(CapsuleType.maxData, varint(2n ** 62n - 1n)))).toEqual([['data', Number.MAX_SAFE_INTEGER]])
})

//= draft-ietf-webtrans-http3#5.4-p4-1
test('the limits of single streams, which are for HTTP/2, are an error; older drafts do not know them', () => {
  for (const type of [CapsuleType.maxStreamData, CapsuleType.streamDataBlocked]) {
    const capsule = encodeCapsule(type, new Uint8Array(2))
    expect(codeOf(() => read(capsule))).toBe(WT_FLOW_CONTROL_ERROR)
    expect(codeOf(() => read(capsule, recorder(false)))).toBe(WT_FLOW_CONTROL_ERROR)
    expect(read(capsule, recorder(false, false))).toEqual([])
  }
})

//= draft-ietf-webtrans-http3#5.1-p7-1
test('without flow control its capsules are ignored, whatever they hold', () => {
  const { maxData, maxStreamsBidi, dataBlocked, streamsBlockedUni } = CapsuleType
  for (const type of [maxData, maxStreamsBidi, dataBlocked, streamsBlockedUni]) {
    expect(read(encodeCapsule(type, new Uint8Array(100)), recorder(false))).toEqual([])
  }
})

//= rfc9297#3.5-p8-2
test('a datagram in a capsule that is too large to be of use is passed over', () => {
  const bytes = concat(encodeCapsule(0, new Uint8Array(65_536)), encodeDrainSession())
  expect(read(bytes, recorder(), 1000)).toEqual([['drain']])
  const reader = new CapsuleReader(recorder())
  reader.receive(concat(varint(0), varint(2 ** 40)))
})

//= rfc9297#3.2-p7-1
test('a capsule of an unknown type is passed over, however long it claims to be', () => {
  const bytes = concat(encodeCapsule(0x1f * 5 + 0x17, new Uint8Array(100_000)), encodeDrainSession())
  expect(read(bytes, recorder(), 777)).toEqual([['drain']])
})
