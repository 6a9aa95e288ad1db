/** A datagram under way, in memory that is used again. */
import { EMPTY } from '../base/bytes.ts'
import type { Time } from '../base/time.ts'
import type { Ecn, PathAddress } from '../transport.ts'
import type { ClockEvent } from './clock.ts'
import type { TraceEntry } from './trace.ts'

/** Why a datagram never arrived. */
export type DropCause =
  /** Random loss of the link. */
  | 'loss'
  /** The link was in the bad state of Gilbert and Elliott. */
  | 'burst-loss'
  /** The queue before the link was full. */
  | 'queue-full'
  /** Longer than the link's MTU. */
  | 'mtu'
  /** Longer than the carrier takes. */
  | 'too-large'
  /** The link is dead. */
  | 'link-down'
  /** The nodes are parted. */
  | 'partition'
  /** A rule of the test took it. */
  | 'scripted'
  /** Nobody has that address, or nobody has it any more. */
  | 'unreachable'

/** Who hears of parcels that arrive. */
export interface ParcelReceiver {
  onParcel(parcel: Parcel, now: Time): void
}

/** A datagram under way. */
export class Parcel implements ClockEvent {
  /** Its bytes; valid until it is given back. */
  bytes: Uint8Array = EMPTY
  from: PathAddress = ''
  to: PathAddress = ''
  ecn: Ecn = 0
  /** The carrier never loses anything: what happens to it costs time instead. */
  isReliable = false
  arrival: Time = 0
  target: unknown = undefined
  entry: TraceEntry | undefined = undefined
  receiver: ParcelReceiver | undefined = undefined
  #memory: Uint8Array = EMPTY

  /** Takes a copy of `bytes`. */
  fillWith(bytes: Uint8Array): void {
    const { length } = bytes
    if (this.#memory.length < length) this.#memory = new Uint8Array(Math.max(length, 2048))
    // A view of the same length, as most datagrams have, serves again.
    if (this.bytes.length !== length || this.bytes.buffer !== this.#memory.buffer) {
      this.bytes = this.#memory.subarray(0, length)
    }
    this.bytes.set(bytes)
  }

  fire(now: Time): void {
    this.receiver?.onParcel(this, now)
  }
}

/** Parcels kept for use again. */
const MAX_SPARE = 4096

/** Where parcels come from and go back to. */
export class ParcelPool {
  readonly #spare: Parcel[] = []

  /** A parcel with a copy of `bytes`. */
  take(bytes: Uint8Array): Parcel {
    const parcel = this.#spare.pop() ?? new Parcel()
    parcel.fillWith(bytes)
    return parcel
  }

  /** Another one with the same content. */
  copy(parcel: Parcel): Parcel {
    const copy = this.take(parcel.bytes)
    copy.from = parcel.from
    copy.to = parcel.to
    copy.ecn = parcel.ecn
    copy.isReliable = parcel.isReliable
    copy.arrival = parcel.arrival
    copy.target = parcel.target
    copy.entry = parcel.entry
    copy.receiver = parcel.receiver
    return copy
  }

  /** Takes a parcel back. */
  give(parcel: Parcel): void {
    parcel.target = undefined
    parcel.entry = undefined
    parcel.receiver = undefined
    if (this.#spare.length < MAX_SPARE) this.#spare.push(parcel)
  }
}
