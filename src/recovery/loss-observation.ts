/** What an observer is told of a packet that is declared lost. */
import type { Time } from '../base/time.ts'
import type { LossTrigger, Observer } from '../wire/observer.ts'
import type { SentPacket } from './sent-packets.ts'

/** Tells `observer` of a loss; the frames are copies, and the observer's to keep. */
export function observeLoss(observer: Observer, packet: SentPacket, trigger: LossTrigger, now: Time): void {
  observer.packetLost?.(
    {
      space: packet.space,
      packetNumber: packet.number,
      path: packet.path?.id ?? 0,
      frames: packet.copyFrames(),
      isMtuProbe: packet.isMtuProbe,
      trigger,
    },
    now,
  )
}
