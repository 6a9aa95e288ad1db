import { describe, expect, test } from 'vitest'
import { AwaitedTrailers } from './awaited-trailers.ts'

const FIELDS = [{ name: 'checksum', value: 'abc' }]

describe('awaited trailers', () => {
  test('are told to whoever asks before they have come, and after', async () => {
    const trailers = new AwaitedTrailers()
    const early = trailers.promise
    trailers.resolve(FIELDS)
    expect(trailers.promise).toBe(early)
    expect((await early).get('checksum')).toBe('abc')
    const late = new AwaitedTrailers()
    late.resolve(undefined)
    expect([...(await late.promise)]).toEqual([])
  })

  test('are what the first word says', async () => {
    const trailers = new AwaitedTrailers()
    trailers.resolve(FIELDS)
    trailers.reject(new Error('Too late'))
    expect((await trailers.promise).get('checksum')).toBe('abc')
    const failed = new AwaitedTrailers()
    failed.reject(new Error('Reset'))
    failed.resolve(FIELDS)
    await expect(failed.promise).rejects.toThrow('Reset')
  })

  test('that nobody asks for make no unhandled rejection', async () => {
    const trailers = new AwaitedTrailers()
    trailers.reject(new Error('Reset'))
    void trailers.promise
    await Promise.resolve()
  })
})
