/**
 * A client and a server of the public API in one process, over a pipe, in an environment whose clock moves only when there
 * is nothing left to do. Cryptography is quick and worthless (`quick-crypto.fixtures.ts`), certificates are a test
 * authority's.
 */
import { type Impairments, impair } from '../../transports/impaired.ts'
import { type PipeOptions, pipe } from '../../transports/pipe.ts'
import type { Time } from '../base/time.ts'
import type { CryptoProvider } from '../crypto/provider.ts'
import { quickCrypto } from '../endpoint/quick-crypto.fixtures.ts'
import { TestRandom } from '../endpoint/test-pair.fixtures.ts'
import type { Environment } from '../environment.ts'
import type { DatagramTransport } from '../transport.ts'
import { type Issued, type IssueOptions, issue, TEST_TIME, testVerifier } from '../x509/authority.fixtures.ts'
import { connect } from './client.ts'
import type { QuicConnection } from './connection.ts'
import type { ConnectOptions } from './endpoint-core.ts'
import type { CertificateOptions } from './identity.ts'
import { type ListenOptions, listen, type QuicServer } from './server.ts'

/** Packets by noble, public-key work by nobody, certificates by the test authority's rule. */
export const testCrypto = (): CryptoProvider => ({ ...quickCrypto(), verifiers: [testVerifier] })

/** The root that tests trust. */
export const testRoot: Issued = issue({ subject: 'Test Root', ca: true })

/** A certificate of that root for `server.test`, unless `options` say otherwise, with its key. */
export function testCertificate(options: Partial<IssueOptions> = {}): CertificateOptions {
  const leaf = issue({ subject: 'server.test', issuer: testRoot, names: ['server.test'], ...options })
  return { certificate: [leaf.der], privateKey: leaf.signer }
}

interface Timer {
  readonly at: Time
  readonly fire: () => void
}

/** Virtual time. */
export class TestEnvironment implements Environment {
  readonly timerGranularity = 1
  readonly random: TestRandom
  /** Bursts are over with a turn of the event loop, as in Node, and not with the microtask. */
  defersByTurns = false
  #deferred = 0
  #now: Time = 1000
  readonly #timers = new Set<Timer>()

  constructor(seed = 1) {
    this.random = new TestRandom(seed)
  }

  now(): Time {
    return this.#now
  }

  wallClock(): number {
    return TEST_TIME + this.#now
  }

  setTimer(at: Time, fire: () => void): () => void {
    const timer = { at, fire }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  defer(task: () => void): void {
    if (!this.defersByTurns) return queueMicrotask(task)
    this.#deferred += 1
    void turn().then(() => {
      this.#deferred -= 1
      task()
    })
  }

  /** Timers that are set. */
  get timers(): number {
    return this.#timers.size
  }

  /** Lets everything happen that takes no time, then, while `promise` is not settled, time pass; at most `limit` ms. */
  async until<T>(promise: Promise<T>, limit = 600_000): Promise<T> {
    let isSettled = false
    const settle = (): void => {
      isSettled = true
    }
    promise.then(settle, settle)
    const end = this.#now + limit
    for (await this.#rest(); !isSettled; await this.#rest()) {
      const next = this.#next()
      if (next === undefined || next.at > end) throw new Error(`Not settled at ${this.#now}, and nothing is to happen`)
      this.#fire(next)
    }
    return promise
  }

  /** Lets `duration` ms pass. */
  async pass(duration: number): Promise<void> {
    const end = this.#now + duration
    for (await this.#rest(); ; await this.#rest()) {
      const next = this.#next()
      if (next === undefined || next.at > end) break
      this.#fire(next)
    }
    this.#now = end
    await this.#rest()
  }

  /** Lets everything happen that takes no time. */
  async #rest(): Promise<void> {
    do await turn()
    while (this.#deferred > 0)
  }

  #fire(timer: Timer): void {
    this.#timers.delete(timer)
    this.#now = Math.max(this.#now, timer.at)
    timer.fire()
  }

