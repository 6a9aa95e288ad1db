/** Answers to an Initial packet without a connection: Retry, and a CONNECTION_CLOSE that refuses (RFC 9000 §8.1.2, §5.2.2). */
import type { Arena } from '../base/arena.ts'
import { Writer } from '../base/writer.ts'
import type { PacketEngine } from '../crypto/provider.ts'
import { TLS_AES_128_GCM_SHA256 } from '../crypto/suites.ts'
import { initialSecrets } from '../protection/initial-secrets.ts'
import { PacketBatchBuffer } from '../protection/packet-batch.ts'
import { IntegrityCounter, PacketKeys } from '../protection/packet-keys.ts'
import { retryIntegrityTag } from '../protection/retry-tag.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import { FrameType } from '../wire/frame.ts'
import { encodeFrame } from '../wire/frame-encode.ts'
import { patchLength, writeLongHeader } from '../wire/long-header.ts'
import { PacketType } from '../wire/packet-type.ts'
import { encodeRetry } from '../wire/special-packets.ts'
import type { IncomingFacts } from './incoming-connection.ts'

/** Bytes of an AEAD tag. */
const TAG_LENGTH = 16

/** A Retry packet that gives the client `token` and the id `source` to send to. */
export function buildRetry(facts: IncomingFacts, source: ConnectionId, token: Uint8Array): Uint8Array {
  return encodeRetry({ version: facts.version, destination: facts.source, source, token }, (withoutTag) =>
    retryIntegrityTag(facts.version, facts.destination.toBytes(), withoutTag),
  )
}

/** Builds the one packet that refuses a connection; it keeps no state of it. */
export class InitialCloser {
  readonly #engine: PacketEngine
  readonly #arena: Arena
  readonly #batch: PacketBatchBuffer

  constructor(engine: PacketEngine, arena: Arena) {
    this.#engine = engine
    this.#arena = arena
    this.#batch = new PacketBatchBuffer(arena.bytes, 1)
  }

  /** The datagram, as a copy; `undefined` while the arena is full. */
  build(facts: IncomingFacts, code: bigint, reason: string): Uint8Array | undefined {
    const slot = this.#arena.acquire()
    if (slot < 0) return undefined
    try {
      return this.#write(slot, facts, code, reason)
    } finally {
      this.#arena.release(slot)
    }
  }

  #write(slot: number, facts: IncomingFacts, code: bigint, reason: string): Uint8Array {
    const { bytes } = this.#arena
    const writer = new Writer(0)
    writer.reset(bytes, slot, slot + 1200 - TAG_LENGTH)
    const lengthOffset = writeLongHeader(writer, {
      type: PacketType.initial,
      version: facts.version,
      destination: facts.source,
      source: facts.destination,
      packetNumberLength: 1,
    })
    const numberOffset = writer.offset
    writer.uint8(0)
    encodeFrame(writer, { type: FrameType.connectionCloseTransport, errorCode: code, frameType: 0n, reason })
    const end = writer.offset
    patchLength(bytes, lengthOffset, end + TAG_LENGTH - numberOffset)
    const batch = this.#batch
    batch.clear(slot)
    batch.append(slot, numberOffset, end, 0)
    const secret = initialSecrets(facts.version, facts.destination.toBytes()).server
    const keys = new PacketKeys(this.#engine, TLS_AES_128_GCM_SHA256, facts.version, secret, new IntegrityCounter())
    keys.seal(batch, 0, 1)
    keys.discard()
    return bytes.slice(slot, end + TAG_LENGTH)
  }
}
