/** The surroundings that a runtime gives to everybody: its clock, its timers, its randomness. No runtime is asked for its name. */
import type { RandomSource } from '../base/random.ts'
import type { Time } from '../base/time.ts'
import type { Environment } from '../environment.ts'

/** `setTimeout` takes no more than this; a longer wait wakes up in between, which is harmless. */
const MAX_TIMEOUT = 0x7fff_ffff

/** Bytes that one call of `getRandomValues` fills at most. */
const MAX_RANDOM = 65_536

/** The environment of the runtime at hand. */
export function defaultEnvironment(): Environment {
  const defer = deferral()
  return {
    now: () => performance.now(),
    wallClock: () => Date.now(),
    setTimer,
    defer,
    // A chained timer of a page waits 4 ms, whatever it was asked for; Node's is a millisecond late.
    timerGranularity: typeof globalThis.document === 'undefined' ? 1 : 4,
    random: hostRandom,
  }
}

const hostRandom: RandomSource = {
  fill(bytes) {
    for (let at = 0; at < bytes.length; at += MAX_RANDOM) {
      globalThis.crypto.getRandomValues(bytes.subarray(at, at + MAX_RANDOM) as Uint8Array<ArrayBuffer>)
    }
  },
}

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
