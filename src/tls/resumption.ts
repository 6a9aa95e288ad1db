/** What a client keeps of a session so that a later one may go on from it (RFC 8446 §4.6.1), and its form as bytes. */
import { decodeUtf8, encodeUtf8 } from '../base/bytes.ts'
import type { Reader } from '../base/reader.ts'
import type { Writer } from '../base/writer.ts'
import type { HashName } from '../crypto/provider.ts'

/** A ticket with what it takes to use it. Secret: who has it can pose as the client's next session. */
export interface Resumption {
  readonly ticket: Uint8Array
  /** The key that the ticket stands for. */
  readonly key: Uint8Array
  /** The cipher suite of the session that the ticket came in. */
  readonly suite: number
  /** Its hash, the key's as well. */
  readonly hash: HashName
  readonly alpn: string
  readonly serverName: string | undefined
  /** By what the server's identity was judged; a session that judges otherwise does not go on from this one. */
  readonly trust: string
  /** Unix ms: when the ticket came. */
  readonly receivedAt: number
  /** Unix ms: from then on it is worth nothing. */
  readonly expiresAt: number
  /** Unix ms: when the server last proved its identity with a certificate. */
  readonly authenticatedAt: number
  /** Unix ms: when the first certificate ends that it proved it with. */
  readonly certificateEnd: number
  readonly ageAdd: number
  /** Whether 0-RTT packets may be sent (RFC 9001 §4.6.1). */
  readonly allowsEarlyData: boolean
}

const HASHES: readonly HashName[] = ['sha256', 'sha384']

/** Writes a session behind what `writer` has. */
export function writeResumption(writer: Writer, session: Resumption): void {
  writer.uint16(session.suite)
  writer.uint8(HASHES.indexOf(session.hash))
  writer.uint8(session.allowsEarlyData ? 1 : 0)
  writer.uint32(session.ageAdd)
  writeTime(writer, session.receivedAt)
  writeTime(writer, session.expiresAt)
  writeTime(writer, session.authenticatedAt)
  writeTime(writer, session.certificateEnd)
  writeBytes(writer, session.ticket)
  writeBytes(writer, session.key)
  writeBytes(writer, encodeUtf8(session.alpn))
  writeBytes(writer, encodeUtf8(session.serverName ?? ''))
  writeBytes(writer, encodeUtf8(session.trust))
}

/** Reads a session; fails the reader for what is none. The arrays are copies. */
export function readResumption(reader: Reader): Resumption | undefined {
  const suite = reader.uint16()
  const hash = HASHES[reader.uint8()]
  const allowsEarlyData = reader.uint8() === 1
  const ageAdd = reader.uint32()
  const receivedAt = readTime(reader)
  const expiresAt = readTime(reader)
  const authenticatedAt = readTime(reader)
  const certificateEnd = readTime(reader)
  const ticket = readBytes(reader)
  const key = readBytes(reader)
  const alpn = decodeUtf8(readBytes(reader))
  const serverName = decodeUtf8(readBytes(reader))
  const trust = decodeUtf8(readBytes(reader))
  if (!reader.ok || hash === undefined || ticket.length === 0 || key.length === 0) {
    reader.fail()
    return undefined
  }
  return {
    ticket,
    key,
    suite,
    hash,
    alpn,
    serverName: serverName === '' ? undefined : serverName,
    trust,
    receivedAt,
    expiresAt,
    authenticatedAt,
    certificateEnd,
    ageAdd,
    allowsEarlyData,
  }
}

/** Unix ms in eight bytes; parts of a ms are dropped. */
export function writeTime(writer: Writer, time: number): void {
  const whole = Math.max(0, Math.floor(time))
  writer.uint32(Math.floor(whole / 0x1_0000_0000))
  writer.uint32(whole % 0x1_0000_0000)
}

/** The reverse of {@link writeTime}. */
export function readTime(reader: Reader): number {
  return reader.uint32() * 0x1_0000_0000 + reader.uint32()
}

/** Bytes with a length of two bytes before them. */
export function writeBytes(writer: Writer, bytes: Uint8Array): void {
  const mark = writer.openVector(2)
  writer.bytes(bytes)
  writer.closeVector(mark)
}

/** The reverse of {@link writeBytes}: a copy. */
export function readBytes(reader: Reader): Uint8Array {
  return reader.bytesView(reader.uint16()).slice()
}
