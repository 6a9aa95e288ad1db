/** How many datagrams wait, and how long: options, their defaults and bounds (RFC 9221 §5.3, §5.4). */
import type { Duration } from '../base/time.ts'

/** Lengths (in datagrams) and ages (in ms) of the queues. */
export interface DatagramSettings {
  /** Datagrams that may wait to be read; beyond it the oldest is dropped. Default 1,024. */
  readonly incomingHighWaterMark: number
  /** Datagrams that may wait to be sent; beyond it the oldest is dropped. Default 256. */
  readonly outgoingHighWaterMark: number
  /** An older datagram is not read any more. Default `undefined`, as 0: of any age. */
  readonly incomingMaxAge: Duration | undefined
  /** An older datagram is not sent any more. Default `undefined`, as 0: 5,000. */
  readonly outgoingMaxAge: Duration | undefined
}

/** {@link DatagramSettings} of which everything may be left out. */
export type DatagramOptions = { readonly [K in keyof DatagramSettings]?: DatagramSettings[K] | undefined }

const DEFAULTS: DatagramSettings = {
  incomingHighWaterMark: 1024,
  outgoingHighWaterMark: 256,
  incomingMaxAge: undefined,
  outgoingMaxAge: undefined,
}

/** 2^32 - 1: the most that a length can be in W3C's interface. */
const MAX_LENGTH = 0xffff_ffff

/**
 * `base` (the defaults) with what `options` name; an age of 0 stands for none.
 *
 * @throws TypeError for an unknown key or a value of the wrong type, RangeError for a value out of bounds.
 */
export function datagramSettings(options: DatagramOptions, base: DatagramSettings = DEFAULTS): DatagramSettings {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`datagrams must be an object, got ${String(options)}`)
  }
  const settings: Record<string, unknown> = { ...base }
  for (const [key, value] of Object.entries(options)) {
    if (!Object.hasOwn(DEFAULTS, key)) throw new TypeError(`Unknown datagram option ${key}`)
    if (key === 'incomingMaxAge' || key === 'outgoingMaxAge') settings[key] = checkedAge(key, value)
    else if (value !== undefined) settings[key] = checkedLength(key, value)
  }
  return settings as unknown as DatagramSettings
}

/** The age that `value` stands for. @throws TypeError, RangeError */
export function checkedAge(name: string, value: unknown): Duration | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number, got ${String(value)}`)
  if (!(value >= 0)) throw new RangeError(`${name} must be at least 0, got ${value}`)
  return value === 0 ? undefined : value
}

function checkedLength(name: string, value: unknown): number {
  if (typeof value !== 'number') throw new TypeError(`datagrams.${name} must be a number, got ${String(value)}`)
  if (!(Number.isInteger(value) && value >= 1 && value <= MAX_LENGTH)) {
    throw new RangeError(`datagrams.${name} must be an integer from 1 to ${MAX_LENGTH}, got ${value}`)
  }
  return value
}
