/** Proves: 10,000 streams of both sides at once, half of them reset and every eighth refused, leave no state behind at either end. */
import { expect, test } from 'vitest'
import type { Connection } from '../../src/connection/connection.ts'
import { nodePackets } from '../../src/crypto/node/packets.ts'
import { quickCrypto } from '../../src/endpoint/quick-crypto.fixtures.ts'
import { Pair, type Side } from '../../src/endpoint/test-pair.fixtures.ts'
import { Traffic } from '../../src/endpoint/traffic.fixtures.ts'
import { heldBytes } from './memory.ts'

const COUNT = 10_000
const MB = 1_048_576

test.each([
  ['a good network', {}],
  ['a bad network', { loss: 0.03, jitter: 5, duplicate: 0.02 }],
] as const)(`${COUNT} streams over %s, half of them reset`, { timeout: 120_000 }, (_, network) => {
  const pair = new Pair({ crypto: quickCrypto(nodePackets), network, client: { maxIdleTimeout: 0 } })
  const traffic = new Traffic(pair)
  const { client, server } = pair.handshake()
  const answer = pair.onEvent
  let seen = 0
  let stopped = 0
  pair.onEvent = (side, connection, event) => {
    // Every eighth stream is refused by its receiver.
    if (event.type === 'stream-opened' && seen++ % 8 === 7) {
      event.stream.receive?.stop(0x51n)
      event.stream.send?.reset(0x52n)
      stopped += 1
    } else {
      answer(side, connection, event)
      if (event.type === 'stream-reset') event.stream.send?.reset(0x54n)
    }
    side.events.length = 0
  }
  const memory: number[] = []
  let opened = 0
  let resets = 0
  const open = (side: Side, connection: Connection) => {
    while (opened < COUNT) {
      const isUni = opened % 3 === 0
      const stream = traffic.send(connection, isUni ? 'unidirectional' : 'bidirectional', 600, isUni ? 0 : 300)
      if (stream === undefined) return
      opened += 1
      if (opened % 2 === 0) {
        stream.send?.reset(0x50n)
        if (opened % 4 === 0) stream.receive?.stop(0x53n)
        resets += 1
      }
      side.endpoint.wake(connection)
    }
  }
  const clear = () => {
    for (const arrivals of [traffic.arrivals.client, traffic.arrivals.server]) {
      for (const { stream } of arrivals.values()) {
        const isThere = client.streams.get(stream.id) === stream || server.streams.get(stream.id) === stream
        if (!isThere) arrivals.delete(stream)
      }
    }
  }
  let next = COUNT / 5
  pair.run(() => {
    // Either side opens.
    open(pair.client, client)
    open(pair.server, server)
    pair.settle()
    if (opened >= next) {
      clear()
      memory.push(heldBytes() / MB)
      next += COUNT / 5
    }
    return opened === COUNT && client.streams.count + server.streams.count === 0
  }, 3_600_000)
  pair.run(() => false, 2000)
  clear()
  expect([client.state, server.state]).toEqual(['connected', 'connected'])
  expect([opened, resets]).toEqual([COUNT, COUNT / 2])
  expect(stopped).toBeGreaterThan(0)
  for (const connection of [client, server]) {
    connection.checkInvariants()
    expect([connection.streams.count, connection.streams.queuedBytes, [...connection.streams.values()]]).toEqual([
      0,
      0,
      [],
    ])
    expect(connection.streams.wantsToSend).toBe(false)
    expect(connection.stats().bytesInFlight).toBe(0)
  }
  console.info(`memory in MB after each fifth: ${memory.map((sample) => sample.toFixed(1)).join(' ')}`)
  const [first = 0, ...rest] = memory
  for (const sample of rest) expect(sample).toBeLessThan(first + 2)
})
