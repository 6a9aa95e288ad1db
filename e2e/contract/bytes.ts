/** What rows of the contract write and read. */
import type { QuicStream } from '../../src/index.ts'

/** So many bytes, none like its neighbour. */
export function bytesOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 0xff)
}

/** Writes all of it and the end; fulfils when it is acknowledged. */
export async function writeAll(stream: QuicStream, bytes: Uint8Array): Promise<void> {
  const writer = stream.writable.getWriter()
  const written = writer.write(bytes)
  await writer.close()
  await written
}

/** Everything up to the end of the stream. */
export async function readAll(stream: QuicStream): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  const reader = stream.readable.getReader()
  for (let part = await reader.read(); !part.done; part = await reader.read()) parts.push(part.value)
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

/** The first item of a readable; it is released. */
export async function first<T>(readable: ReadableStream<T>): Promise<T> {
  const reader = readable.getReader()
  try {
    const { done, value } = await reader.read()
    if (done) throw new Error('There is nothing')
    return value
  } finally {
    reader.releaseLock()
  }
}

/** What `promise` rejects with. @throws Error where it fulfils */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('It does not reject')
}

/** Judges numbers in patterns. */
export function above(limit: number): (value: unknown) => boolean {
  return (value) => Number(value) > limit
}

/** Judges numbers in patterns. */
export function between(least: number, most: number): (value: unknown) => boolean {
  return (value) => Number(value) >= least && Number(value) <= most
}
