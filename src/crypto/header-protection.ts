/**
 * What all engines in TypeScript share of header protection (RFC 9001 §5.4): where the sample lies, applying a mask and
 * removing it, and the check that a packet can be sealed at all. The masks come from the engine.
 */
import { decodePacketNumber, type PacketNumberLength } from '../wire/packet-number.ts'
import { type PacketBatch, PacketStatus } from './provider.ts'

/** Bytes of an AEAD tag, of all suites. */
export const TAG_LENGTH = 16

/** Bytes of a sample (RFC 9001 §5.4.2). */
export const SAMPLE_LENGTH = 16

/** Distance of the sample from the packet number, whose length is not known yet (RFC 9001 §5.4.2). */
export const SAMPLE_OFFSET = 4

/** Bytes of the packet number, from the unprotected first byte (RFC 9000 §17.2, §17.3.1). */
export function packetNumberLengthOf(firstByte: number): PacketNumberLength {
  return ((firstByte & 0x03) + 1) as PacketNumberLength
}

/** Whether a received packet holds a whole sample (RFC 9001 §5.4.2). */
export function hasSample(batch: PacketBatch, index: number): boolean {
  return numberOffsetOf(batch, index) + SAMPLE_OFFSET + SAMPLE_LENGTH <= endOf(batch, index)
}

/**
 * Refuses to seal what the receiver could not sample, or what lacks room for its tag, before anything is written.
 * @throws RangeError: the caller's mistake.
 */
export function checkSealable(batch: PacketBatch, from: number, to: number): void {
  for (let index = from; index < to; index++) {
    const end = endOf(batch, index)
    const offset = numberOffsetOf(batch, index)
    if (offset + SAMPLE_OFFSET > end) {
      throw new RangeError(`Packet number and payload must have at least 4 bytes, got ${end - offset}`)
    }
    if (end + TAG_LENGTH > batch.arena.length) {
      throw new RangeError(`A packet that ends at ${end} leaves no room for its tag in ${batch.arena.length} bytes`)
    }
  }
}

/** Masks the header of a sealed packet with the five bytes of `masks` at `at`. */
export function protectHeader(batch: PacketBatch, index: number, masks: Uint8Array, at: number): void {
  const { arena } = batch
  const start = batch.start[index] ?? 0
  const offset = numberOffsetOf(batch, index)
  const first = arena[start] ?? 0
  const length = packetNumberLengthOf(first)
  arena[start] = first ^ ((masks[at] ?? 0) & maskedBits(first))
  for (let i = 0; i < length; i++) arena[offset + i] = (arena[offset + i] ?? 0) ^ (masks[at + 1 + i] ?? 0)
}

/**
 * Removes the mask from a received packet's header and decodes its number (RFC 9000 §A.3): the largest number processed
 * so far is replaced by it. The packet must have a sample.
 */
export function unprotectHeader(batch: PacketBatch, index: number, masks: Uint8Array, at: number): void {
  const { arena } = batch
  const start = batch.start[index] ?? 0
  const offset = numberOffsetOf(batch, index)
  const protectedFirst = arena[start] ?? 0
  const first = protectedFirst ^ ((masks[at] ?? 0) & maskedBits(protectedFirst))
  const length = packetNumberLengthOf(first)
  arena[start] = first
  let truncated = 0
  for (let i = 0; i < length; i++) {
    const byte = (arena[offset + i] ?? 0) ^ (masks[at + 1 + i] ?? 0)
    arena[offset + i] = byte
    truncated = truncated * 256 + byte
  }
  batch.packetNumber[index] = decodePacketNumber(truncated, length, batch.packetNumber[index] ?? -1)
  batch.status[index] = PacketStatus.done
}

/** Where the payload begins, once the first byte is unprotected. */
export function payloadStartOf(batch: PacketBatch, index: number): number {
  return numberOffsetOf(batch, index) + packetNumberLengthOf(batch.arena[batch.start[index] ?? 0] ?? 0)
}

/** Four bits of a long header's first byte are masked, five of a short one's (RFC 9001 §5.4.1). The form bit itself is not. */
function maskedBits(firstByte: number): number {
  return (firstByte & 0x80) === 0 ? 0x1f : 0x0f
}

function numberOffsetOf(batch: PacketBatch, index: number): number {
  return batch.numberOffset[index] ?? 0
}

function endOf(batch: PacketBatch, index: number): number {
  return batch.end[index] ?? 0
}
