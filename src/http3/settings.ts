/**
 * The SETTINGS of HTTP/3 (RFC 9114 §7.2.4; RFC 9204 §5, RFC 9220 §3, RFC 9297 §2.1.1): the payload of the frame, and
 * whether a server kept what its client remembered for 0-RTT. That the frame comes first and once is the control
 * stream's business; settings of extensions are read from `all` by those who know them.
 */
import { Reader } from '../base/reader.ts'
import { MAX_SAFE } from '../base/varint.ts'
import { Writer } from '../base/writer.ts'
import { Http3Error, Http3ErrorCode } from './error.ts'

/** Identifiers of the settings that HTTP/3 itself and RFCs about it define. */
export const SettingId = {
  qpackMaxTableCapacity: 0x01,
  maxFieldSectionSize: 0x06,
  qpackBlockedStreams: 0x07,
  enableConnectProtocol: 0x08,
  h3Datagram: 0x33,
  /** What H3_DATAGRAM was called in draft-ietf-masque-h3-datagram-04; it counts for no more than any unknown one here. */
  h3DatagramDraft04: 0xffd277,
} as const

/** One side's settings, with defaults for what it did not say. */
export interface Settings {
  /** Bytes that a field section may have, as `fieldSize` counts them; `Infinity`: no limit. */
  readonly maxFieldSectionSize: number
  /** Bytes that its QPACK decoder spends on the dynamic table; 0: it has none. */
  readonly qpackMaxTableCapacity: number
  /** Streams that may wait for the dynamic table at a time. */
  readonly qpackBlockedStreams: number
  /** Extended CONNECT may be sent to it (RFC 9220). */
  readonly enableConnectProtocol: boolean
  /** It takes HTTP datagrams in QUIC DATAGRAM frames (RFC 9297 §2.1.1). */
  readonly h3Datagram: boolean
  /** All that it said, what is unknown here as well, by identifier; only identifiers above 2^53-1 are left out. */
  readonly all: ReadonlyMap<number, number | bigint>
}

/** What holds for a peer before its SETTINGS have come (RFC 9114 §7.2.4.2). */
export const DEFAULT_SETTINGS: Settings = {
  maxFieldSectionSize: Infinity,
  qpackMaxTableCapacity: 0,
  qpackBlockedStreams: 0,
  enableConnectProtocol: false,
  h3Datagram: false,
  all: new Map(),
}

/** Whether a setting was HTTP/2's and has no counterpart, so that nobody may send it (RFC 9114 §7.2.4.1, §11.2.2). */
function isReservedSetting(id: number): boolean {
  return id === 0x00 || (id >= 0x02 && id <= 0x05)
}

/**
 * The payload of a SETTINGS frame.
 * @throws TypeError for a setting that must not be sent: reserved, twice, or neither 0 nor 1 where only these are allowed.
 * @throws RangeError for an identifier or value that no varint can carry.
 */
export function encodeSettings(settings: Iterable<readonly [id: number, value: number | bigint]>): Uint8Array {
  const writer = new Writer(64)
  const seen = new Set<number>()
  for (const [id, value] of settings) {
    if (isReservedSetting(id)) throw new TypeError(`Setting ${hex(id)} is HTTP/2's and cannot be sent`)
    if (seen.has(id)) throw new TypeError(`Setting ${hex(id)} is given twice`)
    if (isBoolean(id) && Number(value) !== 0 && Number(value) !== 1) {
      throw new TypeError(`Setting ${hex(id)} must be 0 or 1, got ${value}`)
    }
    seen.add(id)
    writer.varint(id)
    writer.varint(value)
  }
  return writer.finish()
}

/**
 * What the payload of a SETTINGS frame says.
 * @throws Http3Error H3_SETTINGS_ERROR for a setting that is reserved, comes twice or has a value that it cannot have;
 * H3_FRAME_ERROR for a payload that ends within one.
 */
