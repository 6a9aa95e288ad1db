/** What a case says of which nothing came. */
import { expect, test } from 'vitest'
import { dialogue } from './dialogue.ts'

const never = new Promise<never>(() => {})

/** A session as far as the cases look at it before they wait for something. */
function session(ready: Promise<undefined>, given: object = {}): WebTransport {
  const empty = new ReadableStream()
  return { ready, closed: never, incomingBidirectionalStreams: empty, ...given } as unknown as WebTransport
}

async function play(open: (path: string) => WebTransport): Promise<string | undefined> {
  const name = 'streams of the server'
  return (await dialogue({ open, reasonOf: () => undefined, limit: 0 }, [name]))[name]
}

test('a case whose session is never established says so', async () => {
  expect(await play(() => session(never))).toBe('Error: nothing came of it: /ask is connecting')
})

test('a case that waits for streams of an open session tells the numbers of the session', async () => {
  const getStats = async (): Promise<unknown> => ({ packetsLost: 3 })
  const open = (): WebTransport => session(Promise.resolve(undefined), { getStats })
  expect(await play(open)).toBe('Error: nothing came of it: /ask is open, {"packetsLost":3}')
})

test('a session that has no numbers, or fails to give them, keeps nothing from being told', async () => {
  const open = (): WebTransport => session(Promise.resolve(undefined))
  expect(await play(open)).toBe('Error: nothing came of it: /ask is open, there are no numbers')
  const getStats = (): Promise<unknown> => Promise.reject(new TypeError('not now'))
  const failing = (): WebTransport => session(Promise.resolve(undefined), { getStats })
  expect(await play(failing)).toBe('Error: nothing came of it: /ask is open, TypeError: not now')
})
