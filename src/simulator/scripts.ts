/** Scripted losses: rules that take chosen packets from the network, such as the third Handshake packet of the server. */
import type { Time } from '../base/time.ts'
import type { Ecn } from '../transport.ts'
import { LongHeader } from '../wire/long-header.ts'
import { packetTypeName } from '../wire/packet-type.ts'
import { isLongHeader } from '../wire/short-header.ts'

/** Packet types by the names that qlog uses. */
export type PacketTypeName = 'initial' | '0RTT' | 'handshake' | 'retry' | '1RTT' | 'version_negotiation'

/** A datagram on its way into a link. */
export interface SentDatagram {
  /** Valid during the call. */
  readonly bytes: Uint8Array
  /** The node that sends it. */
  readonly from: string
  /** The node that it is for. */
  readonly to: string
  readonly ecn: Ecn
  readonly now: Time
  /** The types of its packets, as far as they can be read without keys. */
  readonly types: readonly PacketTypeName[]
}

/** Which datagrams are to be lost: those that fulfil all that is given. A datagram is lost whole, coalesced packets included. */
export interface DropRule {
  /** The name of the node that sends. */
  readonly from?: string
  /** The name of the node that would receive. */
  readonly to?: string
  /** Datagrams with a packet of this type. */
  readonly type?: PacketTypeName
  /** Which of the packets (without `type`, of the datagrams) that fulfil the rest, counted from 1; a number or several. Default: all. */
  readonly nth?: number | readonly number[]
  /** From this virtual time on. */
  readonly after?: Time
  /** Until this virtual time. */
  readonly before?: Time
  readonly when?: (datagram: SentDatagram) => boolean
}

/** A rule at work. */
export class DropScript {
  readonly rule: DropRule
  /** Datagrams that it took. */
  hits = 0
  #matches = 0
  #isOver = false

  /** @throws RangeError for an `nth` that counts nothing */
  constructor(rule: DropRule) {
    const { nth = [] } = rule
    for (const number of typeof nth === 'number' ? [nth] : nth) {
      if (!(Number.isInteger(number) && number >= 1)) throw new RangeError(`nth counts from 1, got ${number}`)
    }
    this.rule = rule
  }

  /** Takes nothing more. */
  cancel(): void {
    this.#isOver = true
  }

  /** For the network: whether the datagram is lost. */
  takes(datagram: SentDatagram): boolean {
    const { after = -Infinity, before = Infinity, from, nth, to, type, when } = this.rule
    if (this.#isOver || datagram.now < after || datagram.now >= before) return false
    if ((from !== undefined && from !== datagram.from) || (to !== undefined && to !== datagram.to)) return false
    const count = type === undefined ? 1 : datagram.types.filter((each) => each === type).length
    if (count === 0 || when?.(datagram) === false) return false
    const first = this.#matches + 1
    this.#matches += count
    const numbers = typeof nth === 'number' ? [nth] : nth
    if (numbers?.some((number) => number >= first && number < first + count) === false) return false
    this.hits += 1
    return true
  }
}

/** The types of the packets of a datagram, in order; what is no packet ends the list. */
export function packetTypesOf(bytes: Uint8Array): PacketTypeName[] {
  const header = new LongHeader()
  header.anyFixedBit = true
  const types: PacketTypeName[] = []
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] ?? 0
    // Zeros behind the last packet are padding of the datagram.
    if (first === 0 && bytes.subarray(at).every((byte) => byte === 0)) break
    if (!isLongHeader(first)) {
      types.push('1RTT')
      break
    }
    if (!header.parse(bytes, at, bytes.length) || header.type === undefined) break
    types.push(packetTypeName(header.type) as PacketTypeName)
    at = header.packetEnd
  }
  return types
}
