/**
 * One simulated run from the first packet to the last: a pair whose books are checked after every step, its applications,
 * and an end after which nothing may be left, on either side.
 */
import { type Duration, NEVER, type Time } from '../../src/base/time.ts'
import type { Connection } from '../../src/connection/connection.ts'
import type { ConnectionEvent } from '../../src/connection/events.ts'
import { atSeed } from '../../src/simulator/seeds.ts'
import { Pair, type PairConnectOptions, type PairOptions, type SeededRandom, type Side } from '../../src/simulator.ts'
import type { Controller } from './controllers.ts'
import { Dialogues } from './dialogues.ts'

/** ms in which an open network carries what is still under way. */
const SETTLING: Duration = 120_000

/** A run of one phenomenon. */
export class Exchange {
  readonly pair: Pair
  readonly dialogues: Dialogues
  /** What differs between seeds is drawn from here. */
  readonly random: SeededRandom
  readonly begunAt: Time
  /** Called for each event, before the applications answer it. */
  onEvent: (side: Side, connection: Connection, event: ConnectionEvent) => void = () => {}
  readonly #controller: Controller
  readonly #endings = new Map<Connection, string[]>()

  /** @param random as it was used to draw `options`, if it was */
  constructor(random: SeededRandom, controller: Controller, options: PairOptions = {}) {
    this.random = random
    this.#controller = controller
    const { algorithm: congestionControl } = controller
    this.pair = new Pair({
      seed: random.seed,
      protection: 'checksum',
      checkInvariants: true,
      recordEvents: false,
      ...options,
      client: { congestionControl, handshakeTimeout: 60_000, maxIdleTimeout: 60_000, ...options.client },
      server: { congestionControl, handshakeTimeout: 60_000, maxIdleTimeout: 60_000, ...options.server },
    })
    this.dialogues = new Dialogues(this.pair)
    this.begunAt = this.pair.now
    this.pair.onEvent = (side, connection, event) => {
      this.#noteEnding(connection, event)
      this.onEvent(side, connection, event)
      this.dialogues.onEvent(connection, event)
    }
  }

  /** Connects, and runs until the handshake is confirmed. @throws Error naming the seed where it is not */
  connect(options?: PairConnectOptions): Connection {
    return this.pair.handshake(options).client
  }

  /** Asks as often, and for as much, as a browser might: two to four streams, `bytes` in all, most of them answers. */
  askMuch(connection: Connection, bytes: number): void {
    const count = 2 + this.random.integer(3)
    for (let index = 0; index < count; index++) {
      const question = this.random.chance(0.3) ? Math.floor((bytes / count) * 0.5) : this.random.integer(2000)
      this.dialogues.ask(connection, question, Math.max(1, Math.floor(bytes / count) - question))
    }
  }

  /** Runs until every answer has come. @throws Error naming the seed where one does not within `limit` ms */
  complete(limit: Duration = 600_000): Duration {
    const { dialogues, pair } = this
    if (!pair.run(() => dialogues.areComplete || this.#endings.size > 0, limit) || !dialogues.areComplete) {
      this.fail(`The transfer did not end under ${this.#controller.name}: ${this.#describe()}`)
    }
    return dialogues.completedAt - this.begunAt
  }

  /**
   * Runs to the very end: all answers, the acknowledgements of all, and the close of every connection.
   * @returns ms until the last byte was read
   * @throws Error naming the seed where anything is left
   */
  finish(limit?: Duration): Duration {
    const duration = this.complete(limit)
    this.settle()
    return duration
  }

  /** What {@link finish} does after the last answer. */
  settle(): void {
    const { dialogues, pair } = this
    const isQuiet = (): boolean => dialogues.unsettled === 0 && this.#connections().every(isIdle)
    if (!pair.run(isQuiet, SETTLING)) this.fail(`Something is left: ${this.#describe()}`)
    for (const connection of pair.client.endpoint.connections()) {
      connection.close({ code: 0n, reason: '' }, pair.client.clockAt(pair.now))
      pair.client.wake(connection)
    }
    pair.run()
    for (const side of [pair.client, pair.server]) {
      const { size } = new Set(side.endpoint.connections())
      if (size > 0) this.fail(`The ${side.name} keeps ${size} connections`)
      if (side.nextTimeout() !== NEVER) this.fail(`The ${side.name} keeps a timer`)
      for (const connection of side.connections) {
        const told = this.#endings.get(connection)?.filter((type) => type !== 'draining')
        if (told?.join() !== 'closing,closed') this.fail(`The ${side.name} told of its end by ${told}`)
      }
    }
  }

  /** Ends the run. @throws Error naming the seed and the time */
  fail(reason: string): never {
    throw new Error(atSeed(this.pair.seed, reason, this.pair.now))
  }

  #connections(): Connection[] {
    return [...this.pair.client.endpoint.connections(), ...this.pair.server.endpoint.connections()]
  }

  #describe(): string {
    const { client, server } = this.pair
    const reasons = [...client.connections, ...server.connections].map(({ closeReason, role, state }) => {
      const kind = closeReason === undefined ? '' : `, ${closeReason.kind}`
      const detail = closeReason !== undefined && 'reason' in closeReason ? ` (${closeReason.reason})` : ''
      return `${role} ${state}${kind}${detail}`
    })
    const { all, unsettled } = this.dialogues
    const answers = all.map(({ answer, answered }) => `${answered} of ${answer}`)
    return `${reasons.join('; ')}; answers ${answers.join(', ')}; ${unsettled} reads and writes wait`
  }

  #noteEnding(connection: Connection, event: ConnectionEvent): void {
    if (event.type !== 'closing' && event.type !== 'draining' && event.type !== 'closed') return
    const told = this.#endings.get(connection) ?? []
    told.push(event.type)
    this.#endings.set(connection, told)
  }
}

/** Whether a connection has no stream and nothing in flight. */
function isIdle(connection: Connection): boolean {
  return (
    connection.streams.count === 0 &&
    connection.paths.paths.every(({ hasRecovery, recovery }) => !hasRecovery || recovery.bytesInFlight === 0)
  )
}
