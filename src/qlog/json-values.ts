/** JSON from bytes, and what a value is, for readers that trust nothing. */
import { decodeUtf8 } from '../base/bytes.ts'
import type { QlogObject } from './schema.ts'

/** Arguments of one call; engines bound them. */
const CHUNK = 8192

/** The text of UTF-8 `bytes`: logs are ASCII nearly everywhere, and that goes ten times as fast. */
export function textOfBytes(bytes: Uint8Array): string {
  for (let index = 0; index < bytes.length; index++) if ((bytes[index] ?? 0) > 0x7f) return decodeUtf8(bytes)
  if (bytes.length <= CHUNK) return asciiOf(bytes)
  let text = ''
  for (let at = 0; at < bytes.length; at += CHUNK) text += asciiOf(bytes.subarray(at, at + CHUNK))
  return text
}

/** The value of a JSON text; `undefined` for what is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export function isObject(value: unknown): value is QlogObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** `value` if it is an object, else an empty one. */
export function objectOf(value: unknown): QlogObject {
  return isObject(value) ? value : {}
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** A finite number, or the one that a decimal string stands for (main-schema §11.3). */
export function numberOf(value: unknown): number | undefined {
  if (typeof value !== 'number' && (typeof value !== 'string' || value.trim() === '')) return undefined
  const number = Number(value)
  return Number.isFinite(number) ? number : undefined
}

/** The beginning of `text`, in quotes. */
export function excerpt(text: string): string {
  return JSON.stringify(text.slice(0, 60))
}

function asciiOf(bytes: Uint8Array): string {
  // Typed as an array of numbers, `apply` takes bytes as well.
  return String.fromCharCode.apply(undefined, bytes as unknown as number[])
}
