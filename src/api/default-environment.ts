/** The surroundings that a runtime gives to everybody: its clock, its timers, its randomness. No runtime is asked for its name. */
import type { RandomSource } from '../base/random.ts'
import type { Duration, Time } from '../base/time.ts'
import type { Environment } from '../environment.ts'

/** `setTimeout` takes no more than this; a longer wait wakes up in between, which is harmless. */
const MAX_TIMEOUT = 0x7fff_ffff

/** Bytes that one call of `getRandomValues` fills at most. */
const MAX_RANDOM = 65_536

/** The environment of the runtime at hand. */
export function defaultEnvironment(): Environment {
  const defer = deferral()
  const clock = new SteppingClock(() => performance.now())
  return {
    now: () => clock.now(),
    wallClock: () => Date.now(),
    setTimer,
    defer,
    get timerGranularity() {
      return Math.max(timerLateness(), clock.step)
    },
    random: hostRandom,
  }
}

/** How late timers are, in ms: a page's when they are chained, whatever they were asked for; those of a hidden page fire once a second. */
function timerLateness(): Duration {
  const { document } = globalThis as { readonly document?: { readonly hidden?: boolean } }
  if (document === undefined) return 1
  return document.hidden === true ? 1_000 : 4
}

/** Moves of the clock after which the smallest of them is taken for its step. */
const MOVES = 32

/** ms; browsers that guard against fingerprints go up to 100, and coarser ones are no clocks. */
const MAX_STEP = 100

/** A clock that jumps, and finds out by how much: pages get no better than 0.1 ms, and 16 or 100 where fingerprints are feared. */
export class SteppingClock {
  readonly #read: () => Time
  #last: Time
  #moves = 0
  #least: Duration = MAX_STEP

  /** @param read the host's clock. */
  constructor(read: () => Time) {
    this.#read = read
    this.#last = read()
  }

  /** The host's time. */
  now(): Time {
    const now = this.#read()
    const move = now - this.#last
    if (move > 0) {
      this.#last = now
      this.#moves += 1
      if (move < this.#least) this.#least = move
    }
    return now
  }

  /** The smallest move that was seen; 0 until there were enough of them. */
  get step(): Duration {
    return this.#moves < MOVES ? 0 : this.#least
  }
}

/** Bytes that are drawn in advance: the host takes as long for one byte as for some hundred, and a handshake asks forty times. */
const POOL = 1_024

/** Requests above get bytes of their own. */
const MAX_POOLED = 64

/** The host's randomness, drawn in advance; what was handed out is wiped here. */
class HostRandom implements RandomSource {
  #pool: Uint8Array<ArrayBuffer> | undefined
  /** Where what is left begins. */
  #at = POOL

  fill(bytes: Uint8Array): void {
    const { length } = bytes
    if (length > MAX_POOLED) return fillFromHost(bytes)
    this.#pool ??= new Uint8Array(POOL)
    if (length > POOL - this.#at) {
      fillFromHost(this.#pool)
      this.#at = 0
    }
    const end = this.#at + length
    for (let i = 0, at = this.#at; at < end; i++, at++) bytes[i] = this.#pool[at] ?? 0
    this.#pool.fill(0, this.#at, end)
    this.#at = end
  }
}

function fillFromHost(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; at += MAX_RANDOM) {
    globalThis.crypto.getRandomValues(bytes.subarray(at, at + MAX_RANDOM) as Uint8Array<ArrayBuffer>)
  }
}

/** That of all environments. */
const hostRandom: RandomSource = /* @__PURE__ */ new HostRandom()

function setTimer(at: Time, fire: () => void): () => void {
  // Timers round down and may fire early by less than a millisecond: the contract says never.
  const wait = Math.min(Math.max(0, Math.ceil(at - performance.now())), MAX_TIMEOUT)
  const timer = setTimeout(fire, wait)
  return () => clearTimeout(timer)
}

/** A turn after the events at hand: a macrotask, so that a page or a socket gets its turn between two bursts. */
function deferral(): (task: () => void) => void {
  if (typeof setImmediate === 'function') return (task) => void setImmediate(task)
  if (typeof MessageChannel !== 'function') return (task) => queueMicrotask(task)
  const tasks: (() => void)[] = []
  let channel: MessageChannel | undefined
  return (task) => {
    tasks.push(task)
    if (channel === undefined) {
      channel = new MessageChannel()
      channel.port1.onmessage = () => tasks.shift()?.()
    }
    channel.port2.postMessage(undefined)
  }
}
