/** Lives of connections in virtual time, with a qlog on both ends, for tests. */
import { quickCrypto } from '../endpoint/quick-crypto.fixtures.ts'
import { Pair, type PairOptions, TEST_WALL_CLOCK } from '../endpoint/test-pair.fixtures.ts'
import { Traffic } from '../endpoint/traffic.fixtures.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import type { Observer } from '../wire/observer.ts'
import { VERSION_1, VERSION_2 } from '../wire/version.ts'
import { type QlogOptions, qlogTo } from './qlog-to.ts'
import type { QlogEvent, QlogObject } from './schema.ts'

/** What both ends logged of the first connection. */
export interface Logs {
  readonly client: string
  readonly server: string
}

const ODCID = ConnectionId.from(new Uint8Array(8).fill(0xab))

/** Runs `life` on a pair with qlog. */
export function logged(options: PairOptions, life: (pair: Pair) => void, qlog: QlogOptions = {}): Logs {
  const logs = { client: '', server: '' }
  const observe = qlogTo(
    ({ role }) =>
      (record) => {
        logs[role] += record
      },
    { wallClock: () => TEST_WALL_CLOCK, ...qlog },
  )
  const observers: { clientObserver?: Observer; serverObserver?: Observer } = {}
  const client = observe(ODCID, 'client')
  const server = observe(ODCID, 'server')
  if (client !== undefined) observers.clientObserver = client
  if (server !== undefined) observers.serverObserver = server
  life(new Pair({ crypto: quickCrypto(), ...observers, ...options }))
  return logs
}

/** The records of a log as JSON, the header first. */
export function recordsOf(log: string): QlogObject[] {
  return log
    .split('\u001e')
    .slice(1)
    .map((record) => JSON.parse(record) as QlogObject)
}

/** The events of a log; those of one type, if it is given. */
export function eventsOf(log: string, name?: string): QlogEvent[] {
  const events = recordsOf(log).slice(1) as unknown as QlogEvent[]
  return name === undefined ? events : events.filter((event) => event.name === name)
}

function transfer(pair: Pair, bytes: number): void {
  const traffic = new Traffic(pair)
  const { client } = pair.handshake()
  traffic.send(client, 'bidirectional', bytes, bytes)
  pair.run(() => traffic.completed('client') === 1, 120_000)
  pair.run(() => false, 500)
}

function close(pair: Pair, code = 0n, reason = ''): void {
  const [client] = pair.client.connections
  client?.close({ code, reason }, pair.now)
  if (client !== undefined) pair.client.endpoint.wake(client)
  // Longer than the idle timeout: the word of the end may be lost.
  pair.run(() => false, 60_000)
}

