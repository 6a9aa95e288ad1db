/** Packet types, packet number spaces and encryption levels, and how they belong together (RFC 9000 §12.3, RFC 9001 §2.1). */

/** The kinds of packets (RFC 9000 §17). The numbers are ours; the bits on the wire depend on the version. */
export const PacketType = {
  initial: 0,
  zeroRtt: 1,
  handshake: 2,
  retry: 3,
  oneRtt: 4,
  versionNegotiation: 5,
} as const
export type PacketType = (typeof PacketType)[keyof typeof PacketType]

/** Packet types that carry frames. */
export type ProtectedPacketType = 0 | 1 | 2 | 4

/** Packet number spaces (RFC 9000 §12.3); 0-RTT and 1-RTT share one. Usable as an array index. */
export const PacketSpace = { initial: 0, handshake: 1, application: 2 } as const
export type PacketSpace = (typeof PacketSpace)[keyof typeof PacketSpace]

/** Encryption levels (RFC 9001 §2.1). The same numbers as {@link PacketType}. */
export const EncryptionLevel = { initial: 0, zeroRtt: 1, handshake: 2, oneRtt: 4 } as const
export type EncryptionLevel = (typeof EncryptionLevel)[keyof typeof EncryptionLevel]

const SPACE_OF: readonly PacketSpace[] = [0, 2, 1, 0, 2]

/** The packet number space that a protected packet belongs to. */
export function spaceOf(type: ProtectedPacketType): PacketSpace {
  return SPACE_OF[type] ?? PacketSpace.application
}

const NAMES = ['initial', '0RTT', 'handshake', 'retry', '1RTT', 'version_negotiation'] as const

/** The name that qlog uses. */
export function packetTypeName(type: PacketType): string {
  return NAMES[type]
}
