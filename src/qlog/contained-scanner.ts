/**
 * Finds the events in one large JSON value without holding it: `{ …, "traces": [ { …, "events": [ …` (main-schema §4). Members
 * and events are handed on as texts, parsed or not; what lies around them is checked only as far as it has to be followed.
 */
import { concat } from '../base/bytes.ts'
import { parseJson, textOfBytes } from './json-values.ts'
import type { Place } from './read-error.ts'

/** Hears of the parts of the file in their order. */
export interface ContainedListener {
  /** A member of the file, or of the trace that has begun. `undefined`: it is too large to be kept. */
  onMember(key: string, text: string | undefined, place: Place): void
  onTracesBegin(): void
  /** An element of `traces` that is an object begins, and ends. */
  onTraceBegin(place: Place): void
  onEventsBegin(place: Place): void
  onEvent(text: string | undefined, place: Place): void
  onTraceEnd(place: Place): void
  /** An element of `traces` that is no object. */
  onOther(place: Place): void
  /** The value is over; what follows is not part of it. */
  onEnd(): void
  /** Nothing more can be understood. */
  onMalformed(place: Place): void
}

type Level = 'file' | 'traces' | 'trace' | 'events' | 'over'
type Phase = 'key' | 'colon' | 'value'

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const LINE_FEED = 0x0a

/** A scanner of one JSON value, which begins with `{`. */
export class ContainedScanner {
  readonly #listener: ContainedListener
  readonly #limit: number
  #level: Level = 'file'
  #phase: Phase = 'key'
  #isOpen = false
  #key = ''
  // Where the next byte stands.
  #offset: number
  #line: number
  // The value under way, if there is one.
  #isCapturing = false
  #isScalar = false
  #depth = 0
  #inString = false
  #isEscaped = false
  #parts: Uint8Array[] = []
  #size = 0
  #place: Place = { line: 1, offset: 0 }

  /**
   * @param limit bytes of one member or event
   * @param place of the first byte
   */
  constructor(listener: ContainedListener, limit: number, place: Place) {
    this.#listener = listener
    this.#limit = limit
    this.#offset = place.offset
    this.#line = place.line
  }

  /** Where the next byte stands. */
  get place(): Place {
    return { line: this.#line, offset: this.#offset }
  }

  /** Takes the next bytes; how many of them belong to the value. They may change afterwards. */
  scan(bytes: Uint8Array): number {
    let at = 0
    while (at < bytes.length && this.#level !== 'over') {
      const next = this.#isCapturing ? this.#capture(bytes, at) : this.#structure(bytes[at] ?? 0, at)
      this.#offset += next - at
      at = next
    }
    return at
  }

  /** One byte between values; where to go on. */
  #structure(byte: number, at: number): number {
    if (byte === LINE_FEED) this.#line += 1
    if (byte === LINE_FEED || byte === 0x20 || byte === 0x09 || byte === 0x0d) return at + 1
    if (!this.#isOpen) {
      this.#isOpen = true
      return byte === OPEN_BRACE ? at + 1 : this.#fail(at)
    }
    return this.#level === 'file' || this.#level === 'trace' ? this.#inObject(byte, at) : this.#inArray(byte, at)
  }

  #inObject(byte: number, at: number): number {
    switch (this.#phase) {
      case 'key':
        if (byte === COMMA) return at + 1
        if (byte === CLOSE_BRACE) return this.#leave(at)
        return byte === QUOTE ? this.#begin(at) : this.#fail(at)
      case 'colon':
        this.#phase = 'value'
        return byte === COLON ? at + 1 : this.#fail(at)
      case 'value': {
        if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET) return this.#fail(at)
        const inner = INNER[this.#level]
        if (byte !== OPEN_BRACKET || this.#key !== inner) return this.#begin(at, byte)
        this.#phase = 'key'
        this.#level = inner
        if (inner === 'traces') this.#listener.onTracesBegin()
        else this.#listener.onEventsBegin(this.place)
        return at + 1
      }
    }
  }

