/** What a link does to datagrams, as options: names, units, defaults, checks. */
import type { Duration } from '../base/time.ts'
import type { Ecn } from '../transport.ts'

/** Where a queue ends; what comes when it is full is dropped (tail drop). Both may be given: the first that is reached counts. */
export interface QueueLimit {
  /** Bytes, the datagram that is being sent included. */
  readonly bytes?: number | undefined
  /** Datagrams, the one that is being sent included. */
  readonly packets?: number | undefined
}

/** Burst loss by Gilbert and Elliott: a link is in a good or a bad state, and may change it with every datagram. */
export interface BurstLoss {
  /** Probability, with each datagram, that the good state ends. */
  readonly enter: number
  /** Probability, with each datagram, that the bad state ends; 1 / `leave` is the mean length of a burst. */
  readonly leave: number
  /** Probability of loss in the bad state. Default 1. */
  readonly lossWhenBad?: number | undefined
  /** Probability of loss in the good state. Default 0. */
  readonly lossWhenGood?: number | undefined
}

/** Overtaking: some datagrams are held back, and those behind them pass. */
export interface Reordering {
  /** From 0 to 1. */
  readonly probability: number
  /** ms by which they are late. */
  readonly delay: Duration
}

/** ECN at a link (RFC 3168). What leaves a host unmarked stays unmarked. */
export interface EcnBehaviour {
  /** Bytes: ECT datagrams that meet a longer queue leave it with CE. Default: none. */
  readonly markAbove?: number | undefined
  /** What becomes of each mark: `() => 0` clears them, as many routers do. Default: they are carried. */
  readonly rewrite?: ((mark: Ecn) => Ecn) | undefined
}

/** One direction of a link. Everything may be left out: a perfect link delivers at once. */
export interface LinkOptions {
  /** ms from one end to the other. Default 0. */
  readonly delay?: Duration | undefined
  /** Up to so many ms more, drawn anew for each datagram; nothing is overtaken. Default 0. */
  readonly jitter?: Duration | undefined
  /** Bits of UDP payload per second. Default: unlimited. */
  readonly bandwidth?: number | undefined
  /** What waits for the bandwidth. Default: 1,000 datagrams. */
  readonly queue?: QueueLimit | undefined
  /** Probability that a datagram is lost behind the queue, each on its own. Default 0. */
  readonly loss?: number | undefined
  /** Losses in runs, beside those of `loss`. Default: none. */
  readonly burst?: BurstLoss | undefined
  /** Default: none. */
  readonly reorder?: Reordering | undefined
  /** Probability that a datagram arrives twice. Default 0. */
  readonly duplicate?: number | undefined
  /** Probability that one bit of a datagram is flipped. Default 0. */
  readonly corrupt?: number | undefined
  /** Bytes of the largest datagram that passes; longer ones are dropped. Default: any. */
  readonly mtu?: number | undefined
  readonly ecn?: EcnBehaviour | undefined
}

/** {@link LinkOptions} with every default filled in; numbers alone, so that reading them costs nothing. */
export interface LinkSettings {
  readonly delay: Duration
  readonly jitter: Duration
  /** Bytes per ms; `Infinity`: unlimited. */
  readonly rate: number
  readonly queueBytes: number
  readonly queuePackets: number
  readonly loss: number
  readonly burst: BurstSettings | undefined
  readonly reorder: number
  readonly reorderDelay: Duration
  readonly duplicate: number
  readonly corrupt: number
  readonly mtu: number
  readonly markAbove: number
  readonly rewrite: ((mark: Ecn) => Ecn) | undefined
}

/** {@link BurstLoss} with every default filled in. */
export interface BurstSettings {
  readonly enter: number
  readonly leave: number
  readonly lossWhenBad: number
  readonly lossWhenGood: number
}

const DEFAULT_QUEUE: QueueLimit = { packets: 1000 }

const KEYS: readonly string[] = [
  'delay',
  'jitter',
  'bandwidth',
  'queue',
  'loss',
  'burst',
  'reorder',
  'duplicate',
  'corrupt',
  'mtu',
  'ecn',
]

/**
 * The settings that `options` ask for.
 * @throws TypeError for an unknown key, RangeError for a value out of bounds, naming it.
 */
export function linkSettings(options: LinkOptions): LinkSettings {
  for (const key of Object.keys(options)) if (!KEYS.includes(key)) throw new TypeError(`Unknown link option ${key}`)
  const { burst, reorder, ecn, queue = DEFAULT_QUEUE } = options
  return {
    delay: atLeast('delay', options.delay, 0),
    jitter: atLeast('jitter', options.jitter, 0),
    rate: positive('bandwidth', options.bandwidth) / 8000,
    queueBytes: positive('queue.bytes', queue.bytes),
    queuePackets: positive('queue.packets', queue.packets),
    loss: probability('loss', options.loss),
    burst: burst === undefined ? undefined : burstOf(burst),
    reorder: probability('reorder.probability', reorder?.probability),
    reorderDelay: atLeast('reorder.delay', reorder?.delay, 0),
    duplicate: probability('duplicate', options.duplicate),
    corrupt: probability('corrupt', options.corrupt),
    mtu: positive('mtu', options.mtu),
    markAbove: ecn?.markAbove === undefined ? Number.POSITIVE_INFINITY : atLeast('ecn.markAbove', ecn.markAbove, 0),
    rewrite: ecn?.rewrite,
  }
}

function burstOf(burst: BurstLoss): BurstSettings {
  return {
    enter: probability('burst.enter', burst.enter),
    leave: probability('burst.leave', burst.leave),
    lossWhenBad: probability('burst.lossWhenBad', burst.lossWhenBad ?? 1),
    lossWhenGood: probability('burst.lossWhenGood', burst.lossWhenGood ?? 0),
  }
}

function atLeast(name: string, value: number | undefined, least: number): number {
  if (value === undefined) return least
  if (!(value >= least && value < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`${name} must be at least ${least} and finite, got ${value}`)
  }
  return value
}

function positive(name: string, value: number | undefined): number {
  if (value === undefined) return Number.POSITIVE_INFINITY
  if (!(value > 0)) throw new RangeError(`${name} must be positive, got ${value}`)
  return value
}

function probability(name: string, value: number | undefined): number {
  if (value === undefined) return 0
  if (!(value >= 0 && value <= 1)) throw new RangeError(`${name} must be a probability from 0 to 1, got ${value}`)
  return value
}
