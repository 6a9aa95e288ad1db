/** Packets and milestones of a trace, a line for each, and which of them somebody wants to see. */
import { packetOf, type QlogFrame, type QlogPacket, quicEventType } from '../qlog/facts.ts'
import type { QlogEvent, QlogObject } from '../qlog/schema.ts'
import { UsageError } from './command.ts'
import type { Ink, Look } from './paint.ts'

/** A line before it is fitted to a terminal. */
export interface TimelineLine {
  /** ms since the first event. */
  readonly time: number
  readonly kind: Kind
  /** What the packet is. */
  readonly subject: string
  /** Bytes of the packet. */
  readonly size: number | undefined
  readonly words: string
}

type Kind = 'sent' | 'received' | 'lost' | 'dropped' | 'buffered' | 'event'

const KINDS: readonly Kind[] = ['sent', 'received', 'lost', 'dropped', 'buffered', 'event']

const PACKET_KINDS: Readonly<Record<string, Kind>> = {
  packet_sent: 'sent',
  packet_received: 'received',
  packet_lost: 'lost',
  packet_dropped: 'dropped',
  packet_buffered: 'buffered',
}

const PACKET_TYPES: readonly string[] = ['initial', 'handshake', '0rtt', '1rtt', 'retry', 'version_negotiation']

const FRAME_TYPES: readonly string[] = [
  'padding',
  'ping',
  'ack',
  'reset_stream',
  'reset_stream_at',
  'stop_sending',
  'crypto',
  'new_token',
  'stream',
  'max_data',
  'max_stream_data',
  'max_streams',
  'data_blocked',
  'stream_data_blocked',
  'streams_blocked',
  'new_connection_id',
  'retire_connection_id',
  'path_challenge',
  'path_response',
  'connection_close',
  'handshake_done',
  'datagram',
  'unknown',
]

/** Which lines are wanted. Words of one sort are alternatives; each sort that has words must be met. */
export interface TimelineFilter {
  readonly kinds: ReadonlySet<string>
  readonly packets: ReadonlySet<string>
  readonly frames: ReadonlySet<string>
  /** ms since the first event. */
  readonly from: number
  readonly to: number
}

/** All words that a filter knows, for help. */
export const FILTER_WORDS: string = [...KINDS, ...PACKET_TYPES, 'and types of frames, such as stream'].join(', ')

/** The filter that `words`, separated by commas, stand for. @throws UsageError for a word that it does not know */
export function filterOf(words: string | undefined, from: number, to: number): TimelineFilter {
  const given = (words ?? '')
    .toLowerCase()
    .split(',')
    .map((word) => word.trim().replaceAll('-', '_'))
  const named = given.filter((word) => word !== '' && word !== 'all')
  const known = [...KINDS, ...PACKET_TYPES, ...FRAME_TYPES]
  for (const word of named) {
    if (!known.includes(word)) throw new UsageError(`--packets knows ${FILTER_WORDS}; got ${word}`)
  }
  const among = (list: readonly string[]): ReadonlySet<string> => new Set(named.filter((word) => list.includes(word)))
  return { kinds: among(KINDS), packets: among(PACKET_TYPES), frames: among(FRAME_TYPES), from, to }
}

/** The line of an event; `undefined` for one that has none, or that is not wanted. */
export function lineOf(event: QlogEvent, start: number, filter: TimelineFilter): TimelineLine | undefined {
  const time = event.time - start
  if (time < filter.from || time > filter.to) return undefined
  const type = quicEventType(event.name)
  const kind = type === undefined ? undefined : PACKET_KINDS[type]
  if (kind === undefined) return milestone(type, event, time, filter)
  if (filter.kinds.size > 0 && !filter.kinds.has(kind)) return undefined
  const packet = packetOf(event.data)
  if (filter.packets.size > 0 && !filter.packets.has(packet.type.toLowerCase())) return undefined
  if (filter.frames.size > 0 && !packet.frames.some((frame) => filter.frames.has(frame.type))) return undefined
  const number = packet.number === undefined ? '' : ` ${packet.number}`
  const path = event.tuple === undefined || event.tuple === '' ? '' : ` (path ${event.tuple})`
  return {
    time,
    kind,
    subject: `${packet.type}${number}${path}`,
    size: packet.size,
    words: wordsOf(kind, packet, event),
  }
}

/** Fits a line to the terminal. */
export function showLine({ kind, size, subject, time, words }: TimelineLine, look: Look): string {
  const { ink, sign } = SIGNS[kind]
  const head = `${time.toFixed(3).padStart(11)} `
  const mark = look.isAscii ? sign[1] : sign[0]
  if (kind === 'event') return head + look.paint(clip(`${mark} ${subject} ${words}`.trimEnd(), look.width - 12), ink)
  const packet = `${mark} ${subject.padEnd(16)} ${(size === undefined ? '' : String(size)).padStart(5)}`
  const room = look.width - head.length - packet.length - 2
  return `${head}${look.paint(packet, ink)}  ${clip(words, Math.max(10, room))}`.trimEnd()
}

const SIGNS: Readonly<Record<Kind, { readonly ink: Ink; readonly sign: readonly [string, string] }>> = {
  sent: { ink: 'sent', sign: ['→', '>'] },
  received: { ink: 'received', sign: ['←', '<'] },
  lost: { ink: 'bad', sign: ['✗', 'x'] },
  dropped: { ink: 'bad', sign: ['⌀', '0'] },
  buffered: { ink: 'faint', sign: ['…', '~'] },
  event: { ink: 'faint', sign: ['•', '*'] },
}

