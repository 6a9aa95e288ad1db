/**
 * 0-RTT packets that came before the Initial packet of their connection (RFC 9000 §5.2.2): a few are kept, whoever they are
 * from, since networks reorder; the newest drive the oldest out.
 */
import { copyBytes } from '../base/bytes.ts'
import { Deque } from '../base/deque.ts'
import type { Ecn } from '../transport.ts'
import type { WaitingDatagram } from './incoming-connection.ts'

/** Datagrams of all connections together. */
const MOST = 32

/** Longer ones are not kept: those of a handshake are not. */
const MAX_SIZE = 1500

/** The packets of one endpoint. */
export class OvertakenPackets {
  readonly #waiting = new Deque<WaitingDatagram & { readonly key: string }>()

  /** Keeps a copy. `key` names the connection. */
  add(key: string, bytes: Uint8Array, ecn: Ecn): void {
    if (bytes.length > MAX_SIZE) return
    if (this.#waiting.length === MOST) this.#waiting.shift()
    this.#waiting.push({ key, bytes: copyBytes(bytes), ecn })
  }

  /** Removes and returns those of a connection, in the order of their arrival. */
  take(key: string): readonly WaitingDatagram[] {
    const found: WaitingDatagram[] = []
    for (let left = this.#waiting.length; left > 0; left--) {
      const packet = this.#waiting.shift()
      if (packet === undefined) break
      if (packet.key === key) found.push(packet)
      else this.#waiting.push(packet)
    }
    return found
  }
}
