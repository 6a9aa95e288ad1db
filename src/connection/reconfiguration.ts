/** What of a connection can be changed while it runs. Credit that was given stays given (RFC 9000 §4.1, §4.6). */
import type { Duration, Time } from '../base/time.ts'
import { controllerFactory } from '../recovery/congestion/algorithms.ts'
import type { CongestionAlgorithm } from '../recovery/congestion/controller.ts'
import { type DatagramOptions, datagramSettings } from '../streams/datagram-settings.ts'
import type { ConnectionParts } from './assembly.ts'
import { type ConnectionConfig, checkConnectionOption } from './config.ts'

/** Changes; what is left out, or `undefined`, stays as it is. */
export interface Reconfiguration {
  /** ms without a packet after which a PING is sent; `'auto'`: a third of the idle timeout; `false`: none. */
  readonly keepAlive?: 'auto' | Duration | false | undefined
  /**
   * ms; at most what the connection began with, which the peer was told. A connection that ends earlier than that ends with
   * CONNECTION_CLOSE (RFC 9000 §10.1).
   */
  readonly maxIdleTimeout?: Duration | undefined
  readonly maxIncomingBidirectionalStreams?: number | undefined
  readonly maxIncomingUnidirectionalStreams?: number | undefined
  /** Bytes that windows may grow to from now on. */
  readonly maxReceiveWindow?: number | undefined
  /** Of all paths: bytes in flight, RTT and pacing go on. */
  readonly congestionControl?: CongestionAlgorithm | undefined
  readonly pacing?: boolean | undefined
  readonly datagrams?: DatagramOptions | undefined
}

/** What new paths are made with. */
export interface PathSettings {
  congestionControl: CongestionAlgorithm
  pacing: boolean
  /** How late the host's timers may fire, in ms. */
  timerGranularity: Duration
}

const KEYS: readonly (keyof Reconfiguration)[] = [
  'keepAlive',
  'maxIdleTimeout',
  'maxIncomingBidirectionalStreams',
  'maxIncomingUnidirectionalStreams',
  'maxReceiveWindow',
  'congestionControl',
  'pacing',
  'datagrams',
]

/** @throws TypeError for a key that cannot be changed or a value of the wrong type, RangeError for one out of bounds. */
export function checkReconfiguration(changes: Reconfiguration, config: ConnectionConfig): void {
  if (typeof changes !== 'object' || changes === null) {
    throw new TypeError(`What is to be configured must be an object, got ${String(changes)}`)
  }
  for (const [key, value] of Object.entries(changes)) {
    if (!(KEYS as readonly string[]).includes(key)) {
      throw new TypeError(`${key} cannot be configured; what can is ${KEYS.join(', ')}`)
    }
    if (value === undefined) continue
    checkConnectionOption(key as keyof Reconfiguration, value)
    const most = config.maxIdleTimeout
    if (key === 'maxIdleTimeout' && most > 0 && (value === 0 || (value as number) > most)) {
      throw new RangeError(`maxIdleTimeout can only go below the ${most} ms that the peer was told, got ${value}`)
    }
  }
}

/** Carries out `changes`. @throws TypeError, RangeError, and then nothing was changed */
export function reconfigure(parts: ConnectionParts, changes: Reconfiguration, now: Time): void {
  const { context, datagrams, idle, streams } = parts
  checkReconfiguration(changes, context.config)
  const { keepAlive, maxIdleTimeout, congestionControl, pacing } = changes
  if (congestionControl !== undefined) exchangeControllers(parts, congestionControl)
  if (keepAlive !== undefined) idle.setKeepAlive(keepAlive)
  if (maxIdleTimeout !== undefined) idle.lowerTimeout(maxIdleTimeout)
  if (changes.datagrams !== undefined) {
    datagrams.configure(datagramSettings(changes.datagrams, datagrams.settings), now)
  }
  streams.configure(changes)
  if (pacing !== undefined) setPacing(parts, pacing)
}

/** All paths get theirs, or none. @throws what a factory throws */
function exchangeControllers({ context, paths }: ConnectionParts, algorithm: CongestionAlgorithm): void {
  const factory = controllerFactory(algorithm)
  // Carriers that control congestion themselves keep the controller that yields to them.
  const own = paths.paths.filter((path) => path.hasRecovery && !path.carrier.properties.congestionControlled)
  const recoveries = own.map((path) => path.recovery)
  // Paths that differ in nothing but the port share theirs.
  const made = [...new Set(recoveries)].map((recovery) => ({ recovery, controller: recovery.successor(factory) }))
  for (const { recovery, controller } of made) recovery.setController(controller)
  context.pathSettings.congestionControl = algorithm
}

function setPacing({ context, paths }: ConnectionParts, pacing: boolean): void {
  context.pathSettings.pacing = pacing
  for (const path of paths.paths) {
    if (path.hasRecovery) path.recovery.pacer.enabled = pacing && !path.carrier.properties.congestionControlled
  }
}
