/**
 * What an HTTP/3 connection tells its observer, in the shape of draft-ietf-quic-qlog-h3-events: settings, the types of streams,
 * frames and datagrams. It is made only where somebody watches.
 */
import type { Time } from '../base/time.ts'
import type { StreamPriority } from '../streams/scheduler.ts'
import type { Observer } from '../wire/observer.ts'
import type { Field } from './field.ts'
import { FrameType } from './frames.ts'
import { formatPriority } from './priority.ts'
import { SettingId } from './settings.ts'
import { isGreaseId, StreamType } from './stream-kinds.ts'

/** Who did it. */
type Side = 'local' | 'remote'

type Data = Readonly<Record<string, unknown>>

type Setting = readonly [id: number, value: number | bigint]

/** Fields whose values let their reader in somewhere: they are told by name alone. */
const SECRET_FIELDS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization', 'set-cookie'])

/** The log of one connection. */
export class Http3Log {
  readonly #observer: Observer
  /** The time of what is told next. */
  now: Time = 0

  private constructor(observer: Observer) {
    this.#observer = observer
  }

  /** `undefined`: nobody watches. */
  static of(observer: Observer | undefined): Http3Log | undefined {
    return observer?.applicationEvent === undefined ? undefined : new Http3Log(observer)
  }

  /** What one side said in its SETTINGS frame, on the stream that carried it. */
  settings(side: Side, streamId: number, settings: Iterable<Setting>): void {
    const all = [...settings]
    this.frame(side, streamId, { frame_type: 'settings', settings: all.map(settingData) })
    const values = new Map(all)
    this.#write('parameters_set', {
      initiator: side,
      max_field_section_size: uint64(values.get(SettingId.maxFieldSectionSize)),
      max_table_capacity: uint64(values.get(SettingId.qpackMaxTableCapacity)),
      blocked_streams_count: uint64(values.get(SettingId.qpackBlockedStreams)),
      extended_connect: uint64(values.get(SettingId.enableConnectProtocol)),
      h3_datagram: uint64(values.get(SettingId.h3Datagram)),
    })
  }

  /** What a stream is for; of unidirectional streams by the type in front of them. */
  streamType(side: Side, streamId: number, type: number | 'request'): void {
    const name = type === 'request' ? type : STREAM_TYPES.get(type)
    this.#write('stream_type_set', {
      initiator: side,
      stream_id: streamId,
      stream_type: name ?? (isGreaseId(Number(type)) ? 'reserved' : 'unknown'),
      stream_type_bytes: name === undefined && !isGreaseId(Number(type)) ? type : undefined,
    })
  }

  /** A field section. */
  headers(side: Side, streamId: number, fields: readonly Field[], length: number): void {
    this.frame(side, streamId, {
      frame_type: 'headers',
      headers: fields.map(fieldData),
      raw: { payload_length: length },
    })
  }

  /** A frame of a kind that `headers` and `settings` do not tell. */
  plainFrame(side: Side, streamId: number, type: number, length: number): void {
    this.frame(side, streamId, plainData(type, length))
  }

  /** A frame whose payload is an id, as GOAWAY. */
  idFrame(side: Side, streamId: number, type: number, id: number | bigint): void {
    const name = type === FrameType.goAway ? 'goaway' : type === FrameType.maxPushId ? 'max_push_id' : 'cancel_push'
    const key = type === FrameType.goAway ? 'id' : 'push_id'
    this.frame(side, streamId, { frame_type: name, [key]: uint64(id) })
  }

  /** PRIORITY_UPDATE of a request. */
  priorityUpdate(side: Side, streamId: number, requestId: number, priority: StreamPriority): void {
    const value = formatPriority(priority)
    this.frame(side, streamId, { frame_type: 'priority_update', stream_id: requestId, priority_field_value: value })
  }

  /** A request competes differently from now on. */
  priority(streamId: number, old: StreamPriority, priority: StreamPriority): void {
    const trigger = 'client_signal_received'
    this.#write('priority_updated', {
      stream_id: streamId,
      old: formatPriority(old),
      new: formatPriority(priority),
      trigger,
    })
  }

  /** An HTTP datagram, with the bytes of its payload. */
  datagram(side: Side, streamId: number, length: number): void {
    const data = { quarter_stream_id: streamId / 4, raw: { payload_length: length } }
    this.#write(side === 'local' ? 'datagram_created' : 'datagram_parsed', data)
  }

  frame(side: Side, streamId: number, frame: Data): void {
    this.#write(side === 'local' ? 'frame_created' : 'frame_parsed', { stream_id: streamId, frame })
  }

  #write(type: string, data: Data): void {
    this.#observer.applicationEvent?.('http3', type, data, this.now)
  }
}

const STREAM_TYPES: ReadonlyMap<number, string> = new Map([
  [StreamType.control, 'control'],
  [StreamType.push, 'push'],
  [StreamType.qpackEncoder, 'qpack_encode'],
  [StreamType.qpackDecoder, 'qpack_decode'],
])

const SETTING_NAMES: ReadonlyMap<number, string> = new Map([
  [SettingId.qpackMaxTableCapacity, 'settings_qpack_max_table_capacity'],
  [SettingId.maxFieldSectionSize, 'settings_max_field_section_size'],
  [SettingId.qpackBlockedStreams, 'settings_qpack_blocked_streams'],
  [SettingId.enableConnectProtocol, 'settings_enable_connect_protocol'],
  [SettingId.h3Datagram, 'settings_h3_datagram'],
])

function plainData(type: number, length: number): Data {
  const raw = { payload_length: length }
  if (type === FrameType.data) return { frame_type: 'data', raw }
  return { frame_type: isGreaseId(type) ? 'reserved' : 'unknown', frame_type_bytes: type, raw }
}

function fieldData({ name, value, isNeverIndexed }: Field): Data {
  return isNeverIndexed === true || SECRET_FIELDS.has(name) ? { name } : { name, value }
}

function settingData([id, value]: Setting): Data {
  const name = SETTING_NAMES.get(id)
  if (name !== undefined) return { name, value: uint64(value) }
  return isGreaseId(id)
    ? { name: 'reserved', value: uint64(value) }
    : { name: 'unknown', name_bytes: id, value: uint64(value) }
}

/** What JSON readers do not agree on is a decimal string. */
function uint64(value: number | bigint | undefined): number | string | undefined {
  if (value === undefined) return undefined
  return value <= Number.MAX_SAFE_INTEGER ? Number(value) : String(value)
}
