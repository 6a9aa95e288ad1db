/** Streams of a WebTransport session by the ten thousand, and sessions by the thousand: what has ended leaves nothing behind. */
import { expect, test } from 'vitest'
import { nodePackets } from '../../src/crypto/node/packets.ts'
import { quickCrypto } from '../../src/endpoint/quick-crypto.fixtures.ts'
import { SessionPair, type SessionSide } from '../../src/webtransport/session-pair.fixtures.ts'
import { heldBytes, megabytes } from './memory.ts'

const FACTOR = Number(process.env['ISOQUIC_STRESS'] ?? 1)
const STREAMS = 10_000 * FACTOR
const SESSIONS = 500 * FACTOR
const MEASUREMENTS = 5

function makePair(): SessionPair {
  const pair = new SessionPair({ pair: { crypto: quickCrypto(nodePackets), network: { delay: 1 } } }).ready()
  const chunk = new Uint8Array(4096)
  pair.onEvent = (_, event) => {
    // The peer's half of ours, which nobody needs.
    if (event.type === 'stream' && event.stream.send?.isWritable === true) event.stream.send.finish()
    if (event.type !== 'stream-readable') return
    for (let length = 1; length > 0; ) length = event.stream.receive?.read(chunk) ?? 0
  }
  return pair
}

function forget({ events, http3 }: SessionSide): void {
  events.length = 0
  http3.events.length = 0
}

/** What is held after each part of the work must not grow: a stream or session that stays costs kilobytes. */
function expectFlat(held: readonly number[]): void {
  const [first = 0, ...later] = held
  expect(Math.max(...later) - first, `held: ${held.map(megabytes).join(', ')}`).toBeLessThan(2_000_000)
}

test(`${STREAMS} streams of one session, some reset and some stopped, leave no state behind`, {
  timeout: 600_000,
}, () => {
  const pair = makePair()
  const { client, server } = pair.open()
  const held: number[] = []
  let opened = 0
  for (let part = 1; part <= MEASUREMENTS; part++) {
    const target = (STREAMS / MEASUREMENTS) * part
    pair.run(() => {
      for (; opened < target; opened++) {
        const stream = client.openStream(opened % 2 === 0 ? 'bidirectional' : 'unidirectional', pair.now)
        if (stream === undefined) break
        stream.send?.write(new Uint8Array(100 + (opened % 500)))
        if (opened % 5 === 0) stream.send?.reset(BigInt(opened))
        else stream.send?.finish()
        if (opened % 3 === 0) stream.receive?.stop(1n)
      }
      return opened === target && [...client.streams(), ...server.streams()].length === 0
    }, 10_000_000)
    expect([opened, client.state, [...client.streams(), ...server.streams()].length]).toEqual([target, 'open', 0])
    for (const side of [pair.client, pair.server]) forget(side)
    for (const side of [pair.http3.pair.client, pair.http3.pair.server]) side.events.length = 0
    held.push(heldBytes())
  }
  expectFlat(held)
  const { streamsAccepted } = server.stats(pair.now)
  expect(streamsAccepted).toBe(client.stats(pair.now).streamsOpened)
})

test(`${SESSIONS} sessions of one connection, closed by either side, leave no state behind`, {
  timeout: 600_000,
}, () => {
  const pair = makePair()
  const held: number[] = []
  for (let count = 1; count <= SESSIONS; count++) {
    const { client, server } = pair.open()
    client.openStream('bidirectional', pair.now)?.send?.write(new Uint8Array(10))
    server.openStream('unidirectional', pair.now)?.send?.write(new Uint8Array(10))
    const [one, other] = count % 2 === 0 ? [client, server] : [server, client]
    one.close(count, 'done', pair.now)
    pair.run(() => one.isSettled && other.isSettled)
    expect(other.end).toMatchObject({ kind: 'closed', side: 'remote', code: count })
    for (const side of [pair.client, pair.server]) forget(side)
    for (const side of [pair.http3.pair.client, pair.http3.pair.server]) side.events.length = 0
    if (count % (SESSIONS / MEASUREMENTS) === 0) held.push(heldBytes())
  }
  expectFlat(held)
  expect(pair.client.sessions.count + pair.server.sessions.count).toBe(0)
})
