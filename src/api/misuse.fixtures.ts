/** What tables of misuse are made of: shared by the tests that go through them. */
import { expect } from 'vitest'

/** The kinds of errors that tell an application of a mistake of its own. */
export type Kind = 'TypeError' | 'RangeError' | 'InvalidStateError'

/** What is tried, what it must be called, and words that must be in the message. */
export type Misuse<Given> = readonly [name: string, given: Given, kind: Kind, words: string]

/** What the call throws, or its promise rejects with before anything else happens. */
async function refusalOf(call: () => unknown): Promise<unknown> {
  let result: unknown
  try {
    result = call()
  } catch (error) {
    return error
  }
  if (!(result instanceof Promise)) return 'nothing: it returned'
  const turns = Promise.resolve().then(async () => {
    for (let turn = 0; turn < 20; turn++) await undefined
    return 'nothing: it waits'
  })
  return Promise.race([
    turns,
    result.then(
      () => 'nothing: it fulfilled',
      (error: unknown) => error,
    ),
  ])
}

/** Expects that the call throws, or its promise rejects at once, with an error of this kind whose words name what was wrong. */
export async function expectRefusal(call: () => unknown, kind: Kind, words: string): Promise<void> {
  const error = await refusalOf(call)
  if (!(error instanceof Error)) throw new Error(`Expected ${kind}, got ${String(error)}`)
  expect(`${error.name}: ${error.message}`).toContain(words)
  expect(error.name).toBe(kind)
}
