/**
 * What a capture shows of HTTP/3, read with the keys of the connection: the SETTINGS of both sides, and what each of their QPACK
 * streams holds (RFC 9204 §4.3, §4.4). Written apart from `src/http3`, so that it can bear witness about it.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'

/** Of one side of a connection. */
export interface SideFacts {
  /** SETTINGS, by their ids. */
  readonly settings: ReadonlyMap<number, number>
  /** Entries that its encoder put into the dynamic table, duplicates included. */
  readonly inserts: number
  /** Field sections of the other side that referred to the dynamic table and that its decoder acknowledged. */
  readonly acknowledged: number
}

/** Of a capture. */
export interface Http3Facts {
  readonly client: SideFacts
  readonly server: SideFacts
  /** QUIC connections. */
  readonly connections: number
  /** What the server lets the client open at first, of bidirectional streams. */
  readonly streamLimit: number | undefined
  /** DATAGRAM frames that a packet of that side held. */
  readonly datagrams: Readonly<Record<'client' | 'server', number>>
}

const FIELDS = [
  'udp.srcport',
  'quic.connection.number',
  'quic.stream.stream_id',
  'quic.stream.off',
  'quic.stream.offset',
  'quic.stream_data',
  'tls.quic.parameter.initial_max_streams_bidi',
  'quic.frame_type',
] as const

const StreamType = { control: 0, encoder: 2, decoder: 3 } as const
const SETTINGS_FRAME = 4

/** Frame types of DATAGRAM (RFC 9221 §4). */
const DATAGRAM_TYPES: readonly number[] = [0x30, 0x31]

/** Bytes of a unidirectional stream that are looked at: what is longer is none of those three. */
const MOST = 65_536

/** Asks tshark. The keys are those of isoquic, or of a peer that writes them into a file of its own. */
export function readHttp3(path: string, port: number, keyLog: string): Http3Facts {
  const keys = `${path}.keys`
  writeFileSync(
    keys,
    [keyLog, `${keyLog}-peer`].map((each) => (existsSync(each) ? readFileSync(each, 'utf8') : '')).join(''),
  )
  const output = execFileSync(
    'tshark',
    [
      ...['-n', '-r', path, '-o', `tls.keylog_file:${keys}`, '-d', `udp.port==${port},quic`],
      ...['-T', 'fields', ...FIELDS.flatMap((field) => ['-e', field])],
    ],
    { encoding: 'utf8', maxBuffer: 512 << 20, stdio: ['ignore', 'pipe', 'ignore'] },
  )
  const streams = new Map<string, Piece[]>()
  const connections = new Set<string>()
  const datagrams = { client: 0, server: 0 }
  let streamLimit: number | undefined
  for (const line of output.split('\n')) {
    const [source = '', connection = '', ids = '', flags = '', offsets = '', data = '', limit = '', types = ''] =
      line.split('\t')
    if (connection === '') continue
    const side = Number(source) === port ? 'server' : 'client'
    for (const each of split(connection)) connections.add(each)
    if (side === 'server' && limit !== '') streamLimit = Number(split(limit)[0])
    if (split(types).some((type) => DATAGRAM_TYPES.includes(Number(type)))) datagrams[side] += 1
    const given = split(offsets)
    const withOffset = split(flags)
    const payloads = split(data)
    for (const [index, id] of split(ids).entries()) {
      const at = isTrue(withOffset[index]) ? Number(given.shift()) : 0
      if ((Number(id) & 2) === 0 || at > MOST) continue
      const key = `${side} ${id}`
      streams.set(key, [...(streams.get(key) ?? []), { at, bytes: Buffer.from(payloads[index] ?? '', 'hex') }])
    }
  }
  const ofSide = (side: string): Buffer[] =>
    [...streams].filter(([key]) => key.startsWith(side)).map(([, pieces]) => wholeOf(pieces))
  return {
    client: readSide(ofSide('client')),
    server: readSide(ofSide('server')),
    connections: connections.size,
    streamLimit,
    datagrams,
  }
}

interface Piece {
  readonly at: number
  readonly bytes: Buffer
}

/** What is there without a gap. */
function wholeOf(pieces: Piece[]): Buffer {
  const whole = Buffer.alloc(2 * MOST)
  let reached = 0
  for (const { at, bytes } of pieces.sort((a, b) => a.at - b.at)) {
    if (at > reached) break
    bytes.copy(whole, at)
    reached = Math.max(reached, at + bytes.length)
  }
  return whole.subarray(0, Math.min(reached, whole.length))
}

function readSide(streams: readonly Buffer[]): SideFacts {
  let settings: ReadonlyMap<number, number> = new Map()
  let inserts = 0
  let acknowledged = 0
  for (const bytes of streams) {
    const input = new Input(bytes)
    const type = input.varint()
    if (type === StreamType.control) settings = readSettings(input)
    else if (type === StreamType.encoder) inserts += countInserts(input)
    else if (type === StreamType.decoder) acknowledged += countAcknowledgements(input)
  }
  return { settings, inserts, acknowledged }
}

function readSettings(input: Input): Map<number, number> {
  const settings = new Map<number, number>()
  if (input.varint() !== SETTINGS_FRAME) return settings
  for (const end = (input.varint() ?? 0) + input.at; input.at < end; ) {
    const id = input.varint()
    const value = input.varint()
    if (id === undefined || value === undefined) break
    settings.set(id, value)
  }
  return settings
}

/** RFC 9204 §4.3: by the first bits 1 and 01 an insertion, 001 a capacity, 000 a duplicate. */
function countInserts(input: Input): number {
  let count = 0
  for (let first = input.peek(); first !== undefined; first = input.peek()) {
    if (first >= 0x80) {
      input.integer(6)
      input.skipString(7)
    } else if (first >= 0x40) {
      input.skipString(5)
      input.skipString(7)
    } else input.integer(5)
    if ((first & 0xe0) !== 0x20) count += 1
  }
  return count
}

/** RFC 9204 §4.4: by the first bit 1 an acknowledged section, by 01 a cancelled stream, by 00 more that was inserted. */
function countAcknowledgements(input: Input): number {
  let count = 0
  for (let first = input.peek(); first !== undefined; first = input.peek()) {
    if (first >= 0x80) {
      input.integer(7)
      count += 1
    } else input.integer(6)
  }
  return count
}

class Input {
  readonly #bytes: Buffer
  at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  peek(): number | undefined {
    return this.#bytes[this.at]
  }

  varint(): number | undefined {
    const first = this.peek()
    if (first === undefined) return undefined
    const size = 1 << (first >> 6)
    let value = first & 0x3f
    for (let index = 1; index < size; index++) value = value * 256 + (this.#bytes[this.at + index] ?? 0)
    this.at += size
    return value
  }

  /** RFC 7541 §5.1. */
  integer(prefix: number): number {
    const most = (1 << prefix) - 1
    let value = (this.#bytes[this.at++] ?? 0) & most
    if (value < most) return value
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.#bytes[this.at++] ?? 0
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
    }
  }

  /** The bit above the length tells Huffman, which is all the same here. */
  skipString(prefix: number): void {
    this.at += this.integer(prefix)
  }
}

function split(field: string): string[] {
  return field === '' ? [] : field.split(',')
}

/** As versions of tshark print a flag. */
function isTrue(flag: string | undefined): boolean {
  return flag === '1' || flag === 'True'
}
