/**
 * A request as HTTP/1.1 (RFC 9112), for Node's own parser: the head, and how its content is framed. Nothing that the peer sent
 * can end a line or a message here.
 */
import { Buffer } from 'node:buffer'
import { METHODS } from 'node:http'
import { type FieldLines, withoutConnectionFields } from './response-reader.ts'

/** How the content is framed. */
export type Framing = 'none' | 'length' | 'chunked'

/** The head of a request, ready to be parsed. */
export interface RequestBytes {
  readonly head: Uint8Array
  readonly framing: Framing
  /** bytes; with the framing `'length'` */
  readonly length: number
}

/** What a request says, with its fields as they came. */
export interface RequestParts {
  readonly method: string
  readonly url: string
  readonly fields: FieldLines
  readonly hasContent: boolean
}

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** The method under which the parser gets to see one that it does not know. */
export const UNKNOWN_METHOD = 'POST'

/** Whether Node's parser takes `method`. */
export function isKnownMethod(method: string): boolean {
  return METHODS.includes(method)
}

/** @throws TypeError for what cannot be a request: it would be read as something else. */
export function requestBytes({ method, url, fields, hasContent }: RequestParts): RequestBytes {
  const { host, pathname, search } = new URL(url)
  if (!TOKEN.test(method)) throw new TypeError(`A method is a token (RFC 9110 §9.1), got ${JSON.stringify(method)}`)
  const lines = [`${isKnownMethod(method) ? method : UNKNOWN_METHOD} ${pathname}${search} HTTP/1.1`, `host: ${host}`]
  let length: string | undefined
  for (const [name, value] of withoutConnectionFields(fields)) {
    // The authority is in the URL.
    if (name.toLowerCase() === 'host') continue
    if (name.toLowerCase() === 'content-length') {
      length = value
      continue
    }
    lines.push(fieldLine(name, value))
  }
  if (length !== undefined && !/^\d{1,15}$/.test(length)) {
    throw new TypeError(`A Content-Length is a number, got ${JSON.stringify(length)}`)
  }
  const framing = !hasContent ? 'none' : length === undefined ? 'chunked' : 'length'
  // Body parsers look for one of the two. Content that was announced and is not here cannot be waited for.
  if (framing === 'chunked') lines.push('transfer-encoding: chunked')
  else if (framing === 'length' || length === '0') lines.push(`content-length: ${length}`)
  return { head: Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), framing, length: Number(length ?? 0) }
}

/** The end of chunked content, with its trailers. @throws TypeError for what is no field */
export function lastChunk(trailers: FieldLines): Uint8Array {
  const lines = withoutConnectionFields(trailers).map(([name, value]) => `${fieldLine(name, value)}\r\n`)
  return Buffer.from(`0\r\n${lines.join('')}\r\n`, 'latin1')
}

function fieldLine(name: string, value: string): string {
  if (!TOKEN.test(name)) throw new TypeError(`A field's name is a token (RFC 9110 §5.1), got ${JSON.stringify(name)}`)
  if (/[\r\n\0]/.test(value)) throw new TypeError(`The field ${name} has a line break in its value`)
  return `${name}: ${value}`
}
