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
    const error = new Error('No')
    const asked = new Outcome<undefined>()
    const early = asked.promise
    asked.reject({ error })
    await expect(early).rejects.toBe(error)
    const late = new Outcome<undefined>()
    late.reject({ error })
    await expect(late.promise).rejects.toBe(error)
    const ignored = new Outcome<undefined>()
    ignored.reject({ error })
    void ignored.promise
  })

  test('asks for no error that nobody waits for', async () => {
    const error = new Error('No')
    let asked = 0
    const end = {
      get error(): Error {
        asked += 1
        return error
      },
    }
    const outcome = new Outcome<undefined>()
    outcome.reject(end)
    const fulfilled = new Outcome<undefined>()
    void fulfilled.promise
    fulfilled.resolve(undefined)
    fulfilled.reject(end)
    expect(asked).toBe(0)
    await expect(outcome.promise).rejects.toBe(error)
    expect(asked).toBe(1)
  })

  test('is that of the first call', async () => {
    const fulfilled = new Outcome<boolean>()
    fulfilled.resolve(true)
    fulfilled.reject({ error: new Error('Too late') })
    fulfilled.resolve(false)
    expect(await fulfilled.promise).toBe(true)
    const rejected = new Outcome<boolean>()
    void rejected.promise
    rejected.reject({ error: new Error('No') })
    rejected.resolve(true)
    await expect(rejected.promise).rejects.toThrow('No')
  })
})
