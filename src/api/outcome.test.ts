/** The promises of `outcome.ts`, asked for before and after. */
import { describe, expect, test } from 'vitest'
import { Outcome } from './outcome.ts'

describe('an outcome', () => {
  test('fulfils the promise that was asked for before, and the one that is asked for later', async () => {
    const outcome = new Outcome<object>()
    const early = outcome.promise
    const value = {}
    outcome.resolve(value)
    expect(await early).toBe(value)
    expect(outcome.promise).toBe(early)
    const late = new Outcome<object>()
    late.resolve(value)
    expect(await late.promise).toBe(value)
    expect(late.promise).toBe(late.promise)
  })

  test('rejects both, and nobody must handle it', async () => {
    const reason = new Error('No')
    const asked = new Outcome<undefined>()
    const early = asked.promise
    asked.reject(reason)
    await expect(early).rejects.toBe(reason)
    const late = new Outcome<undefined>()
    late.reject(reason)
    await expect(late.promise).rejects.toBe(reason)
    const ignored = new Outcome<undefined>()
    ignored.reject(reason)
    void ignored.promise
  })

  test('is that of the first call', async () => {
    const fulfilled = new Outcome<boolean>()
    fulfilled.resolve(true)
    fulfilled.reject(new Error('Too late'))
    fulfilled.resolve(false)
    expect(await fulfilled.promise).toBe(true)
    const rejected = new Outcome<boolean>()
    void rejected.promise
    rejected.reject(new Error('No'))
    rejected.resolve(true)
    await expect(rejected.promise).rejects.toThrow('No')
  })
})
