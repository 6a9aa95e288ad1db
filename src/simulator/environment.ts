/**
 * Surroundings in virtual time for the whole stack and the application on it. The clock moves only when a turn of the host's
 * event loop finds nothing to do: streams and promises settle in microtasks, so whatever takes no time has then happened.
 */
import type { RandomSource } from '../base/random.ts'
import type { Duration, Time } from '../base/time.ts'
import type { CryptoProvider, PublicKeyProvider, Signer, Verifier } from '../crypto/provider.ts'
import type { Environment } from '../environment.ts'
import type { VirtualClock } from './clock.ts'

/** One turn in so many looks at the world outside as well, where others do not. */
const QUICK_TURNS = 16

/** Virtual time for `connect`, `listen` and `QuicEndpoint`. */
export class VirtualEnvironment implements Environment {
  /** ms; 1,000 is a hidden page's. May be changed at any time. */
  timerGranularity: Duration = 1
  readonly random: RandomSource
  readonly #clock: VirtualClock
  /** Work that real time is spent on, such as Web Crypto's: until it is back the clock stands still. */
  #outstanding = 0
  #turns = 0

  /** For `Simulation`. */
  constructor(clock: VirtualClock, random: RandomSource) {
    this.#clock = clock
    this.random = random
  }

  now(): Time {
    return this.#clock.now
  }

  wallClock(): number {
    return this.#clock.wallClock
  }

  setTimer(at: Time, fire: () => void): () => void {
    // A timer fires on the grid of its granularity, as those of a hidden page do.
    const grid = this.timerGranularity
    return this.#clock.at(grid > 1 ? Math.ceil(at / grid) * grid : at, fire)
  }

  defer(task: () => void): void {
    queueMicrotask(task)
  }

  /** Lets the clock stand still until `work` is settled. Returns `work`. */
  hold<T>(work: PromiseLike<T>): PromiseLike<T> {
    this.#outstanding += 1
    const done = (): void => {
      this.#outstanding -= 1
    }
    work.then(done, done)
    return work
  }

  /** `provider`, whose work in real time lets the clock stand still: host cryptography under virtual time. */
  holding(provider: CryptoProvider): CryptoProvider {
    const held = <T>(value: T | PromiseLike<T>): T | PromiseLike<T> => (isPromise(value) ? this.hold(value) : value)
    return { ...provider, ...holdingKeys(provider, held) }
  }

  /** Lets everything happen that takes no virtual time. */
  async rest(): Promise<void> {
    this.#turns += 1
    await (this.#turns % QUICK_TURNS > 0 ? quickTurn() : turn())
    while (this.#outstanding > 0) await turn()
  }
}

type Held = <T>(value: T | PromiseLike<T>) => T | PromiseLike<T>

function holdingKeys(provider: PublicKeyProvider, held: Held): PublicKeyProvider {
  return {
    ...provider,
    groups: provider.groups.map((group) => ({
      ...group,
      group: group.group,
      async generate(random: RandomSource) {
        const { share, agree } = await held(group.generate(random))
        return { share, agree: (peer: Uint8Array) => held(agree(peer)) }
      },
      respond: (peer: Uint8Array, random: RandomSource) => held(group.respond(peer, random)),
    })),
    verifiers: provider.verifiers.map(
      (verifier): Verifier => ({
        scheme: verifier.scheme,
        verify: (spki, message, signature) => held(verifier.verify(spki, message, signature)),
      }),
    ),
    createSigner: async (key) => {
      const signer: Signer = await held(provider.createSigner(key))
      return { schemes: signer.schemes, sign: (scheme, message) => held(signer.sign(scheme, message)) }
    },
  }
}

function isPromise<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof value === 'object' && value !== null && 'then' in value
}

/**
 * As {@link turn}. Every timer of workerd waits a millisecond, also `setImmediate`, and its messages are microtasks; a body there
 * takes a turn of the loop to be read, but its timers and sockets may go hungry meanwhile.
 */
function quickTurn(): Promise<unknown> {
  return 'IdentityTransformStream' in globalThis ? new Response('turn').arrayBuffer() : turn()
}

/** A macrotask of the host: when it is over, every microtask has run. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') return void setImmediate(resolve)
    if (typeof MessageChannel !== 'function') return void setTimeout(resolve, 0)
    // A page waits 4 ms for a chained timer, and not at all for a message.
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(undefined)
  })
}
