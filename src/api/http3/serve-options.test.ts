import { expect, test } from 'vitest'
import type { ServeOptions } from './serve-options.ts'
import { sortServeOptions } from './serve-options.ts'

/** What tickets are bound to, beside the transport. */
function stateOf(options: ServeOptions): string {
  const { tickets } = sortServeOptions(options).listen as {
    readonly tickets?: { readonly applicationState?: Uint8Array }
  }
  return new TextDecoder().decode(tickets?.applicationState)
}

//= rfc9114#7.2.4.2-p7-1
//= rfc9114#7.2.4.2-p8-1
//= rfc9204#3.2.3-p2-1
//= rfc9297#2.1.1-p4-1
test('early data is for tickets of the very settings that are served now', () => {
  const state = stateOf({ qpackMaxTableCapacity: 100 })
  expect(stateOf({ qpackMaxTableCapacity: 100 })).toBe(state)
  expect(stateOf({ qpackMaxTableCapacity: 0 })).not.toBe(state)
  expect(stateOf({ qpackMaxTableCapacity: 100, qpackBlockedStreams: 1 })).not.toBe(state)
  expect(stateOf({ qpackMaxTableCapacity: 100, maxFieldSectionSize: 1000 })).not.toBe(state)
  // Takes extended CONNECT, and datagrams.
  expect(stateOf({ qpackMaxTableCapacity: 100, connect: () => {} })).not.toBe(state)
})

test('a header may take a minute, or as long as the server says', () => {
  expect(sortServeOptions({} as ServeOptions).http3.headersTimeout).toBe(60_000)
  expect(sortServeOptions({ headersTimeout: 0 } as ServeOptions).http3.headersTimeout).toBe(0)
  for (const value of [-1, Number.NaN, '5', null]) {
    expect(() => sortServeOptions({ headersTimeout: value } as unknown as ServeOptions)).toThrow(
      /^headersTimeout must be/,
    )
  }
})
