/**
 * What HTTP/3 streams begin with: the types of unidirectional streams (RFC 9114 §6.2), and the reader for the one
 * integer that says so. What a stream then carries is not known here.
 */
import { type RandomSource, randomInteger } from '../base/random.ts'
import { MAX_SAFE } from '../base/varint.ts'

/**
 * Types of unidirectional streams (RFC 9114 §11.2.4, RFC 9204 §4.2). `webTransport` is that of
 * draft-ietf-webtrans-http3 §4.2.
 */
export const StreamType = {
  control: 0x00,
  push: 0x01,
  qpackEncoder: 0x02,
  qpackDecoder: 0x03,
  webTransport: 0x54,
} as const

/** Reads one variable-length integer from pieces of any size: a stream type, a push id, a session id. */
export class VarintReader {
  /** The integer, once `isComplete`; one above 2^53-1 reads as 2^53-1. */
  value = 0
  /** Bytes still to come; -1 before the first, which tells how many there are. */
  #missing = -1

  /** Bytes that are certainly still needed: at least 1 until `isComplete`, then 0. */
  get needed(): number {
    return this.#missing < 0 ? 1 : this.#missing
  }

  get isComplete(): boolean {
    return this.#missing === 0
  }

  /** Whether nothing has been read yet. */
  get isEmpty(): boolean {
    return this.#missing < 0
  }

  /** Takes bytes from `at`, before `end`, until the integer is whole. Returns the offset behind the last byte taken. */
  push(bytes: Uint8Array, at = 0, end: number = bytes.length): number {
    let offset = at
    if (this.#missing < 0 && offset < end) {
      const first = bytes[offset++] ?? 0
      this.#missing = (1 << (first >> 6)) - 1
      this.value = first & 0x3f
    }
    for (; this.#missing > 0 && offset < end; offset++) {
      // Exact up to 2^53; beyond it rounded, but never to less than 2^53.
      this.value = this.value * 256 + (bytes[offset] ?? 0)
      this.#missing--
    }
    if (this.value > MAX_SAFE && this.#missing === 0) this.value = MAX_SAFE
    return offset
  }

  /** Ready for another integer. */
  reset(): void {
    this.value = 0
    this.#missing = -1
  }
}

/** Whether an identifier is one of those that mean nothing, on purpose: 0x1f * N + 0x21 (RFC 9114 §6.2.3, §7.2.8). */
export function isGreaseId(id: number): boolean {
  return id >= 0x21 && (id - 0x21) % 0x1f === 0
}

/**
 * An identifier that means nothing, for a frame, a stream type, a setting or an error code: it keeps the peer used to
 * ignoring what it does not know (RFC 9114 §6.2.3, §7.2.4.1, §7.2.8, §8.1).
 */
export function greaseId(random: RandomSource): number {
  return 0x1f * randomInteger(random, 0x1_0000_0000) + 0x21
}
