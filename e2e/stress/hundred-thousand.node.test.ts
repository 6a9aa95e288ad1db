/**
 * Proves: a hundred thousand short streams, as many resets and as many datagrams on one connection leave heap and tables at
 * both ends where they began. Packets carry checksums instead of AEAD tags, since bytes are not the point here.
 */
import { expect, test } from 'vitest'
import type { Connection } from '../../src/connection/connection.ts'
import { Pair } from '../../src/simulator/pair.ts'
import { heldBytes, megabytes } from './memory.ts'

const COUNT = 100_000
const SHORT = 200
const WINDOW = 200

/** One connection; what the peer sends is read at once, and each stream answered by its end. */
class Scene {
  readonly pair: Pair
  readonly client: Connection
  readonly server: Connection
  /** Streams that were reset by the client before they were read, as the server heard it. */
  resets = 0
  finished = 0
  datagrams = 0
  readonly #into = new Uint8Array(4096)

  constructor() {
    const limits = { maxIncomingBidirectionalStreams: WINDOW, maxIncomingUnidirectionalStreams: WINDOW }
    const options = { ...limits, maxDatagramFrameSize: 65_535 }
    const link = { delay: 1, loss: 0.002, bandwidth: 500_000_000 }
    const pair = new Pair({ protection: 'checksum', recordEvents: false, link, client: options, server: options })
    this.pair = pair
    pair.onEvent = (side, connection, event) => {
      if (event.type === 'stream-readable') {
        const { send, receive } = event.stream
        // What was promised may be all, and the reset the next to be told.
        while (receive?.resetCode === undefined && (receive?.read(this.#into) ?? 0) > 0);
        if (receive?.isFinished && side === pair.server) {
          this.finished++
          if (send?.isWritable) send.finish()
        }
      } else if (event.type === 'stream-reset' && side === pair.server) {
        this.resets++
        event.stream.send?.reset(2n)
      } else if (event.type === 'datagram-readable') {
        while (connection.datagrams.read(pair.now) !== undefined) this.datagrams++
      }
      side.wake(connection)
    }
    const { client, server } = pair.handshake()
    this.client = client
    this.server = server
  }

  /** Does `act` until it was done `count` times (it says `false` where it has to wait) and all of it is over. */
  repeat(count: number, act: (index: number) => boolean, isOver: () => boolean = () => true): void {
    const { pair, client, server } = this
    let done = 0
    const ended = pair.run(() => {
      const before = done
      while (done < count && act(done)) done++
      if (done > before) pair.client.wake(client)
      return done === count && client.streams.count + server.streams.count === 0 && isOver()
    }, 1e9)
    expect([ended, done, client.state, server.state]).toEqual([true, count, 'connected', 'connected'])
    // The last acknowledgements.
    pair.run(() => false, 500)
  }

  shortStreams(count: number): void {
    const before = this.finished
    this.repeat(count, (index) => {
      const stream = this.client.streams.open(index % 2 === 0 ? 'unidirectional' : 'bidirectional')
      if (stream === undefined) return false
      stream.send?.write(PAYLOAD)
      stream.send?.finish()
      return true
    })
    expect(this.finished - before).toBe(count)
  }

  resetStreams(count: number): void {
    const before = this.resets
    this.repeat(count, (index) => {
      const stream = this.client.streams.open(index % 2 === 0 ? 'unidirectional' : 'bidirectional')
      if (stream === undefined) return false
      stream.send?.write(PAYLOAD)
      if (index % 3 === 0) stream.send?.resetAt(1n, 10)
      else stream.send?.reset(1n)
      return true
    })
    expect(this.resets - before).toBe(count)
  }

  sendDatagrams(count: number): void {
    const before = this.client.datagrams.stats(this.pair.now).sent
    this.repeat(
      count,
      () => {
        if (this.client.datagrams.queued >= 100) return false
        this.client.datagrams.send(PAYLOAD, undefined, this.pair.now)
        return true
      },
      () => this.client.datagrams.queued === 0,
    )
    expect(this.client.datagrams.stats(this.pair.now).sent - before).toBe(count)
  }

  /** The sizes of everything that could have grown. */
  tables(): unknown {
    return [this.client, this.server].map((connection) => {
      connection.checkInvariants()
      const { packets, streams, localIds, peerIds, datagrams, queuedBytes } = connection.inspect(this.pair.now)
      const { bytesInFlight } = connection.paths.active.recovery
      return {
        // Acknowledgements alone, which are not acknowledged themselves.
        hasFewOutstanding: packets.outstanding < 100,
        streams: streams.length,
        ids: [localIds.length, peerIds.length],
        datagrams: [datagrams.queued, datagrams.readable],
        queuedBytes,
        bytesInFlight,
        wantsToSend: connection.streams.wantsToSend,
        timeout: connection.streams.nextTimeout(),
      }
    })
  }
}

const PAYLOAD = new Uint8Array(SHORT).fill(7)

test(`${COUNT} short streams, resets and datagrams leave heap and tables where they began`, {
  timeout: 300_000,
}, () => {
  const scene = new Scene()
  const kinds = [scene.shortStreams, scene.resetStreams, scene.sendDatagrams]
  // As many beforehand: code is compiled and pools are filled by then, and what is measured is what remains of the rest.
  for (const run of kinds) run.call(scene, COUNT)
  const tables = scene.tables()
  const before = heldBytes()
  const held: number[] = []
  for (const run of kinds) {
    run.call(scene, COUNT)
    expect(scene.tables()).toEqual(tables)
    held.push(heldBytes())
  }
  // A number kept in an array for each of one kind is 800,000 bytes, an entry of a Map several times that.
  const growth = Math.max(...held) - before
  expect(growth, `from ${megabytes(before)} to ${held.map(megabytes).join(', ')}`).toBeLessThan(800_000)
})
