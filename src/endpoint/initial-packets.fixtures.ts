/** Initial packets, which anybody can open and make who has seen the client's first one (RFC 9001 §5.2). */
import { Writer } from '../base/writer.ts'
import { noblePackets } from '../crypto/noble/packets.ts'
import { type PacketEngine, PacketStatus } from '../crypto/provider.ts'
import { TLS_AES_128_GCM_SHA256 } from '../crypto/suites.ts'
import { initialSecrets } from '../protection/initial-secrets.ts'
import { PacketBatchBuffer } from '../protection/packet-batch.ts'
import { PacketKeys } from '../protection/packet-keys.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import { LongHeader, patchLength, writeLongHeader } from '../wire/long-header.ts'
import { PacketType } from '../wire/packet-type.ts'
import type { Role } from '../wire/stream-id.ts'
import { VERSION_1 } from '../wire/version.ts'

const TAG_LENGTH = 16
const ARENA_BYTES = 8192

/** What an Initial packet is made of. */
export interface InitialPacket {
  /** The destination id of the client's first Initial packet, or of the first one after a Retry. */
  readonly original: ConnectionId
  /** Who is to have sent it. */
  readonly from: Role
  readonly destination: ConnectionId
  readonly source: ConnectionId
  readonly number: number
  /** Frames. PADDING is put in front until the datagram has 1,200 bytes. */
  readonly frames: Uint8Array
  readonly token?: Uint8Array
  readonly version?: number
}

/** A datagram with one Initial packet, protected as it should be. */
export function sealInitial(packet: InitialPacket): Uint8Array {
  const { original, from, destination, source, number, frames, token, version = VERSION_1 } = packet
  const engine = noblePackets.createEngine(ARENA_BYTES)
  const { arena } = engine
  const writer = new Writer(0)
  writer.reset(arena, 0, ARENA_BYTES)
  const fields = { type: PacketType.initial, version, destination, source, packetNumberLength: 4 } as const
  const lengthOffset = writeLongHeader(writer, token === undefined ? fields : { ...fields, token })
  const numberOffset = writer.offset
  writer.uint32(number)
  while (writer.offset + frames.length + TAG_LENGTH < 1200) writer.uint8(0)
  writer.bytes(frames)
  const end = writer.offset
  patchLength(arena, lengthOffset, end + TAG_LENGTH - numberOffset)
  const batch = new PacketBatchBuffer(arena, 1)
  batch.append(0, numberOffset, end, number)
  keysOf(engine, version, original, from).seal(batch, 0, 1)
  return arena.slice(0, end + TAG_LENGTH)
}

/** The frames of the Initial packet that begins a datagram, without PADDING at the end; `undefined` if it does not open. */
export function openInitial(bytes: Uint8Array, original: ConnectionId, from: Role): Uint8Array | undefined {
  const header = new LongHeader()
  header.anyFixedBit = true
  if (!header.parse(bytes, 0, bytes.length) || header.type !== PacketType.initial) return undefined
  const engine = noblePackets.createEngine(ARENA_BYTES)
  const { arena } = engine
  arena.set(bytes.subarray(0, header.packetEnd))
  const batch = new PacketBatchBuffer(arena, 1)
  batch.append(0, header.numberOffset, header.packetEnd, -1)
  keysOf(engine, header.version, original, from).unmaskAndOpen(batch, 0, 1)
  if (batch.status[0] !== PacketStatus.done) return undefined
  let end = header.packetEnd - TAG_LENGTH
  while (end > header.numberOffset && arena[end - 1] === 0) end -= 1
  return arena.slice(header.numberOffset + 1 + ((arena[0] ?? 0) & 3), end)
}

function keysOf(engine: PacketEngine, version: number, original: ConnectionId, from: Role): PacketKeys {
  return new PacketKeys(engine, TLS_AES_128_GCM_SHA256, version, initialSecrets(version, original.bytes)[from])
}
