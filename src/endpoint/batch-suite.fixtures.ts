/**
 * What the packets of one burst do must not depend on their being opened together: each scene is played three times from one seed,
 * with datagrams that arrive in one burst, with the same ones each processed before the next arrives, and with those of one size
 * back to back, as segmentation offload hands them over. One suite, for every engine.
 */
import { describe, expect, test } from 'vitest'
import { concat } from '../base/bytes.ts'
import type { Connection } from '../connection/connection.ts'
import type { CloseReason } from '../connection/events.ts'
import type { ConnectionIdGenerator } from '../connection/local-ids.ts'
import type { PacketProvider } from '../crypto/provider.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { StatelessReset } from './stateless-reset.ts'
import { Pair, TestRandom } from './test-pair.fixtures.ts'

const RESET_KEY = new Uint8Array(32).fill(5)

/** Ids of no length. */
const NO_IDS: ConnectionIdGenerator = { length: 0, generate: () => ConnectionId.from(new Uint8Array(0)) }

/** Bytes of one write: some packets. */
const PIECE = 12_000

/** Bytes that are sent before, so that engines which begin slowly do their best, and the window lets all of a scene go at once. */
const WARM_UP = 40_000

/** A connection whose server has datagrams for its client that have not arrived yet. */
class Scene {
  readonly client: Connection
  readonly server: Connection
  /** In the order in which they arrive. */
  readonly datagrams: Uint8Array[] = []
  readonly pair: Pair
  readonly #stream: ReturnType<Connection['streams']['open']>
  #isCaught = false
  #lastOfClient = new Uint8Array(0)

  /** @param idLength bytes of the client's ids: without any, a datagram is the connection's by its address. */
  constructor(packets: PacketProvider, idLength: number) {
    this.pair = new Pair({
      crypto: quickCrypto(packets),
      server: { pacing: false },
      serverEndpoint: { resetKey: RESET_KEY },
      ...(idLength === 0 && { clientEndpoint: { idGenerator: NO_IDS } }),
      tap: (bytes, from) => {
        if (from === 'client') this.#lastOfClient = bytes.slice()
        else if (this.#isCaught) this.datagrams.push(bytes.slice())
        return !this.#isCaught
      },
    })
    const { client, server } = this.pair.handshake()
    this.client = client
    this.server = server
    this.#stream = server.streams.open('unidirectional')
    this.write(WARM_UP)
    this.pair.run(() => this.readAll().length === WARM_UP, 5000)
    this.pair.run(() => false, 200)
    this.#isCaught = true
  }

  /** The server sends `size` bytes more, which tell their places. */
  write(size = PIECE): void {
    const { send } = this.#stream ?? {}
    const from = send?.bytesWritten ?? 0
    send?.write(Uint8Array.from({ length: size }, (_, index) => (from + index) % 251))
    this.#leave()
  }

  /** The server's keys are updated. */
  updateKeys(): void {
    expect(this.server.updateKeys(this.pair.now)).toBe(true)
    this.#leave()
  }

  /** The server closes the connection. */
  close(): void {
    this.server.close({ code: 7n, reason: 'Enough' }, this.pair.now)
    this.#leave()
  }

  /** A datagram comes from a server that has lost its state, to one of `size` bytes. */
  reset(size: number): void {
    const destination = this.#lastOfClient.subarray(1, 9)
    const made = new StatelessReset({ key: RESET_KEY, random: new TestRandom(3) }).build(destination, size, '', 0)
    if (made !== undefined) this.arrive(made)
  }

  /** A datagram reaches the client. */
  arrive(bytes: Uint8Array): void {
    const { client, now, server } = this.pair
    client.endpoint.receiveDatagram(bytes, server.address, client.carrier, 0, now)
  }

  /** All datagrams reach the client, in trains that end with a shorter one. Returns how many trains were taken as such. */
  arriveInTrains(): number {
    const { client, now, server } = this.pair
    const left = this.datagrams.slice()
    let taken = 0
    for (let first = left.shift(); first !== undefined; first = left.shift()) {
      const train = [first]
      while ((left[0]?.length ?? Infinity) <= first.length && train.at(-1)?.length === first.length) {
        train.push(left.shift() ?? first)
      }
      const isTrain = train.length > 1
      const bytes = concat(...train)
      if (isTrain && client.endpoint.receiveTrain(bytes, first.length, server.address, client.carrier, 0, now))
        taken += 1
      else for (const each of train) this.arrive(each)
    }
    return taken
  }

  /** All that the client can read of the stream. */
  readAll(): Uint8Array {
    const into = new Uint8Array(200_000)
    const { receive } = [...this.client.streams.values()][0] ?? {}
    let length = 0
    for (let got = receive?.read(into) ?? 0; got > 0; got = receive?.read(into.subarray(length)) ?? 0) length += got
    return into.subarray(0, length)
  }

  #leave(): void {
    this.pair.server.endpoint.wake(this.server)
    this.pair.settle()
  }
}

