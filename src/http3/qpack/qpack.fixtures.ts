/** What the tests of QPACK share: bytes as they stand on the wire, and errors as text. */
import { concat, fromHex } from '../../base/bytes.ts'
import { Writer } from '../../base/writer.ts'
import { Http3Error, http3ErrorName } from '../error.ts'
import type { Field } from '../field.ts'
import { QpackDecoder, type QpackDecoderOptions } from './decoder.ts'
import { QpackEncoder } from './encoder.ts'
import { writeInsertLiteral, writeSetCapacity } from './instructions.ts'
import { writePrefixInteger } from './prefix-integer.ts'

/** Bytes that `write` wrote. */
export function written(write: (writer: Writer) => void): Uint8Array {
  const writer = new Writer()
  write(writer)
  return writer.finish()
}

/** `name: value` as a field. */
export function field(line: string): Field {
  const colon = line.indexOf(':', 1)
  return { name: line.slice(0, colon), value: line.slice(colon + 1).trimStart() }
}

/** A decoder with the usual limits, changed by `options`. */
export function newDecoder(options: Partial<QpackDecoderOptions> = {}): QpackDecoder {
  return new QpackDecoder({ maxTableCapacity: 4096, maxBlockedStreams: 2, maxFieldSectionSize: 65_536, ...options })
}

/** An encoder of a peer with these settings, which spends as much. */
export function newEncoder(maxTableCapacity = 4096, maxBlockedStreams = 100): QpackEncoder {
  const encoder = new QpackEncoder({ maxTableCapacity })
  encoder.onPeerSettings({ maxTableCapacity, maxBlockedStreams })
  return encoder
}

/** Instructions that set the capacity and insert lines. */
export function inserts(capacity: number, ...lines: readonly string[]): Uint8Array {
  return written((writer) => {
    writeSetCapacity(writer, capacity)
    for (const line of lines) writeInsertLiteral(writer, field(line).name, field(line).value)
  })
}

/** A section: its prefix for a table of at most `maxTableCapacity` with Base = Required Insert Count, and lines in hexadecimal. */
export function section(required: number, lines: string, maxTableCapacity = 4096): Uint8Array {
  const range = 2 * Math.floor(maxTableCapacity / 32)
  const prefix = written((writer) => {
    writePrefixInteger(writer, 0, 8, required === 0 ? 0 : (required % range) + 1)
    writePrefixInteger(writer, 0, 7, 0)
  })
  return concat(prefix, fromHex(lines))
}

/** The code of the error that `act` throws, and behind it what it ends where that is one stream. */
export function failure(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (!(error instanceof Http3Error)) throw error
    return http3ErrorName(error.code) + (error.scope === 'stream' ? ' (stream)' : '')
  }
  return 'none'
}
