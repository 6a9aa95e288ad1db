import { describe, expect, test } from 'vitest'
import { quickCrypto } from '../endpoint/quick-crypto.fixtures.ts'
import { Pair } from '../endpoint/test-pair.fixtures.ts'
import { CriticalStreams } from './critical-streams.ts'
import { Http3ErrorCode } from './error.ts'

/** Our streams on a connection whose peer lets us open so many, and gives each so many bytes. */
function critical(streams: number, credit: number): { readonly own: CriticalStreams; readonly told: bigint[] } {
  const pair = new Pair({
    crypto: quickCrypto(),
    server: { maxIncomingUnidirectionalStreams: streams, initialMaxStreamDataUni: credit },
    client: { maxStreamSendBuffer: 1_000 },
  })
  const { client } = pair.handshake()
  const told: bigint[] = []
  const own = new CriticalStreams(client.streams, [], undefined, undefined, ({ code }) => told.push(code))
  own.open()
  return { own, told }
}

describe('the critical streams', () => {
  test.each([
    ['lets us open none', 0, 0],
    ['lets us open one, and this is another', 1, 65_536],
    ['gives no credit', 3, 0],
  ])('of a peer that %s do not wait for it for ever', (_, streams, credit) => {
    const { own, told } = critical(streams, credit)
    for (let turn = 0; turn < 65_000; turn += 100) own.write('decoder', new Uint8Array(100))
    expect(told).toEqual([])
    for (let turn = 0; turn < 3_000; turn += 100) own.write('decoder', new Uint8Array(100))
    expect(told[0]).toBe(Http3ErrorCode.H3_EXCESSIVE_LOAD)
  })
})