  #inArray(byte: number, at: number): number {
    if (byte === COMMA) return at + 1
    if (byte === CLOSE_BRACKET) return this.#leave(at)
    if (byte === CLOSE_BRACE || byte === COLON) return this.#fail(at)
    if (this.#level !== 'traces' || byte !== OPEN_BRACE) return this.#begin(at, byte)
    this.#level = 'trace'
    this.#phase = 'key'
    this.#listener.onTraceBegin(this.place)
    return at + 1
  }

  #leave(at: number): number {
    const { place } = this
    const left = this.#level
    this.#level = OUTER[left]
    if (left === 'file') this.#listener.onEnd()
    else if (left === 'trace') this.#listener.onTraceEnd(place)
    return at + 1
  }

  #fail(at: number): number {
    const { place } = this
    this.#level = 'over'
    this.#listener.onMalformed(place)
    return at
  }

  /** A value begins with the byte at `at`, which is looked at again. */
  #begin(at: number, byte: number = QUOTE): number {
    this.#isCapturing = true
    this.#isScalar = byte !== OPEN_BRACE && byte !== OPEN_BRACKET && byte !== QUOTE
    this.#depth = 0
    this.#inString = false
    this.#isEscaped = false
    this.#size = 0
    this.#place = this.place
    return at
  }

  /** Follows a value to its end, or to that of `bytes`. */
  #capture(bytes: Uint8Array, from: number): number {
    // The first byte belongs to the value, whatever it is.
    const end = this.#isScalar ? scalarEnd(bytes, this.#size === 0 ? from + 1 : from) : this.#valueEnd(bytes, from)
    const stop = end < 0 ? bytes.length : end
    this.#size += stop - from
    if (this.#size > this.#limit) this.#parts = []
    else if (end < 0 || this.#parts.length > 0) this.#parts.push(bytes.slice(from, stop))
    if (end < 0) return stop
    this.#isCapturing = false
    const whole = this.#parts.length === 0 ? bytes.subarray(from, stop) : concat(...this.#parts)
    this.#parts = []
    this.#hand(this.#size > this.#limit ? undefined : textOfBytes(whole))
    return stop
  }

  /** Behind the last byte of a string, an object or an array; -1: it goes on. */
  #valueEnd(bytes: Uint8Array, from: number): number {
    let depth = this.#depth
    let inString = this.#inString
    let isEscaped = this.#isEscaped
    let line = this.#line
    let end = -1
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at]
      if (byte === LINE_FEED) line += 1
      if (inString) {
        if (isEscaped) isEscaped = false
        else if (byte === BACKSLASH) isEscaped = true
        else if (byte === QUOTE) {
          inString = false
          if (depth === 0) end = at + 1
        }
      } else if (byte === QUOTE) inString = true
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) depth += 1
      else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        depth -= 1
        if (depth <= 0) end = at + 1
      }
      if (end >= 0) break
    }
    this.#depth = depth
    this.#inString = inString
    this.#isEscaped = isEscaped
    this.#line = line
    return end
  }

  #hand(text: string | undefined): void {
    const place = this.#place
    if (this.#level === 'events') this.#listener.onEvent(text, place)
    else if (this.#level === 'traces') this.#listener.onOther(place)
    else if (this.#phase === 'key') {
      this.#key = String(text === undefined ? '' : parseJson(text))
      this.#phase = 'colon'
    } else {
      this.#phase = 'key'
      this.#listener.onMember(this.#key, text, place)
    }
  }
}

/** The array whose elements are looked into. */
const INNER: Readonly<Partial<Record<Level, 'traces' | 'events'>>> = { file: 'traces', trace: 'events' }

const OUTER: Readonly<Record<Level, Level>> = {
  file: 'over',
  traces: 'file',
  trace: 'traces',
  events: 'trace',
  over: 'over',
}

/** Behind the last byte of a number or a word; -1: it may go on. */
function scalarEnd(bytes: Uint8Array, from: number): number {
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0
    if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || byte <= 0x20) return at
  }
  return -1
}