/** What the client knows in the end. */
interface Outcome {
  readonly bytes: number[]
  readonly state: string
  readonly reason: CloseReason | undefined
  readonly processed: number
  readonly dropped: number
  readonly events: readonly string[]
}

/** How the datagrams of a scene arrive. */
type Arrival = 'together' | 'alone' | 'in trains'

/** Plays a scene: `prepare` makes the datagrams, which arrive, and then `end` happens. */
function play(
  packets: PacketProvider,
  arrival: Arrival,
  prepare: (scene: Scene) => void,
  end: (scene: Scene) => void,
  idLength: number,
): Outcome {
  const scene = new Scene(packets, idLength)
  const { client, pair } = scene
  prepare(scene)
  const before = client.stats()
  const eventsBefore = pair.client.events.length
  if (arrival === 'in trains') expect(scene.arriveInTrains() > 0).toBe(idLength > 0 && scene.datagrams.length > 1)
  else {
    for (const bytes of scene.datagrams) {
      scene.arrive(bytes)
      if (arrival === 'alone') client.flushReceived(pair.now)
    }
  }
  // Nothing was opened yet, or everything was.
  expect(client.stats().opens > before.opens).toBe(arrival === 'alone')
  end(scene)
  client.flushReceived(pair.now)
  const bytes = client.state === 'connected' ? [...scene.readAll()] : []
  pair.settle()
  const after = client.stats()
  return {
    bytes,
    state: client.state,
    reason: client.closeReason,
    processed: after.packetsReceived - before.packetsReceived,
    dropped: after.packetsDropped - before.packetsDropped,
    events: pair.client.events.slice(eventsBefore).map(({ event }) => event.type),
  }
}

