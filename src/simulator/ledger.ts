/** Proves that no packet number is used twice under one key: a nonce is made of it (RFC 9000 §12.3, RFC 9001 §5.3). */
import type { ObserverFactory } from '../wire/observer.ts'
import { type ProtectedPacketType, packetTypeName, spaceOf } from '../wire/packet-type.ts'
import { extended } from './extended-observer.ts'

/** Watches the numbers of sent packets. */
export class PacketNumberLedger {
  /** What was found; an observer must not throw. */
  #fault: string | undefined

  /** @throws Error where a number was used twice */
  checkInvariants(): void {
    if (this.#fault !== undefined) throw new Error(this.#fault)
  }

  /** Observers that watch, and hand everything on to those of `inner`. */
  observe(inner?: ObserverFactory): ObserverFactory {
    return (originalDestination, role) => {
      const next = inner?.(originalDestination, role)
      const observer = extended(next)
      /** By packet number space. */
      const largest: [number, number, number] = [-1, -1, -1]
      observer.packetSent = (packet, frames, padding, now) => {
        next?.packetSent?.(packet, frames, padding, now)
        if (packet.packetNumber < 0) return
        const space = spaceOf(packet.type as ProtectedPacketType)
        if (packet.packetNumber <= largest[space]) {
          const name = packetTypeName(packet.type)
          this.#fault ??= `The ${role} used the number ${packet.packetNumber} of a packet of type ${name} before`
        }
        largest[space] = packet.packetNumber
      }
      return observer
    }
  }
}
