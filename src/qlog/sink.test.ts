import { describe, expect, test } from 'vitest'
import { decodeUtf8 } from '../base/bytes.ts'
import { MAX_BUFFERED, safeSink } from './sink.ts'

/** A stream whose writes last until `release` is called. */
function slowStream(): {
  stream: WritableStream<Uint8Array>
  chunks: string[]
  release(): Promise<void>
  closed(): boolean
} {
  const chunks: string[] = []
  const waiting: (() => void)[] = []
  let isClosed = false
  const stream = new WritableStream<Uint8Array>({
    write(chunk) {
      chunks.push(decodeUtf8(chunk))
      return new Promise((resolve) => waiting.push(resolve))
    },
    close() {
      isClosed = true
    },
  })
  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))
  return {
    stream,
    chunks,
    closed: () => isClosed,
    async release() {
      await settle()
      waiting.shift()?.()
      await settle()
    },
  }
}

describe('Records', () => {
  test('go to a function, and to a sink with an end', () => {
    const seen: string[] = []
    const plain = safeSink((record) => seen.push(record), fail)
    expect(plain.write('a')).toBe(true)
    plain.close()
    expect(plain.write('b')).toBe(false)
    const sink = safeSink({ write: (record) => seen.push(record), close: () => seen.push('end') }, fail)
    sink.write('c')
    sink.close()
    sink.close()
    expect(seen).toEqual(['a', 'c', 'end'])
  })

  test('are dropped where a sink says so', () => {
    const sink = safeSink((record) => record !== 'b', fail)
    expect(['a', 'b', 'c'].map((record) => sink.write(record))).toEqual([true, false, true])
  })

  test.each(['write', 'close'])('go nowhere after a sink has thrown in %s, which is told once', (where) => {
    const errors: unknown[] = []
    const broken = (): never => {
      throw new Error('full')
    }
    const sink = safeSink({ write: where === 'write' ? broken : () => {}, close: broken }, (error) =>
      errors.push(error),
    )
    sink.write('a')
    sink.write('b')
    sink.close()
    sink.close()
    expect(errors).toEqual([new Error('full')])
  })

  test('go to a stream in order, as many at once as came while it was busy, and close it', async () => {
    const { stream, chunks, closed, release } = slowStream()
    const sink = safeSink(stream, fail)
    for (const record of ['a', 'b', 'ü']) expect(sink.write(record)).toBe(true)
    await release()
    sink.write('d')
    sink.close()
    expect(sink.write('e')).toBe(false)
    await release()
    await release()
    expect(chunks).toEqual(['a', 'bü', 'd'])
    expect(closed()).toBe(true)
  })

  test('are dropped where a stream is too slow, until there is room again', async () => {
    const { stream, chunks, release } = slowStream()
    const sink = safeSink(stream, fail)
    const large = 'x'.repeat(MAX_BUFFERED / 2)
    expect([large, large, large, 'y', 'z'].map((record) => sink.write(record))).toEqual([
      true,
      true,
      true,
      false,
      false,
    ])
    await release()
    expect(sink.write('y')).toBe(true)
    await release()
    expect(chunks.map((chunk) => chunk.length)).toEqual([MAX_BUFFERED / 2, MAX_BUFFERED, 1])
  })

  test('go nowhere after a stream has failed, which is told once', async () => {
    const errors: unknown[] = []
    const stream = new WritableStream<Uint8Array>({
      write() {
        throw new Error('gone')
      },
    })
    const sink = safeSink(stream, (error) => errors.push(error))
    sink.write('a')
    await new Promise((resolve) => setTimeout(resolve, 0))
    expect(sink.write('b')).toBe(false)
    sink.close()
    await new Promise((resolve) => setTimeout(resolve, 0))
    expect(errors).toEqual([new Error('gone')])
  })
})

function fail(error: unknown): void {
  throw error
}