/** Registers the tests of packets by `packets`. */
export function batchSuite(name: string, packets: PacketProvider): void {
  /** The outcome, which is the same any way. */
  const outcomeOf = (
    prepare: (scene: Scene) => void,
    end: (scene: Scene) => void = () => {},
    idLength = 8,
  ): Outcome => {
    const together = play(packets, 'together', prepare, end, idLength)
    expect(together).toEqual(play(packets, 'alone', prepare, end, idLength))
    expect(together).toEqual(play(packets, 'in trains', prepare, end, idLength))
    return together
  }
  /** That of bytes which begin where the first ones ended. */
  const bytesOf = (length: number): number[] => Array.from({ length }, (_, index) => (WARM_UP + index) % 251)

  describe(`a burst of packets by ${name}`, () => {
    test('brings what single packets bring', () => {
      const { bytes, dropped, processed, state } = outcomeOf((scene) => scene.write())
      expect([bytes, dropped, state]).toEqual([bytesOf(PIECE), 0, 'connected'])
      expect(processed).toBeGreaterThan(4)
    })

    test('that spans a key update is opened with the keys of either side', () => {
      const { bytes, dropped, state } = outcomeOf((scene) => {
        scene.write()
        scene.updateKeys()
        scene.write()
      })
      expect([bytes, dropped, state]).toEqual([bytesOf(2 * PIECE), 0, 'connected'])
    })

    test('that spans a key update loses nothing where the network has mixed it up', () => {
      const { bytes, dropped, state } = outcomeOf((scene) => {
        scene.write()
        scene.updateKeys()
        scene.write()
        const random = new TestRandom(11)
        const order = scene.datagrams.map((datagram) => ({ datagram, place: random.next() }))
        order.sort((one, other) => one.place - other.place)
        scene.datagrams.splice(0, Infinity, ...order.map(({ datagram }) => datagram))
      })
      expect([bytes, dropped, state]).toEqual([bytesOf(2 * PIECE), 0, 'connected'])
    })

    test.each([
      ['in the first byte', 0],
      ['in the number', 9],
      ['in the middle', 500],
      ['in the tag', -1],
    ])('with one forged %s loses that one alone', (_, place) => {
      const { bytes, dropped, processed, state } = outcomeOf((scene) => {
        scene.write()
        const forged = scene.datagrams[3] ?? new Uint8Array(0)
        const at = place < 0 ? forged.length + place : place
        forged[at] = (forged[at] ?? 0) ^ 1
      })
      expect([dropped, state]).toEqual([1, 'connected'])
      expect(processed).toBeGreaterThan(4)
      // Up to the gap.
      expect(bytes).toEqual(bytesOf(PIECE).slice(0, bytes.length))
      expect(bytes.length).toBeGreaterThan(2000)
    })

    test('with forgeries on either side of a key update loses these alone', () => {
      const { dropped, processed, state } = outcomeOf((scene) => {
        scene.write()
        const first = scene.datagrams.length
        scene.updateKeys()
        scene.write()
        for (const index of [1, first + 1, first + 3]) (scene.datagrams[index] ?? new Uint8Array(0)).fill(0xaa, 30, 60)
      })
      expect([dropped, state]).toEqual([3, 'connected'])
      expect(processed).toBeGreaterThan(7)
    })

    test('with copies hears each packet once', () => {
      const { bytes, dropped } = outcomeOf((scene) => {
        scene.write()
        scene.datagrams.push(...scene.datagrams.slice(1, 4).map((copy) => copy.slice()))
      })
      expect([bytes, dropped]).toEqual([bytesOf(PIECE), 3])
    })

    test('that holds a close ends with the peer, and hears nothing behind it', () => {
      const { events, reason, state } = outcomeOf((scene) => {
        scene.write()
        const late = scene.datagrams.pop() ?? new Uint8Array(0)
        scene.close()
        scene.datagrams.push(late)
      })
      expect(state).toBe('draining')
      expect(reason).toEqual({ kind: 'application', side: 'remote', code: 7n, reason: 'Enough' })
      expect(events).toEqual(['stream-readable', 'closing', 'draining'])
    })

    test.each([
      ['for no id', 100, 8],
      ['that fails to open', 100, 0],
      ['of the least size', 22, 0],
    ])('is heard before a stateless reset %s', (_, size, idLength) => {
      const { events, processed, reason } = outcomeOf(
        (scene) => scene.write(),
        (scene) => scene.reset(size),
        idLength,
      )
      expect(reason).toEqual({ kind: 'stateless-reset' })
      expect(processed).toBeGreaterThan(4)
      expect(events.slice(0, 2)).toEqual(['stream-readable', 'closing'])
    })

    test('is heard before the socket that it came by is lost', () => {
      const lose = ({ pair }: Scene): void => pair.client.close(pair.client.carrier, pair.now)
      const { events, processed, reason } = outcomeOf((scene) => scene.write(), lose)
      expect(reason).toMatchObject({ kind: 'carrier-closed' })
      expect(processed).toBeGreaterThan(4)
      expect(events.slice(0, 2)).toEqual(['stream-readable', 'closing'])
    })

    test('with a close is heard before the socket that it came by is lost, which the peer gave up too', () => {
      const lose = ({ pair }: Scene): void => pair.client.close(pair.client.carrier, pair.now)
      const { reason } = outcomeOf((scene) => scene.close(), lose)
      expect(reason).toMatchObject({ kind: 'application', side: 'remote', code: 7n })
    })
  })
}
