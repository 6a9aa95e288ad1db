/**
 * The keys of 0-RTT packets and how long they live (RFC 9001 §4.9.3, §5.6): a client's, to write, until it has those of 1-RTT;
 * a server's, to read, until a while after the first 1-RTT packet. They are of the version of the client's first packet,
 * whatever is negotiated (RFC 9369 §4.1).
 */
import { type Duration, NEVER, type Time } from '../base/time.ts'
import type { PacketKeys } from '../protection/packet-keys.ts'

/** Probe timeouts after the first 1-RTT packet for which 0-RTT packets that were overtaken are still read. */
const GRACE = 3

/** The 0-RTT keys of one connection; each side has one direction. */
export class EarlyKeys {
  /** The version of the packets. */
  readonly version: number
  #read: PacketKeys | undefined
  #write: PacketKeys | undefined
  #isOver = false
  #end: Time = NEVER

  constructor(version: number) {
    this.version = version
  }

  /** Of a server that has accepted 0-RTT. */
  get read(): PacketKeys | undefined {
    return this.#read
  }

  /** Of a client that may send 0-RTT packets now. */
  get write(): PacketKeys | undefined {
    return this.#write
  }

  /** Whether 0-RTT packets are worth nothing any more: refused, or past. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** TLS has yielded keys. */
  install(direction: 'read' | 'write', keys: PacketKeys): void {
    if (direction === 'read') this.#read = keys
    else this.#write = keys
  }

  /** Server: a 1-RTT packet was processed. */
  onOneRttPacket(now: Time, clock: { pto(): Duration }): void {
    if (this.#read !== undefined && this.#end === NEVER) this.#end = now + GRACE * clock.pto()
  }

  /** When {@link discard} is due. */
  nextTimeout(): Time {
    return this.#end
  }

  /** Wipes the keys. Returns whether there were any. */
  discard(): boolean {
    const had = this.#read !== undefined || this.#write !== undefined
    this.#read?.discard()
    this.#write?.discard()
    this.#read = undefined
    this.#write = undefined
    this.#isOver = true
    this.#end = NEVER
    return had
  }
}
