/**
 * Reads what `http.ServerResponse` writes, HTTP/1.1 (RFC 9112), back into a head, content and trailers. It reads Node's own
 * writing and nobody else's: what does not look like it is an error, never guessed at.
 */
import { Buffer } from 'node:buffer'

/** Name and value of each field line, in order; latin1. */
export type FieldLines = readonly (readonly [name: string, value: string])[]

/** Takes the parts of a response as they come. */
export interface ResponseSink {
  /** An interim response (1xx). */
  informational(status: number, fields: FieldLines): void
  /** `hasContent` is false where there can be none: HEAD, 204, 304, a length of 0. */
  head(status: number, reason: string, fields: FieldLines, hasContent: boolean): void
  /** Valid only during the call. */
  content(bytes: Uint8Array): void
  /** The response is complete. */
  end(trailers: FieldLines): void
}

/** What is wrong with the response of an application. */
export class NodeResponseError extends Error {
  override readonly name = 'NodeResponseError'
}

/** What belongs to one connection of HTTP/1.1 (RFC 9110 §7.6.1), and in no message of HTTP/3 (RFC 9114 §4.2). */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
])

/** `fields` without those of the connection, and without those that `Connection` names. */
export function withoutConnectionFields(fields: FieldLines): FieldLines {
  const named = fields
    .filter(([name]) => name.toLowerCase() === 'connection')
    .flatMap(([, value]) => value.split(',').map((option) => option.trim().toLowerCase()))
  return fields.filter(([name]) => {
    const lower = name.toLowerCase()
    return !CONNECTION_FIELDS.has(lower) && !named.includes(lower)
  })
}

const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})(?: (.*))?$/

type State = 'status' | 'fields' | 'length' | 'chunk-size' | 'chunk' | 'chunk-end' | 'trailers' | 'until-close' | 'end'

/** One response, from pieces of any size. */
export class ResponseReader {
  readonly #sink: ResponseSink
  readonly #isHead: boolean
  #state: State = 'status'
  /** The beginning of a line whose end has not come. */
  #line = ''
  #status = 0
  #reason = ''
  #fields: [string, string][] = []
  /** Bytes of content, or of this chunk, to come. */
  #remaining = 0

  /** @param isHead the request's method was HEAD: there is no content, whatever the fields say. */
  constructor(sink: ResponseSink, isHead: boolean) {
    this.#sink = sink
    this.#isHead = isHead
  }

  /** The response is complete. */
  get isComplete(): boolean {
    return this.#state === 'end'
  }

  /** Takes `bytes`, which are read before it returns. @throws NodeResponseError */
  push(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) {
      switch (this.#state) {
        case 'length':
        case 'chunk':
          at = this.#takeContent(bytes, at)
          break
        case 'until-close':
          this.#sink.content(at === 0 ? bytes : bytes.subarray(at))
          at = bytes.length
          break
        case 'end':
          throw new NodeResponseError(`The application wrote ${bytes.length - at} bytes behind the end of its response`)
        default:
          at = this.#takeLine(bytes, at)
      }
    }
  }

  /** Nothing more will be written. Returns whether the response is complete. */
  finish(): boolean {
    if (this.#state === 'until-close') this.#complete([])
    return this.isComplete
  }

  #takeContent(bytes: Uint8Array, at: number): number {
    const end = Math.min(bytes.length, at + this.#remaining)
    this.#remaining -= end - at
    this.#sink.content(bytes.subarray(at, end))
    if (this.#remaining > 0) return end
    if (this.#state === 'chunk') this.#state = 'chunk-end'
    else this.#complete([])
    return end
  }

  #takeLine(bytes: Uint8Array, at: number): number {
    const end = bytes.indexOf(0x0a, at)
    const piece = Buffer.from(bytes.buffer, bytes.byteOffset + at, (end < 0 ? bytes.length : end) - at)
    this.#line += piece.toString('latin1')
    if (end < 0) return bytes.length
    const line = this.#line.endsWith('\r') ? this.#line.slice(0, -1) : this.#line
    this.#line = ''
    this.#onLine(line)
    return end + 1
  }

  #onLine(line: string): void {
    switch (this.#state) {
      case 'status': {
        const [, status, reason = ''] = STATUS_LINE.exec(line) ?? []
        if (status === undefined) throw new NodeResponseError(`The application wrote no response, but ${quote(line)}`)
        this.#status = Number(status)
        this.#reason = reason
        this.#fields = []
        this.#state = 'fields'
        break
      }
      case 'fields':
        if (line === '') this.#onHead()
        else this.#fields.push(parseField(line))
        break
      case 'chunk-size':
        if (!/^[0-9a-fA-F]{1,13}$/.test(line)) throw new NodeResponseError(`${quote(line)} is no size of a chunk`)
        this.#remaining = Number.parseInt(line, 16)
        this.#state = this.#remaining === 0 ? 'trailers' : 'chunk'
        break
      case 'chunk-end':
        if (line !== '') throw new NodeResponseError(`A chunk is followed by ${quote(line)}`)
        this.#state = 'chunk-size'
        break
      default:
        if (line === '') this.#complete(this.#fields)
        else this.#fields.push(parseField(line))
    }
  }

  #onHead(): void {
    const fields = this.#fields
    this.#fields = []
    // Switching protocols is of HTTP/1.1 alone (RFC 9114 §4.5): who does so answers nothing more that could be understood.
    if (this.#status === 101)
      throw new NodeResponseError('The application switched protocols, which HTTP/3 does not do')
    if (this.#status < 200) {
      this.#state = 'status'
      this.#sink.informational(this.#status, fields)
      return
    }
    const length = lastOf(fields, 'content-length')
    const isChunked = lastOf(fields, 'transfer-encoding')?.toLowerCase() === 'chunked'
    const cannotHave = this.#isHead || this.#status === 204 || this.#status === 304
    const hasContent = !cannotHave && (isChunked || length === undefined || Number(length) > 0)
    this.#sink.head(this.#status, this.#reason, withoutConnectionFields(fields), hasContent)
    if (!hasContent) {
      this.#complete([])
    } else if (isChunked) {
      this.#state = 'chunk-size'
    } else if (length === undefined) {
      this.#state = 'until-close'
    } else {
      if (!/^\d{1,15}$/.test(length)) throw new NodeResponseError(`${quote(length)} is no Content-Length`)
      this.#remaining = Number(length)
      this.#state = 'length'
    }
  }

  #complete(trailers: FieldLines): void {
    this.#state = 'end'
    this.#sink.end(trailers)
  }
}

function parseField(line: string): [string, string] {
  const colon = line.indexOf(':')
  if (colon <= 0) throw new NodeResponseError(`${quote(line)} is no field`)
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, '')]
}

function lastOf(fields: FieldLines, wanted: string): string | undefined {
  return fields.findLast(([name]) => name.toLowerCase() === wanted)?.[1]
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text)
}
