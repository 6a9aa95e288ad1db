/** What an HTTP/3 connection is made with, and the SETTINGS that say so to the peer. */
import type { RandomSource } from '../base/random.ts'
import { type Duration, NEVER } from '../base/time.ts'
import { SettingId, type Settings } from './settings.ts'

/** Options of an {@link Http3Connection}; sizes in bytes. */
export interface Http3Options {
  /** Of a header or trailer section that we take, as `fieldSize` counts; default 65,536 (RFC 9114 §4.2.2). */
  readonly maxFieldSectionSize?: number | undefined
  /** Of the table that the peer may make us keep; default 16,384; 0: none (RFC 9204 §3.2.3). */
  readonly qpackMaxTableCapacity?: number | undefined
  /** Of the table that we keep for the peer's; default 16,384. */
  readonly qpackEncoderCapacity?: number | undefined
  /** Streams that may wait for our table; default 100 (RFC 9204 §2.1.2). */
  readonly qpackBlockedStreams?: number | undefined
  /**
   * Server: ms that a client has for the header of a request, from the opening of its stream; then the stream is reset with
   * H3_REQUEST_REJECTED. Default 60,000; 0 and `Infinity`: as long as it likes.
   */
  readonly headersTimeout?: Duration | undefined
  /** Server: takes extended CONNECT (RFC 9220); default `false`. */
  readonly enableConnectProtocol?: boolean | undefined
  /** Takes HTTP datagrams (RFC 9297), where the connection takes DATAGRAM frames; default `false`. */
  readonly datagrams?: boolean | undefined
  /** Further settings, such as those of WebTransport. */
  readonly settings?: Iterable<readonly [id: number, value: number | bigint]> | undefined
  /** Hands out the streams of WebTransport sessions; default `false`. */
  readonly sessionStreams?: boolean | undefined
  /**
   * Client: what the server's settings were on the connection that early data goes on from (RFC 9114 §7.2.4.2). Early requests
   * keep to the size of sections that it took; of the rest they make no use. A server that takes them back breaks the rules.
   */
  readonly rememberedSettings?: Settings | undefined
  /** Sends settings, frames and a stream that mean nothing, so that peers stay used to them; default `true` (RFC 9114 §7.2.8). */
  readonly grease?: boolean | undefined
}

/** {@link Http3Options} with all defaults. */
export interface Http3Config {
  readonly maxFieldSectionSize: number
  readonly qpackMaxTableCapacity: number
  readonly qpackEncoderCapacity: number
  readonly qpackBlockedStreams: number
  /** ms; `NEVER` where there is no bound. */
  readonly headersTimeout: Duration
  readonly enableConnectProtocol: boolean
  readonly datagrams: boolean
  readonly settings: readonly (readonly [id: number, value: number | bigint])[]
  readonly sessionStreams: boolean
  readonly rememberedSettings: Settings | undefined
  readonly grease: RandomSource | undefined
}

const DEFAULT_FIELD_SECTION = 65_536
const DEFAULT_TABLE = 16_384
const DEFAULT_BLOCKED = 100
const DEFAULT_HEADERS_TIMEOUT = 60_000

/** Fills in the defaults. @throws RangeError for what is no size */
export function http3Config(options: Http3Options, random: RandomSource): Http3Config {
  return {
    maxFieldSectionSize: size('maxFieldSectionSize', options.maxFieldSectionSize ?? DEFAULT_FIELD_SECTION),
    qpackMaxTableCapacity: size('qpackMaxTableCapacity', options.qpackMaxTableCapacity ?? DEFAULT_TABLE),
    qpackEncoderCapacity: size('qpackEncoderCapacity', options.qpackEncoderCapacity ?? DEFAULT_TABLE),
    qpackBlockedStreams: size('qpackBlockedStreams', options.qpackBlockedStreams ?? DEFAULT_BLOCKED),
    headersTimeout: checkHeadersTimeout(options.headersTimeout) || NEVER,
    enableConnectProtocol: options.enableConnectProtocol === true,
    datagrams: options.datagrams === true,
    settings: [...(options.settings ?? [])],
    sessionStreams: options.sessionStreams === true,
    rememberedSettings: options.rememberedSettings,
    grease: options.grease === false ? undefined : random,
  }
}

/** The value of `headersTimeout`, or its default. @throws RangeError for what is no time */
export function checkHeadersTimeout(value: Duration = DEFAULT_HEADERS_TIMEOUT): Duration {
  if (typeof value === 'number' && value >= 0) return value
  throw new RangeError(`headersTimeout must be at least 0, got ${String(value)}`)
}

/** Our SETTINGS; what is as by default goes without saying (RFC 9114 §7.2.4). */
export function* ownSettings(config: Http3Config): Generator<readonly [id: number, value: number | bigint]> {
  yield [SettingId.maxFieldSectionSize, config.maxFieldSectionSize]
  if (config.qpackMaxTableCapacity > 0) {
    yield [SettingId.qpackMaxTableCapacity, config.qpackMaxTableCapacity]
    yield [SettingId.qpackBlockedStreams, config.qpackBlockedStreams]
  }
  if (config.enableConnectProtocol) yield [SettingId.enableConnectProtocol, 1]
  if (config.datagrams) yield [SettingId.h3Datagram, 1]
  yield* config.settings
}

function size(name: string, value: number): number {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 30) return value
  throw new RangeError(`${name} must be an integer from 0 to ${2 ** 30 - 1}, got ${value}`)
}
