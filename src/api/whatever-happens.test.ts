import { expect, test } from 'vitest'
import { TestRandom } from '../endpoint/test-pair.fixtures.ts'
import { seeds } from '../endpoint/traffic.fixtures.ts'
import type { QuicConnection } from './connection.ts'
import { QuicError } from './errors.ts'
import { bytesOf, Stage, strays } from './pipe.fixtures.ts'
import type { QuicStream } from './stream.ts'

/** One application that does anything, at both ends, and everything that it waits for. */
class Whim {
  /** What was not settled yet, by name. */
  readonly waiting = new Map<Promise<unknown>, string>()
  readonly streams: QuicStream[] = []
  readonly #arrived = new Set<QuicStream>()
  readonly #random: TestRandom

  constructor(seed: number) {
    this.#random = new TestRandom(seed)
  }

  draw(below: number): number {
    return Math.floor(this.#random.next() * below)
  }

  /** Waits for it, whatever comes. */
  keep(name: string, promise: Promise<unknown>): void {
    this.waiting.set(promise, name)
    const settle = (): void => void this.waiting.delete(promise)
    promise.then(settle, settle)
  }

  welcome(connection: QuicConnection): void {
    for (const incoming of [connection.incomingBidirectionalStreams, connection.incomingUnidirectionalStreams]) {
      this.keep(
        'incoming streams',
        (async () => {
          for await (const stream of incoming) {
            this.streams.push(stream)
            this.#arrived.add(stream)
          }
        })(),
      )
    }
    this.keep('connection.closed', connection.closed)
    this.keep('handshakeConfirmed', connection.handshakeConfirmed)
  }

  act(connection: QuicConnection): void {
    const stream = this.streams[this.draw(this.streams.length)]
    const controller = new AbortController()
    const isOneWay = this.draw(3) === 0
    const actions: readonly (() => void)[] = [
      () => {
        const opening = isOneWay ? connection.createUnidirectionalStream() : connection.createBidirectionalStream()
        this.keep(
          'createStream',
          opening.then((opened) => this.streams.push(opened)),
        )
      },
      () => {
        const opening = connection.createBidirectionalStream({ signal: controller.signal })
        this.keep(
          'createStream',
          opening.then((opened) => this.streams.push(opened)),
        )
        if (this.draw(2) === 0) controller.abort(new Error('Changed my mind'))
      },
      () => this.keep('drained', connection.drained()),
      () => this.keep('getStats', connection.getStats()),
      () => this.keep('updateKeys', connection.updateKeys()),
      () => void connection.issueConnectionIds(),
      () => this.#actOn(stream),
      () => this.#actOn(stream),
      () => this.#actOn(stream),
      () => this.#actOn(stream),
    ]
    actions[this.draw(actions.length)]?.()
  }

  #actOn(stream: QuicStream | undefined): void {
    if (stream === undefined) return
    const actions: readonly (() => void)[] = [
      () => this.#read(stream),
      () => this.#write(stream),
      () => void stream.tryWrite(bytesOf(this.draw(3000))),
      () => void stream.read(new Uint8Array(1 + this.draw(3000))),
      () => this.keep('whenReadable', stream.whenReadable()),
      () => this.keep('whenWritable', stream.whenWritable()),
      () => this.keep('stream.closed', stream.closed),
      () => this.keep('stream.close', stream.close()),
      () => stream.finish(),
      () => stream.reset(this.draw(100)),
      () => stream.stopSending(this.draw(100)),
      () => stream.abort(this.draw(100)),
      () => this.keep('cancel', stream.readable.cancel(BigInt(this.draw(100)))),
      () => this.keep('abort', stream.writable.abort(this.draw(100))),
      () => this.keep('writable.close', stream.writable.close()),
      // One end alone: two echoes would never tire.
      () => {
        if (this.#arrived.has(stream)) this.keep('pipeTo', stream.readable.pipeTo(stream.writable))
      },
      () => {
        stream.priority = { urgency: this.draw(8), incremental: this.draw(2) === 0 }
      },
    ]
    try {
      actions[this.draw(actions.length)]?.()
    } catch (error) {
      // What a stream is not made for, or not any more, is refused at once, in a way that can be told.
      expect(error).toBeInstanceOf(Error)
    }
  }

  #read(stream: QuicStream): void {
    const reader = stream.readable.getReader()
    this.keep('reader.closed', reader.closed)
    this.keep(
      'read',
      reader.read().finally(() => {
        reader.releaseLock()
      }),
    )
  }

  #write(stream: QuicStream): void {
    const writer = stream.writable.getWriter()
    this.keep('writer.closed', writer.closed)
    this.keep(
      'write',
      writer.write(bytesOf(this.draw(400_000))).finally(() => {
        writer.releaseLock()
      }),
    )
  }
}

/** What can end it all. */
const ENDS: readonly ((stage: Stage, client: QuicConnection, peer: QuicConnection) => unknown)[] = [
  (_stage, client) => client.close({ closeCode: 3, reason: 'bored' }),
  (_stage, _client, peer) => peer.close(),
  (_stage, client, peer) => [client.close(), peer.close({ closeCode: 1 })],
  (stage) => stage.near.close(),
  (stage) => stage.far.close(),
  // Nobody says anything, and both sides notice in the end.
  (stage) => {
    stage.near.send = () => true
    stage.far.send = () => true
    stage.near.sendBatch = () => true
    stage.far.sendBatch = () => true
  },
]

test('Whatever applications do, every promise settles, and no rejection is left to nobody', {
  timeout: 120_000,
}, async () => {
  for (const seed of seeds(25)) {
    const found = await strays(async () => {
      const narrow = { initialMaxData: 60_000, maxReceiveWindow: 60_000, maxIncomingBidirectionalStreams: 5 }
      const network = { loss: 0.05, reorder: 0.05, duplicate: 0.05 }
      const stage = new Stage({ seed, server: narrow, client: narrow, ...(seed % 2 === 0 ? { network } : {}) })
      const { client, peer } = await stage.connected()
      const whim = new Whim(seed)
      for (const connection of [client, peer]) whim.welcome(connection)
      for (let step = 0; step < 40; step++) {
        whim.act(whim.draw(2) === 0 ? client : peer)
        await stage.environment.pass(whim.draw(4) === 0 ? whim.draw(200) : 0)
      }
      ENDS[whim.draw(ENDS.length)]?.(stage, client, peer)
      for (let step = 0; step < 5; step++) {
        whim.act(whim.draw(2) === 0 ? client : peer)
        await stage.environment.pass(0)
      }
      await stage.environment.pass(100_000)
      expect([seed, [...whim.waiting.values()]]).toEqual([seed, []])
      const [end] = await Promise.allSettled([client.closed])
      if (end?.status === 'rejected') expect(end.reason).toBeInstanceOf(QuicError)
      expect([seed, client.state, peer.state, stage.environment.timers]).toEqual([seed, 'closed', 'closed', 0])
    })
    expect([seed, found]).toEqual([seed, []])
  }
})
