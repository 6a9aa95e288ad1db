/**
 * Structured Fields (RFC 9651, which replaces RFC 8941): Items, Lists and Dictionaries are parsed in full, so that what
 * is unknown can be passed over safely. Parsing fails as a whole or not at all. Nothing is serialized here but Strings.
 */
import { decodeUtf8 } from '../base/bytes.ts'

/**
 * A value by itself. Dates hold seconds since 1970, bytes their base64 text as it was sent (checked for its alphabet
 * alone), display strings are decoded.
 */
export type BareItem =
  | { readonly type: 'integer' | 'decimal' | 'date'; readonly value: number }
  | { readonly type: 'string' | 'token' | 'bytes' | 'display-string'; readonly value: string }
  | { readonly type: 'boolean'; readonly value: boolean }

/** The parameters of a member, by key. */
export type Parameters = ReadonlyMap<string, BareItem>

/** A value with its parameters (RFC 9651 §3.3). */
export interface Item {
  readonly item: BareItem
  readonly parameters: Parameters
}

/** Several Items in parentheses (RFC 9651 §3.1.1). */
export interface InnerList {
  readonly items: readonly Item[]
  readonly parameters: Parameters
}

/** What a List or a Dictionary consists of. */
export type Member = Item | InnerList

/** The members of a Dictionary, the last of each key (RFC 9651 §4.2.2). `undefined`: malformed, to be ignored as a whole. */
export function parseDictionary(text: string): ReadonlyMap<string, Member> | undefined {
  return parse(text, (parser) => parser.dictionary())
}

/** The members of a List (RFC 9651 §4.2.1). `undefined`: malformed, to be ignored as a whole. */
export function parseList(text: string): readonly Member[] | undefined {
  return parse(text, (parser) => parser.list())
}

/** A single Item (RFC 9651 §4.2.3). `undefined`: malformed, to be ignored. */
export function parseItem(text: string): Item | undefined {
  return parse(text, (parser) => parser.item())
}

/**
 * A String (RFC 9651 §4.1.6).
 * @throws TypeError for characters that a String cannot hold.
 */
export function formatString(value: string): string {
  if (!/^[ -~]*$/.test(value))
    throw new TypeError(`A structured string holds visible ASCII only, got ${JSON.stringify(value)}`)
  return `"${value.replace(/["\\]/g, '\\$&')}"`
}

function parse<T>(text: string, read: (parser: Parser) => T): T | undefined {
  const parser = new Parser(text)
  parser.skipSpaces()
  const value = read(parser)
  parser.skipSpaces()
  return parser.ok && parser.isAtEnd ? value : undefined
}