/** Scenes by name; each ends with both connections gone. */
export const SCENES: Readonly<Record<string, (seed: number, qlog?: QlogOptions) => Logs>> = {
  'a transfer that loses packets': (seed, qlog) =>
    logged(
      { seed, network: { loss: 0.03, jitter: 5, duplicate: 0.02 } },
      (pair) => {
        transfer(pair, 150_000)
        close(pair, 7n, 'done')
      },
      qlog,
    ),
  'a retry': (seed, qlog) =>
    logged(
      { seed, listen: { retry: 'always' } },
      (pair) => {
        transfer(pair, 2000)
        close(pair)
      },
      qlog,
    ),
  'version negotiation': (seed, qlog) =>
    logged(
      { seed, client: { version: VERSION_2 }, listen: { versions: [VERSION_1] } },
      (pair) => {
        transfer(pair, 2000)
        close(pair)
      },
      qlog,
    ),
  'no version in common': (seed, qlog) =>
    logged(
      { seed, client: { version: VERSION_2, versions: [VERSION_2] }, listen: { versions: [VERSION_1] } },
      (pair) => {
        pair.connect()
        pair.run(() => false, 20_000)
      },
      qlog,
    ),
  'silence in the end': (seed, qlog) =>
    logged(
      { seed, client: { maxIdleTimeout: 3000 } },
      (pair) => {
        transfer(pair, 2000)
        pair.run(() => false, 60_000)
      },
      qlog,
    ),
  'nobody at home': (seed, qlog) =>
    logged(
      { seed, tap: () => false },
      (pair) => {
        pair.connect()
        pair.run()
      },
      qlog,
    ),
  'a black hole': (seed, qlog) => {
    let isOpen = true
    return logged(
      { seed, tap: () => isOpen },
      (pair) => {
        const traffic = new Traffic(pair)
        const { client } = pair.handshake()
        pair.run(() => false, 200)
        isOpen = false
        traffic.send(client, 'unidirectional', 5000)
        pair.run(() => false, 3000)
        isOpen = true
        pair.run(() => traffic.completed('server') === 1, 20_000)
        close(pair)
      },
      qlog,
    )
  },
  'a peer that moves': (seed, qlog) =>
    logged(
      { seed },
      (pair) => {
        const traffic = new Traffic(pair)
        const { client } = pair.handshake()
        pair.run(() => false, 200)
        pair.client.address = '[2001:db8::9]:1000'
        traffic.send(client, 'unidirectional', 20_000)
        pair.run(() => false, 5000)
        close(pair)
      },
      qlog,
    ),
  'a client that moves, and fails to': (seed, qlog) =>
    logged(
      { seed, tap: (_bytes, _side, _now, { from }) => from !== '192.0.2.77:7' },
      (pair) => {
        const traffic = new Traffic(pair)
        const { client } = pair.handshake()
        pair.run(() => false, 200)
        for (const address of ['198.51.100.7:7', '192.0.2.77:7']) {
          client.openPath({ carrier: pair.client.add(address), purpose: 'move' }, pair.now)
          pair.client.endpoint.wake(client)
          pair.run(() => false, 5000)
        }
        traffic.send(client, 'unidirectional', 20_000)
        pair.run(() => false, 1000)
        close(pair)
      },
      qlog,
    ),
  'a path that marks, then erases marks': (seed, qlog) => {
    let left = 60
    return logged(
      { seed, ecn: (mark) => (--left < 0 ? 0 : mark === 2 && left % 9 === 0 ? 3 : mark) },
      (pair) => {
        transfer(pair, 200_000)
        close(pair)
      },
      qlog,
    )
  },
  'new keys': (seed, qlog) =>
    logged(
      { seed },
      (pair) => {
        transfer(pair, 20_000)
        for (const client of pair.client.connections) {
          client.updateKeys(pair.now)
          new Traffic(pair).send(client, 'unidirectional', 5000)
        }
        pair.run(() => false, 2000)
        close(pair)
      },
      qlog,
    ),
  'a server that lost its state': (seed, qlog) =>
    logged(
      { seed, endpoint: { resetKey: new Uint8Array(32).fill(5) } },
      (pair) => {
        const { client } = pair.handshake()
        pair.run(() => false, 200)
        pair.server.endpoint.onCarrierClosed(pair.server.carrier, pair.now)
        pair.settle()
        client.streams.open('unidirectional')?.send?.write(new Uint8Array(100))
        pair.client.endpoint.wake(client)
        pair.run(() => false, 20_000)
      },
      qlog,
    ),
  'no protocol in common': (seed, qlog) =>
    logged(
      { seed, serverTls: { alpn: ['other'] } },
      (pair) => {
        pair.connect()
        pair.run(() => false, 20_000)
      },
      qlog,
    ),
  'a network that spoils everything': (seed, qlog) =>
    logged(
      { seed, network: { loss: 0.1, jitter: 30, duplicate: 0.1, corrupt: 0.2 }, client: { handshakeTimeout: 60_000 } },
      (pair) => {
        const traffic = new Traffic(pair)
        const client = pair.connect()
        pair.run(() => client.isHandshakeConfirmed || client.state === 'closed', 60_000)
        if (client.state === 'connected') traffic.send(client, 'bidirectional', 50_000, 50_000)
        pair.run(() => traffic.completed('client') === 1, 120_000)
        close(pair, 2n ** 62n - 1n, '\u001e\u2028\ud800')
      },
      qlog,
    ),
}
