/** The questions to a worker, in a time that is made up. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Channel } from './worker-channel.ts'
import { ROOT } from './worker-protocol.ts'
import { watchWorker } from './worker-watch.ts'

const ends: (() => void)[] = []
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date', 'setInterval', 'clearInterval'] }))
afterEach(() => {
  for (const end of ends.splice(0)) end()
  vi.useRealTimers()
})

interface Stage {
  readonly gone: readonly string[]
  /** Lets time pass, in steps in which the two can talk. */
  pass(ms: number): Promise<void>
}

/** A page that watches a worker which answers what `answers` says, and nothing else. */
function watching(answers: (what: string) => unknown): Stage {
  const { port1, port2 } = new MessageChannel()
  const worker = new Channel(port2, {
    onTold: () => {},
    onCalled: (object, what) => (object === ROOT ? (answers(what) ?? new Promise(() => {})) : undefined),
  })
  const page = new Channel(port1, { onTold: () => {} })
  const stop = new AbortController()
  const gone: string[] = []
  void watchWorker(port1, page, (why) => gone.push(why), stop.signal).catch(() => {})
  ends.push(() => {
    stop.abort()
    for (const channel of [page, worker]) channel.end(new Error('The test is over'))
    port1.close()
    port2.close()
  })
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 1000) {
      vi.advanceTimersByTime(1000)
      for (let turns = 0; turns < 4; turns++) await new Promise((resolve) => setTimeout(resolve, 0))
    }
  }
  return { gone, pass }
}

test('a worker that falls silent before it has its lock is told of', async () => {
  let isAlive = true
  const { gone, pass } = watching((what) => (what === 'beat' && isAlive ? true : undefined))
  await pass(60_000)
  expect(gone).toEqual([])
  isAlive = false
  await pass(29_000)
  expect(gone).toEqual([])
  await pass(12_000)
  expect(gone[0]).toBe('it did not answer for 30 s')
})

test('a script may load for as long as it wants', async () => {
  const { gone, pass } = watching(() => undefined)
  await pass(120_000)
  expect(gone).toEqual([])
})

test('a worker without locks is asked for as long as it lives', async () => {
  let isAlive = true
  const { gone, pass } = watching((what) => (isAlive ? what === 'beat' : undefined))
  await pass(60_000)
  expect(gone).toEqual([])
  isAlive = false
  await pass(41_000)
  expect(gone[0]).toBe('it did not answer for 30 s')
})