function clip(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 2)}..`
}

function wordsOf(kind: Kind, { frames, header, trigger }: QlogPacket, { data }: QlogEvent): string {
  const words = frames.map(frameWords).join(', ')
  if (kind === 'lost') return [`lost: ${trigger ?? 'no reason given'}`, words].filter((part) => part !== '').join('; ')
  if (kind === 'dropped') {
    const details = data['details'] as QlogObject | undefined
    return `dropped: ${String(details?.['reason'] ?? trigger ?? 'no reason given')}`
  }
  const probe =
    trigger?.startsWith('pto') === true ? 'PTO: ' : data['is_mtu_probe_packet'] === true ? 'MTU probe: ' : ''
  const phase = header['key_phase'] === undefined || header['key_phase'] === 0 ? '' : `phase ${header['key_phase']}: `
  return `${probe}${phase}${words}`
}

/** A frame in a few words: `STREAM 0 1200+1162 fin`. */
function frameWords(frame: QlogFrame): string {
  const { raw } = frame
  const words = [frame.type === 'unknown' ? unnamed(raw) : frame.type.toUpperCase()]
  if (frame.streamId !== undefined) words.push(String(frame.streamId))
  if (Array.isArray(raw['acked_ranges'])) words.push(rangesOf(raw['acked_ranges']))
  else if (frame.offset !== undefined || (frame.length !== undefined && frame.type !== 'unknown')) {
    words.push(frame.offset === undefined ? String(frame.length) : `${frame.offset}+${frame.length ?? 0}`)
  }
  for (const name of SHOWN) {
    const value = raw[name]
    if (typeof value === 'number' || (typeof value === 'string' && value !== '')) words.push(String(value))
  }
  if (frame.isFin) words.push('fin')
  return words.join(' ')
}

/** Types that the drafts of qlog have no name for (draft-ietf-quic-ack-frequency). */
const UNNAMED: Readonly<Record<number, string>> = { 31: 'IMMEDIATE_ACK', 175: 'ACK_FREQUENCY' }

function unnamed(raw: QlogObject): string {
  const type = raw['frame_type_bytes'] ?? raw['frame_type_value'] ?? raw['raw_frame_type']
  return typeof type === 'number' ? (UNNAMED[type] ?? `UNKNOWN 0x${type.toString(16)}`) : 'UNKNOWN'
}

/** Members that say most of what a frame says. */
const SHOWN: readonly string[] = [
  'stream_type',
  'maximum',
  'limit',
  'sequence_number',
  'retire_prior_to',
  'error_space',
  'error',
  'error_code',
  'final_size',
  'reliable_size',
  'reason',
]

const MAX_RANGES = 4

function rangesOf(ranges: readonly unknown[]): string {
  const texts = ranges
    .slice(-MAX_RANGES)
    .map((range) => (Array.isArray(range) ? [...new Set(range)].join('-') : String(range)))
  const more = ranges.length > MAX_RANGES ? `${ranges.length - MAX_RANGES} more, ` : ''
  return more + texts.join(' ')
}

function milestone(
  type: string | undefined,
  { data }: QlogEvent,
  time: number,
  filter: TimelineFilter,
): TimelineLine | undefined {
  const wanted = filter.kinds.has('event') || filter.kinds.size + filter.packets.size + filter.frames.size === 0
  const words = type === undefined || !wanted ? undefined : milestoneWords(type, data)
  if (words === undefined) return undefined
  return { time, kind: 'event', subject: '', size: undefined, words }
}

function milestoneWords(type: string, data: QlogObject): string | undefined {
  const state = String(data['new'] ?? data['state'] ?? '')
  switch (type) {
    case 'connection_state_updated':
      return `connection: ${state}`
    case 'congestion_state_updated':
      return `congestion: ${state}`
    case 'migration_state_updated':
      return `migration: ${state}`
    case 'ecn_state_updated':
      return `ECN: ${state}`
    case 'mtu_updated':
      return `MTU: ${state} bytes`
    case 'key_updated':
      return data['trigger'] === 'tls' ? undefined : `key update: ${String(data['key_type'] ?? '')}`
    case 'connection_closed': {
      const reason = String(data['reason'] ?? '')
      const cause = String(data['trigger'] ?? data['connection_error'] ?? data['error_code'] ?? '')
      return `closed by ${String(data['initiator'] ?? data['owner'] ?? 'nobody')}: ${cause} ${reason}`.trimEnd()
    }
    default:
      return undefined
  }
}

/** The first and the last lines of many, without the others. */
export class TimelineExcerpt {
  readonly #first: TimelineLine[] = []
  #last: TimelineLine[] = []
  readonly #head: number
  readonly #tail: number
  #count = 0

  /** @param limit lines in all: three in five of them from the beginning */
  constructor(limit: number) {
    this.#head = limit === Infinity ? Infinity : Math.ceil(limit * 0.6)
    this.#tail = limit === Infinity ? 0 : limit - this.#head
  }

  /** Lines that were added. */
  get count(): number {
    return this.#count
  }

  add(line: TimelineLine): void {
    this.#count += 1
    if (this.#first.length < this.#head) this.#first.push(line)
    else if (this.#tail > 0) {
      this.#last.push(line)
      // Cut seldom: at twice the length.
      if (this.#last.length >= 2 * this.#tail) this.#last = this.#last.slice(-this.#tail)
    }
  }

  /** Those of the beginning, how many are left out, and those of the end. */
  lines(): { readonly first: readonly TimelineLine[]; readonly left: number; readonly last: readonly TimelineLine[] } {
    const last = this.#tail === 0 ? [] : this.#last.slice(-this.#tail)
    return { first: this.#first, left: this.#count - this.#first.length - last.length, last }
  }
}