  #next(): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers) if (next === undefined || timer.at < next.at) next = timer
    return next
  }
}

/** A macrotask: every microtask has run when it is over. */
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

/** How a {@link Stage} differs from two ends that trust one another over a perfect pipe. */
export interface StageOptions {
  readonly seed?: number
  readonly client?: Partial<ConnectOptions>
  readonly server?: Partial<ListenOptions>
  readonly pipe?: PipeOptions
  /** Of both directions. */
  readonly network?: Omit<Impairments, 'random'>
}

/** Both ends. */
export class Stage {
  readonly environment: TestEnvironment
  readonly near: DatagramTransport
  readonly far: DatagramTransport
  readonly #options: StageOptions
  readonly #crypto = testCrypto()

  constructor(options: StageOptions = {}) {
    this.#options = options
    this.environment = new TestEnvironment(options.seed)
    const [near, far] = pipe(options.pipe)
    const { network } = options
    const random = this.environment.random
    this.near = network === undefined ? near : impair(near, { ...network, random })
    this.far = network === undefined ? far : impair(far, { ...network, random })
  }

  /** The options of a client that trusts the test root and expects `server.test`. */
  clientOptions(options: Partial<ConnectOptions> = {}): ConnectOptions {
    return {
      alpn: ['test'],
      ca: [testRoot.der],
      serverName: 'server.test',
      crypto: this.#crypto,
      environment: this.environment,
      ...this.#options.client,
      ...options,
    }
  }

  /** The options of the server `server.test`. */
  serverOptions(options: Partial<ListenOptions> = {}): ListenOptions {
    return {
      alpn: ['test'],
      certificate: testCertificate(),
      crypto: this.#crypto,
      environment: this.environment,
      ...this.#options.server,
      ...options,
    }
  }

  /** A server at the far end. */
  listen(options: Partial<ListenOptions> = {}): Promise<QuicServer> {
    return listen(this.far, this.serverOptions(options))
  }

  /** A client at the near end. */
  connect(options: Partial<ConnectOptions> = {}): Promise<QuicConnection> {
    return connect(this.near, this.clientOptions(options))
  }

  /** Both, once they can carry streams. */
  async connected(): Promise<{ server: QuicServer; client: QuicConnection; peer: QuicConnection }> {
    const server = await this.listen()
    const peers = server[Symbol.asyncIterator]()
    const client = await this.environment.until(this.connect())
    const { value, done } = await this.environment.until(peers.next())
    if (done === true) throw new Error('The server has no connection')
    return { server, client, peer: value }
  }
}

/** What `promise` rejects with. @throws Error where it fulfils */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('The promise was to reject, and fulfilled')
}

/** Runs `body` and returns what was rejected meanwhile and handled by nobody. */
export async function strays(body: () => Promise<void>): Promise<unknown[]> {
  const found: unknown[] = []
  const onEvent = (event: Event): void => void found.push((event as Event & { reason?: unknown }).reason)
  const onReason = (reason: unknown): void => void found.push(reason)
  const host = (globalThis as { process?: Host }).process
  globalThis.addEventListener?.('unhandledrejection', onEvent)
  host?.on?.('unhandledRejection', onReason)
  try {
    await body()
    await turn()
    await turn()
  } finally {
    globalThis.removeEventListener?.('unhandledrejection', onEvent)
    host?.off?.('unhandledRejection', onReason)
  }
  return found
}

interface Host {
  on?(event: string, listener: (reason: unknown) => void): void
  off?(event: string, listener: (reason: unknown) => void): void
}

/** `length` bytes that differ from their neighbours. */
export function bytesOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff)
}

/** All that a stream has to say. */
export async function readAll(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const reader = readable.getReader()
  const chunks: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    chunks.push(value.slice())
    length += value.length
  }
  const all = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}

/** Sends `bytes` and the end. */
export async function writeAll(writable: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  const writer = writable.getWriter()
  await writer.write(bytes)
  await writer.close()
}
