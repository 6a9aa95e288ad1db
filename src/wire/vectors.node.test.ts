/** The vectors and seeds that lie beside the checkout, over every decoder of this room. */
import { describe, expect, test } from 'vitest'
import { hasVectors, readVectors } from '../../e2e/support/vectors.ts'
import { fromHex, toHex } from '../base/bytes.ts'
import { Reader } from '../base/reader.ts'
import { MAX_SAFE, varintSize } from '../base/varint.ts'
import { Writer } from '../base/writer.ts'
import { FrameDecoder } from './frame-decode.ts'
import { LongHeader, peekDestination } from './long-header.ts'
import { decodePacketNumber, type PacketNumberLength, packetNumberLength, writePacketNumber } from './packet-number.ts'
import { PacketType } from './packet-type.ts'
import { parseShortHeader } from './short-header.ts'
import { parseRetry, parseVersionNegotiation } from './special-packets.ts'
import { TransportError, transportErrorName } from './transport-error.ts'
import { decodeTransportParameters } from './transport-parameters.ts'

interface Seeds {
  readonly inputs: readonly string[]
}

/** Runs `decode`; a TransportError is an answer, anything else passes through. */
function errorOf(decode: () => void): string | undefined {
  try {
    decode()
  } catch (error) {
    if (!(error instanceof TransportError)) throw error
    return transportErrorName(error.code)
  }
  return undefined
}

function readFrames(payload: Uint8Array): void {
  const decoder = new FrameDecoder()
  for (const packetType of [PacketType.initial, PacketType.zeroRtt, PacketType.handshake, PacketType.oneRtt] as const) {
    errorOf(() => {
      decoder.reset(payload, 0, payload.length, packetType)
      while (decoder.next() !== undefined) {
        expect(decoder.frameSize).toBeGreaterThan(0)
      }
    })
  }
}

describe.skipIf(!hasVectors)('vectors', () => {
  test('varint.json', () => {
    const vectors = readVectors<{
      decode: { bytes: string; value: string; minimal: boolean }[]
      truncated: { bytes: string }[]
      tooLargeToEncode: string[]
    }>('quic/varint.json')
    for (const { bytes, value, minimal } of vectors.decode) {
      const reader = new Reader(fromHex(bytes))
      expect(reader.varintBigint()).toBe(BigInt(value))
      expect([reader.ok, reader.remaining]).toEqual([true, 0])
      const writer = new Writer()
      writer.varint(BigInt(value))
      expect(toHex(writer.finish()) === bytes).toBe(minimal)
    }
    for (const { bytes } of vectors.truncated) {
      const reader = new Reader(fromHex(bytes))
      reader.varintBigint()
      expect(reader.ok).toBe(false)
    }
    for (const value of vectors.tooLargeToEncode) expect(() => varintSize(BigInt(value))).toThrow(RangeError)
  })

  test('packet-number.json, as far as numbers are safe integers', () => {
    const vectors = readVectors<{
      encode: {
        packetNumber: string
        largestAcked: string | null
        minLength: number | null
        minLengthByText?: number
        bytes?: string
      }[]
      decode: { largestProcessed: string | null; truncated: string; bits: number; packetNumber: string }[]
    }>('quic/packet-number.json')
    let tried = 0
    for (const { packetNumber, largestAcked, minLength, minLengthByText, bytes } of vectors.encode) {
      const [full, acked] = [Number(packetNumber), Number(largestAcked ?? -1)]
      if (full > MAX_SAFE) continue
      tried++
      if (minLength === null) {
        expect(() => packetNumberLength(full, acked)).toThrow(RangeError)
        continue
      }
      const length = packetNumberLength(full, acked)
      expect([packetNumber, length]).toEqual([packetNumber, minLengthByText ?? minLength])
      const writer = new Writer()
      writePacketNumber(writer, full, length)
      expect(toHex(writer.finish()).endsWith(bytes ?? '')).toBe(true)
    }
    for (const { largestProcessed, truncated, bits, packetNumber } of vectors.decode) {
      if (Number(packetNumber) > MAX_SAFE || Number(largestProcessed) > MAX_SAFE) continue
      tried++
      const length = (bits / 8) as PacketNumberLength
      expect(decodePacketNumber(Number(truncated), length, Number(largestProcessed ?? -1))).toBe(Number(packetNumber))
    }
    expect(tried).toBeGreaterThan(20)
  })

  test('transport-parameters.json', () => {
    const vectors = readVectors<{
      sample: { bytes: string; parameters: { name: string; value?: string; bytes: string }[] }
      invalid: { why: string; bytes: string; error: string }[]
      mustIgnore: { bytes: string }[]
    }>('quic/transport-parameters.json')
    const sample = decodeTransportParameters(fromHex(vectors.sample.bytes), 'client')
    for (const { name, value, bytes } of vectors.sample.parameters) {
      const field = name
        .replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
        .replace('connectionId', 'ConnectionId')
      const got = Object.entries(sample).find(([key]) => key === field)?.[1]
      if (value === undefined) expect(String(got)).toBe(bytes)
      else expect([name, got]).toEqual([name, Math.min(Number(value), MAX_SAFE)])
    }
    for (const { why, bytes, error } of vectors.invalid) {
      const sender = why.includes('from a server') ? 'server' : 'client'
      expect([why, errorOf(() => void decodeTransportParameters(fromHex(bytes), sender))]).toEqual([why, error])
    }
    for (const { bytes } of vectors.mustIgnore) {
      expect(errorOf(() => void decodeTransportParameters(fromHex(bytes), 'client'))).toBeUndefined()
    }
  })
})

describe.skipIf(!hasVectors)('seeds', () => {
  test.each(['neqo-quic-frame', 'ngtcp2-decode-frame'])('%s: every input, whole and cut', (name) => {
    for (const input of readVectors<Seeds>(`seeds/${name}.json`).inputs) {
      const bytes = fromHex(input)
      for (let end = 0; end <= Math.min(bytes.length, 200); end++) readFrames(bytes.subarray(0, end))
      readFrames(bytes)
    }
  })

  test('neqo-transport-parameters: every input, whole and cut, from either side', () => {
    for (const input of readVectors<Seeds>('seeds/neqo-transport-parameters.json').inputs) {
      const bytes = fromHex(input)
      for (let end = 0; end <= bytes.length; end++) {
        for (const sender of ['client', 'server'] as const) {
          const error = errorOf(() => void decodeTransportParameters(bytes.subarray(0, end), sender))
          expect([undefined, 'TRANSPORT_PARAMETER_ERROR']).toContain(error)
        }
      }
    }
  })

  test('neqo-packet: every input, whole and cut', () => {
    const header = new LongHeader()
    for (const input of readVectors<Seeds>('seeds/neqo-packet.json').inputs) {
      const bytes = fromHex(input)
      for (let end = 0; end <= bytes.length; end++) {
        peekDestination(bytes, 0, end, 8)
        parseShortHeader(bytes, 0, end, 8)
        if (!header.parse(bytes, 0, end)) continue
        parseRetry(header)
        parseVersionNegotiation(header)
        expect(header.packetEnd).toBeLessThanOrEqual(end)
      }
    }
  })
})
