/**
 * What holds for every field section, received or to be sent (RFC 9114 §4.2, §4.3, §10.3; RFC 9110 §5): characters,
 * pseudo-header fields before the others and only known ones, nothing that belongs to a single HTTP/1.1 connection,
 * one Content-Length and one Host at most. What the pseudo-header fields must say is the business of `message.ts`.
 */
import { MAX_SAFE } from '../base/varint.ts'
import { Http3Error, Http3ErrorCode } from './error.ts'
import type { Field } from './field.ts'

/** Makes the error for a section that breaks a rule: another one for what came than for what was to be sent. */
export type Refusal = (reason: string) => Error

/** For what a peer sent: the message is malformed, which ends its stream (RFC 9114 §4.1.2). */
export function malformed(reason: string): Http3Error {
  return new Http3Error(Http3ErrorCode.H3_MESSAGE_ERROR, reason, 'stream')
}

/** For what the application wants to send. */
export function unsendable(reason: string): TypeError {
  return new TypeError(reason)
}

/** The sections that a message consists of. */
export type SectionKind = 'request' | 'response' | 'trailers'

/** A field section that keeps the rules. */
export interface Section {
  /** Values of the pseudo-header fields, by name. */
  readonly pseudo: ReadonlyMap<string, string>
  /** The other lines in their order, of several cookie lines one. */
  readonly fields: readonly Field[]
  readonly contentLength: number | undefined
  /** Host; of requests alone. */
  readonly host: string | undefined
  /** All lines of Priority, joined; of requests alone. */
  readonly priority: string | undefined
}

/** RFC 9114 §4.3.1 and RFC 8441 §4; §4.3.2; none in trailers (§4.3). */
const PSEUDO_FIELDS: Readonly<Record<SectionKind, readonly string[]>> = {
  request: [':method', ':scheme', ':authority', ':path', ':protocol'],
  response: [':status'],
  trailers: [],
}

/** A token without upper case (RFC 9110 §5.1, §5.6.2; RFC 9114 §4.2). */
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/

/** The characters of RFC 9110 §5.5; that whitespace is neither first nor last is looked at apart. */
const VALUE = /^[\t -~\x80-\xff]*$/

const DIGITS = /^[0-9]+$/

/**
 * Goes through a section once and takes from it what its meaning depends on.
 * @throws what `refuse` makes of the first rule that is broken.
 */
export function readSection(lines: readonly Field[], kind: SectionKind, refuse: Refusal): Section {
  const pseudo = new Map<string, string>()
  const fields: Field[] = []
  const seen: SeenFields = { contentLength: undefined, host: undefined, priority: undefined, cookies: 0 }
  for (const field of lines) {
    if (field.name.startsWith(':')) {
      addPseudoField(pseudo, field, kind, fields.length > 0, refuse)
    } else {
      checkField(field, refuse)
      takeNote(seen, field, kind, refuse)
      fields.push(field)
    }
  }
  const { contentLength, host, priority, cookies } = seen
  return { pseudo, fields: cookies > 1 ? joinCookies(fields) : fields, contentLength, host, priority }
}

interface SeenFields {
  contentLength: number | undefined
  host: string | undefined
  priority: string | undefined
  cookies: number
}

function addPseudoField(
  pseudo: Map<string, string>,
  { name, value }: Field,
  kind: SectionKind,
  isLate: boolean,
  refuse: Refusal,
): void {
  if (!PSEUDO_FIELDS[kind].includes(name)) {
    throw refuse(`${quote(name)} cannot stand in ${kind === 'trailers' ? kind : `a ${kind}`}`)
  }
  if (isLate) throw refuse(`${name} follows a field that is no pseudo-header field`)
  if (pseudo.has(name)) throw refuse(`${name} is there twice`)
  checkValue(name, value, refuse)
  pseudo.set(name, value)
}

/** @throws what `refuse` makes of a name or value with characters that it cannot have. */
export function checkField({ name, value }: Field, refuse: Refusal): void {
  if (!NAME.test(name)) {
    if (/[A-Z]/.test(name)) throw refuse(`The field name ${quote(name)} has upper case`)
    throw refuse(`${quote(name)} is no field name`)
  }
  checkValue(name, value, refuse)
}

function checkValue(name: string, value: string, refuse: Refusal): void {
  if (!VALUE.test(value)) throw refuse(`The value of ${name} has a character that is not allowed: ${quote(value)}`)
  if (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1))) {
    throw refuse(`The value of ${name} begins or ends with whitespace: ${quote(value)}`)
  }
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}

function takeNote(seen: SeenFields, { name, value }: Field, kind: SectionKind, refuse: Refusal): void {
  switch (name) {
    case 'connection':
    case 'keep-alive':
    case 'proxy-connection':
    case 'transfer-encoding':
    case 'upgrade':
      // RFC 9114 §4.2, RFC 9110 §7.6.1.
      throw refuse(`The field ${name} belongs to a single HTTP/1.1 connection and has no place in HTTP/3`)
    case 'te':
      if (kind !== 'request') throw refuse('The field te stands in requests alone')
      if (value.toLowerCase() !== 'trailers') throw refuse(`The field te must be "trailers", got ${quote(value)}`)
      break
    case 'content-length':
      seen.contentLength = contentLengthOf(value, seen.contentLength, kind, refuse)
      break
    case 'host':
      if (kind === 'trailers') throw refuse('The field host cannot stand in trailers')
      if (kind !== 'request') break
      if (seen.host !== undefined) throw refuse('The field host is there twice')
      seen.host = value
      break
    case 'priority':
      seen.priority = seen.priority === undefined ? value : `${seen.priority}, ${value}`
      break
    case 'cookie':
      if (kind === 'request') seen.cookies++
      break
    default:
  }
}

/**
 * Lists, signs, second lines and what no number holds are refused, so that nobody behind us can read another length
 * than we did (RFC 9110 §8.6).
 */
function contentLengthOf(value: string, before: number | undefined, kind: SectionKind, refuse: Refusal): number {
  if (kind === 'trailers') throw refuse('The field content-length cannot stand in trailers')
  if (before !== undefined) throw refuse('The field content-length is there twice')
  const length = DIGITS.test(value) ? Number(value) : Number.NaN
  if (!(length <= MAX_SAFE)) throw refuse(`content-length must be one number up to 2^53-1, got ${quote(value)}`)
  return length
}

/** Cookies that were split for the sake of compression become one line again (RFC 9114 §4.2.1). */
function joinCookies(fields: readonly Field[]): Field[] {
  const cookies = fields.filter(({ name }) => name === 'cookie')
  const value = cookies.map((cookie) => cookie.value).join('; ')
  const isNeverIndexed = cookies.some((cookie) => cookie.isNeverIndexed === true)
  const joined: Field = isNeverIndexed ? { name: 'cookie', value, isNeverIndexed } : { name: 'cookie', value }
  const first = fields.findIndex(({ name }) => name === 'cookie')
  return fields.flatMap((field, at) => (at === first ? [joined] : field.name === 'cookie' ? [] : [field]))
}

/** Text of a stranger, for a message: its first characters, escaped. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
