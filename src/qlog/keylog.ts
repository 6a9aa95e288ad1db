/**
 * The NSS key log, `SSLKEYLOGFILE` (draft-ietf-tls-keylogfile): lines with which Wireshark and others decrypt a capture. The
 * option `keyLog` of `connect` and `listen` yields them; these are the functions to read and to write them.
 */
import { fromHex, toHex } from '../base/bytes.ts'

/** One secret of one TLS connection. */
export interface KeyLogEntry {
  /** Such as `CLIENT_TRAFFIC_SECRET_0` (§2.1). */
  readonly label: string
  /** 32 bytes: the Random of the ClientHello, which names the connection. */
  readonly clientRandom: Uint8Array
  readonly secret: Uint8Array
}

/** The line of `entry`, without its end. @throws RangeError for a label with spaces, or a random that has not 32 bytes */
export function formatKeyLogLine(entry: KeyLogEntry): string {
  const { clientRandom, label, secret } = entry
  if (!/^[\w-]+$/.test(label)) throw new RangeError(`label must be one word, got ${JSON.stringify(label)}`)
  if (clientRandom.length !== 32) throw new RangeError(`clientRandom must have 32 bytes, got ${clientRandom.length}`)
  return `${label} ${toHex(clientRandom)} ${toHex(secret)}`
}

/** The secret in `line`; `undefined` for a comment, an empty line, or one that is malformed (§2). */
export function parseKeyLogLine(line: string): KeyLogEntry | undefined {
  const [, label, clientRandom, secret] = /^([\w-]+) ([0-9a-fA-F]{64}) ((?:[0-9a-fA-F]{2})+)$/.exec(line) ?? []
  if (label === undefined || clientRandom === undefined || secret === undefined) return undefined
  return { label, clientRandom: fromHex(clientRandom), secret: fromHex(secret) }
}

/** The secrets of a whole file, whatever ends its lines. Lines that are malformed are passed over. */
export function parseKeyLog(text: string): KeyLogEntry[] {
  const entries: KeyLogEntry[] = []
  for (const line of text.split(/\r\n|\r|\n/)) {
    const entry = parseKeyLogLine(line)
    if (entry !== undefined) entries.push(entry)
  }
  return entries
}