const LETTER = /[A-Za-z]/
const DIGIT = /[0-9]/
const KEY_START = /[a-z*]/
const KEY = /[a-z0-9_\-.*]/
const TOKEN = /[A-Za-z0-9!#$%&'*+\-.^_`|~:/]/
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/
const NOTHING: BareItem = { type: 'boolean', value: true }

/** A cursor that fails stickily: after a failure it is at its end, and `ok` is false. */
class Parser {
  ok = true
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length
  }

  skipSpaces(): void {
    while (this.#next === ' ') this.#at++
  }

  dictionary(): Map<string, Member> {
    const members = new Map<string, Member>()
    while (this.#hasMember(members.size > 0)) {
      const key = this.#key()
      if (this.#take('=')) members.set(key, this.#member())
      else members.set(key, { item: NOTHING, parameters: this.#parameters() })
    }
    return members
  }

  list(): Member[] {
    const members: Member[] = []
    while (this.#hasMember(members.length > 0)) members.push(this.#member())
    return members
  }

  item(): Item {
    const item = this.#bareItem()
    return { item, parameters: this.#parameters() }
  }

  get #next(): string {
    return this.#text.charAt(this.#at)
  }

  #fail(): void {
    this.ok = false
    this.#at = this.#text.length
  }

  #take(character: string): boolean {
    if (this.#next !== character) return false
    this.#at++
    return true
  }

  /** All characters that match, from here on. */
  #run(characters: RegExp): string {
    const start = this.#at
    while (!this.isAtEnd && characters.test(this.#next)) this.#at++
    return this.#text.slice(start, this.#at)
  }

  /** Passes over the comma between members; one at the end is an error. */
  #hasMember(follows: boolean): boolean {
    if (!follows) return !this.isAtEnd
    this.#run(/[ \t]/)
    if (this.isAtEnd) return false
    if (!this.#take(',')) this.#fail()
    this.#run(/[ \t]/)
    if (this.isAtEnd) this.#fail()
    return this.ok
  }

  #member(): Member {
    return this.#next === '(' ? this.#innerList() : this.item()
  }

  #innerList(): InnerList {
    const items: Item[] = []
    this.#at++
    for (;;) {
      this.skipSpaces()
      if (this.#take(')')) break
      items.push(this.item())
      if (this.#next !== ' ' && this.#next !== ')') this.#fail()
      if (!this.ok) break
    }
    return { items, parameters: this.#parameters() }
  }

  #parameters(): Map<string, BareItem> {
    const parameters = new Map<string, BareItem>()
    while (this.#take(';')) {
      this.skipSpaces()
      const key = this.#key()
      parameters.set(key, this.#take('=') ? this.#bareItem() : NOTHING)
    }
    return parameters
  }

  #key(): string {
    if (!KEY_START.test(this.#next)) this.#fail()
    return this.#run(KEY)
  }

  #bareItem(): BareItem {
    const first = this.#next
    if (first === '-' || DIGIT.test(first)) return this.#number()
    if (first === '"') return { type: 'string', value: this.#string() }
    if (first === '*' || LETTER.test(first)) return { type: 'token', value: this.#run(TOKEN) }
    if (this.#take(':')) return { type: 'bytes', value: this.#bytes() }
    if (this.#take('?')) return { type: 'boolean', value: this.#boolean() }
    if (this.#take('@')) return this.#date()
    if (this.#take('%')) return { type: 'display-string', value: this.#displayString() }
    this.#fail()
    return NOTHING
  }

  #number(): BareItem {
    const sign = this.#take('-') ? -1 : 1
    const integer = this.#run(DIGIT)
    if (integer === '') this.#fail()
    if (!this.#take('.')) {
      if (integer.length > 15) this.#fail()
      return { type: 'integer', value: sign * Number(integer) }
    }
    const fraction = this.#run(DIGIT)
    if (integer.length > 12 || fraction.length < 1 || fraction.length > 3) this.#fail()
    return { type: 'decimal', value: sign * Number(`${integer}.${fraction}`) }
  }

  #date(): BareItem {
    const number = this.#number()
    if (number.type !== 'integer') this.#fail()
    return { type: 'date', value: Number(number.value) }
  }

  #string(): string {
    let value = ''
    this.#at++
    for (;;) {
      value += this.#run(/[ !#-[\]-~]/)
      if (this.#take('"')) return value
      if (!this.#take('\\') || !(this.#next === '"' || this.#next === '\\')) {
        this.#fail()
        return value
      }
      value += this.#text.charAt(this.#at++)
    }
  }

  #bytes(): string {
    const end = this.#text.indexOf(':', this.#at)
    const value = this.#text.slice(this.#at, Math.max(end, this.#at))
    if (end < 0 || !BASE64.test(value)) this.#fail()
    else this.#at = end + 1
    return value
  }

  #boolean(): boolean {
    if (this.#take('1')) return true
    if (!this.#take('0')) this.#fail()
    return false
  }

  #displayString(): string {
    const bytes: number[] = []
    if (!this.#take('"')) this.#fail()
    while (this.ok && !this.#take('"')) {
      const character = this.#next
      this.#at++
      if (character === '%') {
        const digits = this.#text.slice(this.#at, this.#at + 2)
        this.#at += 2
        if (!/^[0-9a-f]{2}$/.test(digits)) this.#fail()
        bytes.push(Number.parseInt(digits, 16))
      } else {
        if (!/^[ -~]$/.test(character)) this.#fail()
        bytes.push(character.charCodeAt(0))
      }
    }
    return decodeUtf8(Uint8Array.from(bytes))
  }
}
