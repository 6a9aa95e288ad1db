import { expect, test } from 'vitest'
import { Pair, type PairOptions } from './test-pair.fixtures.ts'

/** The sizes of the flights of a client that may send all it has, and the sizes of their datagrams but the last. */
function flightsOf(carrier: PairOptions['carrier'], bytes: number): { sizes: number[]; segments: number[] } {
  const pair = new Pair({
    client: { initialWindow: 1_000_000, maxStreamSendBuffer: 1_000_000, pacing: false, mtu: { max: 1200 } },
    server: { initialMaxData: 1_000_000, initialMaxStreamDataUni: 1_000_000 },
    ...(carrier && { carrier }),
  })
  const { client } = pair.handshake()
  client.streams.open('unidirectional')?.send?.write(new Uint8Array(bytes))
  const { endpoint } = pair.client
  endpoint.wake(client)
  const sizes: number[] = []
  const segments: number[] = []
  for (let flight = endpoint.pollDatagram(pair.now); flight !== undefined; flight = endpoint.pollDatagram(pair.now)) {
    sizes.push(flight.bytes.length)
    if (flight.bytes.length > flight.segmentSize) segments.push(flight.segmentSize)
  }
  return { sizes, segments }
}

test('bulk data leaves in runs of equal datagrams that one send with segmentation offload takes', () => {
  const { segments, sizes } = flightsOf(undefined, 200_000)
  expect(sizes.slice(0, -1)).toEqual([64_800, 64_800, 64_800])
  expect(new Set(segments)).toEqual(new Set([1200]))
})

test('a reliable carrier is given as much as a slot holds', () => {
  const { segments, sizes } = flightsOf({ properties: { reliable: true, ordered: true } }, 200_000)
  expect(segments[0]).toBeGreaterThan(1200)
  expect(sizes[0]).toBeGreaterThan(65_536)
})
