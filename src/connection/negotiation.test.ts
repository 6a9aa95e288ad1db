import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { retryIntegrityTag } from '../protection/retry-tag.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import { encodeRetry, encodeVersionNegotiation } from '../wire/special-packets.ts'
import { reservedVersion, VERSION_1, VERSION_2 } from '../wire/version.ts'
import { Negotiation, type NegotiationOptions, type NegotiationResult } from './negotiation.ts'
import { idOf, seededRandom } from './owners.fixtures.ts'

const SOURCE = idOf(0xc1)
const ORIGINAL = idOf(1, 2, 3, 4, 5, 6, 7, 8)
const CHOSEN = idOf(0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58)
const TOKEN = Uint8Array.of(0x70, 0x71, 0x72)

function negotiationOf(options: Partial<NegotiationOptions> = {}): Negotiation {
  return new Negotiation({
    version: VERSION_1,
    versions: [VERSION_1, VERSION_2],
    originalDestination: ORIGINAL,
    source: SOURCE,
    ...options,
  })
}

interface RetryParts {
  destination?: ConnectionId
  source?: ConnectionId
  token?: Uint8Array
  original?: ConnectionId
  version?: number
}

function retryPacket(parts: RetryParts = {}): Uint8Array {
  const { destination = SOURCE, source = CHOSEN, token = TOKEN, original = ORIGINAL, version = VERSION_1 } = parts
  return encodeRetry({ version, destination, source, token }, (withoutTag) =>
    retryIntegrityTag(version, original.bytes, withoutTag),
  )
}

function retry(negotiation: Negotiation, packet: Uint8Array): NegotiationResult | undefined {
  return negotiation.onRetry(packet, 0, packet.length)
}

function negotiate(
  negotiation: Negotiation,
  versions: readonly number[],
  ids = { destination: SOURCE, source: ORIGINAL },
) {
  const packet = encodeVersionNegotiation({ ...ids, versions })
  return negotiation.onVersionNegotiation(packet, 0, packet.length)
}

describe('Negotiation: Retry', () => {
  //= rfc9000#17.2.5.1-p2-3
  //= rfc9000#8.1.2-p1-1
  test('goes on with the id and the token of the Retry packet', () => {
    const negotiation = negotiationOf({ token: Uint8Array.of(9) })
    expect(negotiation.token).toEqual(Uint8Array.of(9))
    expect(retry(negotiation, retryPacket())).toEqual({ type: 'retry', destination: CHOSEN })
    expect(negotiation.token).toEqual(TOKEN)
    expect(negotiation.retrySource).toEqual(CHOSEN)
    expect(negotiation.originalDestination).toBe(ORIGINAL)
  })

  //= rfc9000#17.2.5.2-p1-1
  //= rfc9000#17.2.5.2-p1-2
  test('takes one Retry, and none after a packet of the server', () => {
    const negotiation = negotiationOf()
    retry(negotiation, retryPacket())
    expect(retry(negotiation, retryPacket({ source: idOf(9) }))).toBeUndefined()
    expect(negotiation.retrySource).toEqual(CHOSEN)
    const later = negotiationOf()
    later.onPacketProcessed()
    expect(retry(later, retryPacket())).toBeUndefined()
    expect(later.token.length).toBe(0)
  })

  //= rfc9000#17.2.5.2-p2-1
  test('drops a Retry whose tag is wrong, whichever bit it is', () => {
    const packet = retryPacket()
    for (let bit = 0; bit < packet.length * 8; bit++) {
      // The lowest four bits of the first byte are covered by the tag as well.
      const forged = packet.slice()
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(retry(negotiationOf(), forged)).toBeUndefined()
    }
    expect(retry(negotiationOf(), retryPacket({ original: idOf(8, 7, 6, 5, 4, 3, 2, 1) }))).toBeUndefined()
  })

  //= rfc9000#17.2.5.2-p2-2
  test('drops a Retry without a token', () => {
    expect(retry(negotiationOf(), retryPacket({ token: new Uint8Array(0) }))).toBeUndefined()
  })

  //= rfc9000#17.2.5.1-p2-2
  test('drops a Retry that chooses the id the client had chosen', () => {
    expect(retry(negotiationOf(), retryPacket({ source: ORIGINAL }))).toBeUndefined()
  })

  //= rfc9000#5.2.1-p3-1
  test('drops a Retry for another connection or of another version', () => {
    expect(retry(negotiationOf(), retryPacket({ destination: idOf(0xc2) }))).toBeUndefined()
    expect(retry(negotiationOf(), retryPacket({ version: VERSION_2 }))).toBeUndefined()
    expect(retry(negotiationOf({ version: VERSION_2 }), retryPacket({ version: VERSION_2 }))).toBeDefined()
  })

  test('drops a Retry of a version that nobody speaks, even if it was the one that was offered', () => {
    const packet = retryPacket()
    packet.set([0x1a, 0x2a, 0x3a, 0x4a], 1)
    expect(retry(negotiationOf({ version: 0x1a2a3a4a }), packet)).toBeUndefined()
  })

  test('drops every Retry that is cut short', () => {
    const packet = retryPacket()
    for (let length = 0; length < packet.length; length++) {
      expect(retry(negotiationOf(), packet.subarray(0, length))).toBeUndefined()
    }
  })
})

