/** What QuickJS lacks, made of the handful of functions that its host hands in (`e2e/wasm-host/quickjs.ts`). */
import type { DatagramSink, DatagramTransport, Environment } from '../../src/index.ts'

declare const hostNow: () => number
declare const hostWallClock: () => number
declare const hostTimer: (delay: number) => void
declare const hostRandom: (length: number) => ArrayBuffer
declare const hostSend: (bytes: ArrayBuffer) => void

const timers = new Map<object, { at: number; fire: () => void }>()
const deferred: (() => void)[] = []
let sink: DatagramSink | undefined

/** Clock, timers and randomness of the host. */
export const environment: Environment = {
  now: () => hostNow(),
  wallClock: () => hostWallClock(),
  setTimer(at, fire) {
    const key = {}
    timers.set(key, { at, fire })
    hostTimer(Math.max(0, Math.ceil(at - hostNow())))
    return () => timers.delete(key)
  },
  defer(task) {
    deferred.push(task)
    hostTimer(0)
  },
  timerGranularity: 1,
  random: { fill: (bytes) => bytes.set(new Uint8Array(hostRandom(bytes.length))) },
}

/** A transport over a new socket of the host, which an empty datagram asks for. */
export async function open(): Promise<DatagramTransport> {
  hostSend(new ArrayBuffer(0))
  let own: DatagramSink | undefined
  const unreliable = {
    reliable: false,
    ordered: false,
    congestionControlled: false,
    addressValidated: false,
    ecn: false,
  }
  return {
    maxDatagramSize: 1500,
    localAddress: '',
    properties: unreliable,
    open(given) {
      own = given
      sink = given
    },
    send(bytes) {
      if (own === sink) hostSend(bytes.slice().buffer)
      return true
    },
    close() {
      own?.closed()
      own = undefined
    },
  }
}

/** The newest transport fails. */
export function lose(): void {
  const lost = sink
  sink = undefined
  lost?.closed(new Error('The network is gone'))
}

Object.assign(globalThis, {
  onDatagram: (buffer: ArrayBuffer) => sink?.datagram(new Uint8Array(buffer), ''),
  onTimer() {
    for (const task of deferred.splice(0)) task()
    for (const [key, { at, fire }] of timers) {
      if (at > hostNow()) continue
      timers.delete(key)
      fire()
    }
  },
})