export function decodeSettings(payload: Uint8Array): Settings {
  const reader = new Reader(payload)
  const all = new Map<number, number | bigint>()
  while (reader.remaining > 0) {
    const id = reader.varintBigint()
    const value = reader.varintBigint()
    if (!reader.ok) {
      throw new Http3Error(Http3ErrorCode.H3_FRAME_ERROR, `SETTINGS of ${payload.length} bytes end within a setting`)
    }
    // Nothing that is known lies above; what cannot be told apart exactly is unknown by rule (RFC 9114 §7.2.4).
    if (id <= MAX_SAFE) add(all, Number(id), value <= MAX_SAFE ? Number(value) : value)
  }
  return {
    maxFieldSectionSize: numberOf(all, SettingId.maxFieldSectionSize, Infinity),
    qpackMaxTableCapacity: numberOf(all, SettingId.qpackMaxTableCapacity, 0),
    qpackBlockedStreams: numberOf(all, SettingId.qpackBlockedStreams, 0),
    enableConnectProtocol: all.get(SettingId.enableConnectProtocol) === 1,
    h3Datagram: all.get(SettingId.h3Datagram) === 1,
    all,
  }
}

function add(all: Map<number, number | bigint>, id: number, value: number | bigint): void {
  if (isReservedSetting(id)) throw settingsError(`Setting ${hex(id)} is HTTP/2's and must not be sent`)
  if (all.has(id)) throw settingsError(`Setting ${hex(id)} comes twice`)
  if (isBoolean(id) && value !== 0 && value !== 1) throw settingsError(`Setting ${hex(id)} is ${value}, not 0 or 1`)
  all.set(id, value)
}

/** RFC 8441 §3 and RFC 9297 §2.1.1 allow these no other values. */
function isBoolean(id: number): boolean {
  return id === SettingId.enableConnectProtocol || id === SettingId.h3Datagram
}

/** A limit; one above 2^53-1 is as good as 2^53-1. */
function numberOf(all: ReadonlyMap<number, number | bigint>, id: number, missing: number): number {
  const value = all.get(id)
  if (value === undefined) return missing
  return typeof value === 'number' ? value : MAX_SAFE
}

/**
 * Client: holds the SETTINGS of a server that accepted 0-RTT against those that were remembered with the ticket.
 * @throws Http3Error H3_SETTINGS_ERROR where the server takes back or leaves out what it had said (RFC 9114 §7.2.4.2, RFC
 * 9297 §2.1.1); QPACK_DECODER_STREAM_ERROR where its table capacity changed (RFC 9204 §3.2.3).
 */
export function checkRememberedSettings(remembered: Settings, settings: Settings): void {
  const capacity = remembered.qpackMaxTableCapacity
  if (capacity !== 0 && settings.qpackMaxTableCapacity !== capacity) {
    throw new Http3Error(
      Http3ErrorCode.QPACK_DECODER_STREAM_ERROR,
      `The server accepted early data, but its table capacity went from ${capacity} to ${settings.qpackMaxTableCapacity}`,
    )
  }
  checkKept(remembered, settings, SettingId.maxFieldSectionSize, 'maxFieldSectionSize')
  checkKept(remembered, settings, SettingId.qpackBlockedStreams, 'qpackBlockedStreams')
  checkKept(remembered, settings, SettingId.enableConnectProtocol, 'enableConnectProtocol')
  checkKept(remembered, settings, SettingId.h3Datagram, 'h3Datagram')
}

function checkKept(remembered: Settings, settings: Settings, id: number, name: Exclude<keyof Settings, 'all'>): void {
  const isDefault = remembered[name] === DEFAULT_SETTINGS[name]
  if (Number(settings[name]) < Number(remembered[name]) || !(isDefault || settings.all.has(id))) {
    throw settingsError(
      `The server accepted early data, but its ${name} went from ${remembered[name]} to ${settings[name]}`,
    )
  }
}

function settingsError(reason: string): Http3Error {
  return new Http3Error(Http3ErrorCode.H3_SETTINGS_ERROR, reason)
}

function hex(id: number): string {
  return `0x${id.toString(16)}`
}
