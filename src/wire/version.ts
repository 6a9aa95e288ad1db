/** QUIC versions: 1 (RFC 9000), 2 (RFC 9369), the reserved ones, and the type bits of long headers that depend on them. */
import { type RandomSource, randomBytes } from '../base/random.ts'
import { PacketType } from './packet-type.ts'

/** RFC 9000. */
export const VERSION_1 = 0x0000_0001
/** RFC 9369. */
export const VERSION_2 = 0x6b33_43cf

/** Every version that this stack speaks, in the order in which it prefers them. */
export const SUPPORTED_VERSIONS: readonly number[] = [VERSION_1, VERSION_2]

/** Whether this stack speaks the version. */
export function isSupportedVersion(version: number): boolean {
  return version === VERSION_1 || version === VERSION_2
}

/** Whether the version is of the form 0x?a?a?a?a, reserved to exercise version negotiation (RFC 9000 §15). */
export function isReservedVersion(version: number): boolean {
  return (version & 0x0f0f_0f0f) === 0x0a0a_0a0a
}

/** A reserved version at random. */
export function reservedVersion(random: RandomSource): number {
  let version = 0
  for (const byte of randomBytes(random, 4)) version = version * 0x100 + ((byte & 0xf0) | 0x0a)
  return version
}

/** Packet types that have a long header of a version, by what RFC 9000 Table 5 calls their type. */
type LongPacketType = 0 | 1 | 2 | 3

/** The two type bits (as a number from 0 to 3) of a long header (RFC 9000 Table 5, RFC 9369 §3.2). */
export function longTypeBits(version: number, type: LongPacketType): number {
  return version === VERSION_2 ? (type + 1) & 3 : type
}

/** The packet type that these two type bits stand for in a long header of the version. */
export function longPacketType(version: number, bits: number): LongPacketType {
  switch (version === VERSION_2 ? (bits + 3) & 3 : bits & 3) {
    case 0:
      return PacketType.initial
    case 1:
      return PacketType.zeroRtt
    case 2:
      return PacketType.handshake
    default:
      return PacketType.retry
  }
}