describe('Negotiation: versions', () => {
  //= rfc9000#6.2-p2-1
  //= rfc9368#2.1-p3-2
  test('gives up where there is no version in common', () => {
    const negotiation = negotiationOf({ versions: [VERSION_1] })
    const supported = [VERSION_2, reservedVersion(seededRandom())]
    expect(negotiate(negotiation, supported)).toEqual({ type: 'failed', offered: VERSION_1, supported })
  })

  //= rfc9368#2.1-p3-1
  test('goes on with the best version that both speak, without the token of the other', () => {
    const negotiation = negotiationOf({ version: 0x1a2a3a4a, token: TOKEN })
    expect(negotiate(negotiation, [VERSION_2, VERSION_1])).toEqual({ type: 'version', version: VERSION_1 })
    expect(negotiation.version).toBe(VERSION_1)
    expect(negotiation.token.length).toBe(0)
  })

  //= rfc9000#6.2-p2-3
  //= rfc9368#4-p2-1
  test('ignores a list that holds the version it chose', () => {
    const negotiation = negotiationOf()
    expect(negotiate(negotiation, [VERSION_2, VERSION_1])).toBeUndefined()
    expect(negotiation.version).toBe(VERSION_1)
  })

  //= rfc9000#6.2-p2-2
  //= rfc9368#4-p2-2
  test('ignores Version Negotiation after any packet: of the server, a Retry, an earlier one of its kind', () => {
    const processed = negotiationOf()
    processed.onPacketProcessed()
    expect(negotiate(processed, [VERSION_2])).toBeUndefined()
    const retried = negotiationOf()
    retry(retried, retryPacket())
    expect(negotiate(retried, [VERSION_2])).toBeUndefined()
    const negotiated = negotiationOf()
    expect(negotiate(negotiated, [VERSION_2])).toBeDefined()
    expect(negotiate(negotiated, [VERSION_1])).toBeUndefined()
  })

  test('ignores Version Negotiation that does not name both ids', () => {
    expect(negotiate(negotiationOf(), [VERSION_2], { destination: SOURCE, source: SOURCE })).toBeUndefined()
    expect(negotiate(negotiationOf(), [VERSION_2], { destination: ORIGINAL, source: ORIGINAL })).toBeUndefined()
  })

  test('ignores an empty list', () => {
    expect(negotiate(negotiationOf(), [])).toBeUndefined()
  })

  test('never throws, whatever comes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        const negotiation = negotiationOf()
        expect(negotiation.onRetry(bytes, 0, bytes.length)).toBeUndefined()
        expect(negotiation.onVersionNegotiation(bytes, 0, bytes.length)).toBeUndefined()
      }),
    )
  })
})
