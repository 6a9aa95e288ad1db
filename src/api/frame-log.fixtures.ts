/** The frames that a connection sends and receives, as its observer sees them. */
import type { Frame } from '../wire/frame.ts'
import { FrameType } from '../wire/frame.ts'
import type { ObserverFactory } from '../wire/observer.ts'

type FrameOf<K extends keyof typeof FrameType> = Extract<Frame, { readonly type: (typeof FrameType)[K] }>

/** A log to be given as the option `observer`. */
export class FrameLog {
  readonly sent: Frame[] = []
  readonly received: Frame[] = []
  readonly observer: ObserverFactory = () => ({
    packetSent: (_packet, frames) => this.sent.push(...frames.map(copy)),
    packetReceived: (_packet, frames) => this.received.push(...frames.map(copy)),
  })

  /** The sent frames of one type. */
  of<K extends keyof typeof FrameType>(name: K): FrameOf<K>[] {
    return this.sent.filter((frame): frame is FrameOf<K> => frame.type === FrameType[name])
  }

  /** Forgets what was sent and received so far. */
  clear(): void {
    this.sent.length = 0
    this.received.length = 0
  }
}

/** Frame objects are used again by the connection. */
function copy(frame: Frame): Frame {
  return { ...frame }
}
