/** Arguments of the wrong kind are told of at once, by name and value. */
import type { DatagramTransport } from '../transport.ts'
import { checkKeys } from './known-keys.ts'
import type { Abortable } from './signal.ts'

/** A value as an error message shows it: short, whatever it is. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return value.length > 40 ? `'${value.slice(0, 40)}…'` : `'${value}'`
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object'
  return typeof value === 'function' ? 'a function' : String(value)
}

/** @throws TypeError unless `value` is an object with these methods */
export function checkMethods(value: unknown, name: string, methods: readonly string[]): void {
  const members = value as Readonly<Record<string, unknown>> | null | undefined
  const missing = methods.find((method) => typeof members?.[method] !== 'function')
  if (missing !== undefined) throw new TypeError(`${name} must have the method ${missing}, got ${shown(value)}`)
}

/** @throws TypeError for what is no transport */
export function checkTransport(value: DatagramTransport, name = 'transport'): void {
  checkMethods(value, name, ['open', 'send', 'close'])
}

/** @throws TypeError for what is neither `undefined` nor an object */
export function checkObject(value: unknown, name: string): void {
  if (value !== undefined && (typeof value !== 'object' || value === null)) {
    throw new TypeError(`${name} must be an object, got ${shown(value)}`)
  }
}

/** @throws TypeError for what is neither `undefined` nor bytes */
export function checkBytes(value: unknown, name: string): void {
  if (value !== undefined && !(value instanceof Uint8Array)) {
    throw new TypeError(`${name} must be a Uint8Array, got ${shown(value)}`)
  }
}

/** A secret of at least so many bytes. @throws TypeError, RangeError for what is none */
export function checkKey(key: unknown, least: number, name = 'key'): void {
  if (!(key instanceof Uint8Array)) throw new TypeError(`${name} must be a Uint8Array, got ${shown(key)}`)
  if (key.length < least) throw new RangeError(`${name} must have at least ${least} bytes, got ${key.length}`)
}

/** @throws TypeError for what is neither `undefined` nor an array */
export function checkArray(value: unknown, name: string): void {
  if (value !== undefined && !Array.isArray(value)) throw new TypeError(`${name} must be an array, got ${shown(value)}`)
}

/** @throws TypeError for what is neither `undefined` nor of the type `typeof` says */
export function checkType(value: unknown, name: string, type: 'boolean' | 'function' | 'string'): void {
  if (value !== undefined && typeof value !== type)
    throw new TypeError(`${name} must be a ${type}, got ${shown(value)}`)
}

/** @throws TypeError for what is neither `undefined` nor an `AbortSignal` */
export function checkSignal(signal: unknown): void {
  if (signal !== undefined) checkMethods(signal, 'signal', ['throwIfAborted', 'addEventListener'])
}

/** Options that hold a signal at most. @throws TypeError for others */
export function checkAbortable(options: Abortable | undefined): void {
  if (options === undefined) return
  checkKeys(options, ['signal'])
  checkSignal(options.signal)
}

/** Bytes that a label of TLS may take beside `tls13 ` (RFC 8446 §7.1). */
const MAX_LABEL = 249

/** What `exportKeyingMaterial` is asked for. @throws TypeError, RangeError naming the argument */
export function checkExport(label: unknown, context: unknown, length: unknown): void {
  if (typeof label !== 'string') throw new TypeError(`label must be a string, got ${shown(label)}`)
  if (label.length < 1 || label.length > MAX_LABEL) {
    throw new RangeError(`label must take 1 to ${MAX_LABEL} bytes, got ${label.length}`)
  }
  if (context === undefined) throw new TypeError('context must be a Uint8Array, got undefined')
  checkBytes(context, 'context')
  if (typeof length !== 'number') throw new TypeError(`length must be a number, got ${shown(length)}`)
  if (!Number.isInteger(length) || length < 0) throw new RangeError(`length must be an integer from 0, got ${length}`)
}
