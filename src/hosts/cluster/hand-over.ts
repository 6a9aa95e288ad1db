/**
 * Datagrams that reached the wrong worker of a cluster, on their way to the right one: over sockets of the loopback interface,
 * which threads and processes have alike, and whose buffers are the kernel's: what is too much is lost, as on a network, and
 * takes no memory of ours. It costs 6 µs of CPU for each datagram, where a message port takes 13 and a process's channel 27. What
 * arrives there is believed only with the secret of the worker that it is for.
 *
 * A datagram on this way: secret (16 bytes), ECN mark (1), length of the sender's address (1), the address (ASCII), the datagram.
 */
import { copyBytes, equalBytes } from '../../base/bytes.ts'
import type { Time } from '../../base/time.ts'
import { RateLimit } from '../../endpoint/rate-limit.ts'
import type { DatagramTransport, Ecn, PathAddress } from '../../transport.ts'

/** Bytes of a secret. */
export const HAND_OVER_SECRET_LENGTH = 16

/** Hand-overs a second to one worker, unless `handOversPerSecond` says otherwise. */
export const HAND_OVERS_PER_SECOND = 50_000

/** Of the longest address, and of everything before the datagram. */
const MAX_ADDRESS = 64
const HEADER_LENGTH = HAND_OVER_SECRET_LENGTH + 2

/** The longest payload of UDP over IPv4. */
const MAX_DATAGRAM = 65_507

/** Where a worker takes hand-overs. */
export interface HandOverAddress {
  readonly address: PathAddress
  /** Random for each worker that is started: a process that gets the port of a dead one learns nothing that is of use. */
  readonly secret: Uint8Array
}

/** What became of the datagrams that were in the wrong place, since the start. */
export interface HandOverCounts {
  /** Handed to other workers. */
  readonly given: number
  /** Lost: more than one worker may be given at a time. */
  readonly dropped: number
  /** Handed over by other workers. */
  readonly taken: number
  /** Not from a worker of the cluster. */
  readonly refused: number
}

/** Takes what is handed over. `bytes` are valid during the call. */
export type TakeHandOver = (bytes: Uint8Array, from: PathAddress, ecn: Ecn) => void

interface Sibling extends HandOverAddress {
  readonly limit: RateLimit
}

/** What a {@link HandOver} is made of. */
export interface HandOverOptions {
  /** On the loopback interface. Belongs to the hand-over from now on. */
  readonly transport: DatagramTransport
  /** {@link HAND_OVER_SECRET_LENGTH} bytes. */
  readonly secret: Uint8Array
  /** Datagrams a second for each other worker; a tenth of it at once. */
  readonly perSecond: number
  /** Monotonic ms. */
  now(): Time
}

/** One worker's end of all hand-overs. */
export class HandOver {
  readonly #options: HandOverOptions
  #siblings = new Map<number, Sibling>()
  readonly #frame = new Uint8Array(MAX_DATAGRAM)
  /** The kernel's buffer is full and the host keeps a reference to the frame. */
  #isBlocked = false
  #take: TakeHandOver = () => {}
  #lastAddress: Uint8Array = new Uint8Array(0)
  #lastFrom: PathAddress = ''
  readonly #counts = { given: 0, dropped: 0, taken: 0, refused: 0 }

  constructor(options: HandOverOptions) {
    this.#options = options
    options.transport.open({
      datagram: (bytes) => this.#receive(bytes),
      drain: () => {
        this.#isBlocked = false
      },
      closed: () => {},
    })
  }

  /** Where others hand over to this worker. */
  get address(): HandOverAddress {
    return { address: this.#options.transport.localAddress, secret: this.#options.secret }
  }

  /** The numbers of this moment. */
  get counts(): HandOverCounts {
    return { ...this.#counts }
  }

  /** The other workers, by their ids; those that are missing are gone. */
  setSiblings(siblings: ReadonlyMap<number, HandOverAddress>): void {
    const { perSecond } = this.#options
    const next = new Map<number, Sibling>()
    for (const [id, { address, secret }] of siblings) {
      const limit = this.#siblings.get(id)?.limit ?? new RateLimit(perSecond, Math.max(1, perSecond / 10))
      next.set(id, { address, secret, limit })
    }
    this.#siblings = next
  }

  /** Whether there is another worker of that id. */
  has(worker: number): boolean {
    return this.#siblings.has(worker)
  }

  /** Has `take` called with each datagram that another worker hands over. */
  open(take: TakeHandOver): void {
    this.#take = take
  }

  /** Gives a datagram to the worker that it is for, once; what goes beyond the bound is lost. `bytes` are read during the call. */
  give(worker: number, bytes: Uint8Array, from: PathAddress, ecn: Ecn): void {
    const sibling = this.#siblings.get(worker)
    const length = HEADER_LENGTH + from.length + bytes.length
    const fits = length <= MAX_DATAGRAM && from.length <= MAX_ADDRESS
    if (sibling === undefined || !fits || this.#isBlocked || !sibling.limit.take(this.#options.now())) {
      this.#counts.dropped += 1
      return
    }
    const frame = this.#frame
    frame.set(sibling.secret)
    frame[HAND_OVER_SECRET_LENGTH] = ecn
    frame[HAND_OVER_SECRET_LENGTH + 1] = from.length
    for (let i = 0; i < from.length; i++) frame[HEADER_LENGTH + i] = from.charCodeAt(i)
    frame.set(bytes, HEADER_LENGTH + from.length)
    this.#counts.given += 1
    this.#isBlocked = !this.#options.transport.send(frame.subarray(0, length), sibling.address, 0)
  }

  /** Takes and gives nothing more. */
  close(): void {
    this.#take = () => {}
    this.#siblings.clear()
    this.#options.transport.close()
  }

  #receive(frame: Uint8Array): void {
    const ecn = frame[HAND_OVER_SECRET_LENGTH] ?? 0
    const start = HEADER_LENGTH + (frame[HAND_OVER_SECRET_LENGTH + 1] ?? 0)
    const isOurs = equalBytes(frame.subarray(0, HAND_OVER_SECRET_LENGTH), this.#options.secret)
    if (!isOurs || start >= frame.length || ecn > 3) {
      this.#counts.refused += 1
      return
    }
    this.#counts.taken += 1
    this.#take(frame.subarray(start), this.#source(frame.subarray(HEADER_LENGTH, start)), ecn as Ecn)
  }

  /** The address as text; those that come one after the other are mostly the same. */
  #source(address: Uint8Array): PathAddress {
    const last = this.#lastAddress
    if (last.length === address.length && last.every((byte, index) => byte === address[index])) return this.#lastFrom
    this.#lastAddress = copyBytes(address)
    this.#lastFrom = String.fromCharCode(...address)
    return this.#lastFrom
  }
}
