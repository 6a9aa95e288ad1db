/** What the streams of one connection share: its windows, its pages, its turns, its events. `StreamSet` makes it. */
import type { Deque } from '../base/deque.ts'
import type { Duration, Time } from '../base/time.ts'
import type { PacketWriter } from '../wire/packet-content.ts'
import type { ConnectionCredit } from './connection-credit.ts'
import type { StreamDeadlines } from './deadlines.ts'
import type { StreamEvent } from './events.ts'
import type { PagePool } from './paged-buffer.ts'
import type { Scheduler } from './scheduler.ts'
import type { SendBudget } from './send-budget.ts'
import type { SendStream } from './send-stream.ts'
import type { Stream } from './stream.ts'

/** A half of a stream that has control frames to send. */
export interface ControlSource {
  /** Of its stream. */
  readonly id: number
  /** Whether it stands in the queue of {@link StreamContext}. */
  controlQueued: boolean
  /** Writes what it has to say; `false`: there was too little room, it wants to be asked again. */
  writeControlFrames(packet: PacketWriter, now: Time): boolean
}

/** The surroundings of a stream. */
export interface StreamContext {
  /** Credit for the connection (RFC 9000 §4.1), beside that of each stream. */
  readonly credit: ConnectionCredit
  readonly pages: PagePool
  /** Bytes accepted from the application and not sent yet. */
  readonly budget: SendBudget
  /** Streams with something to send that takes no credit: lost bytes, the end alone. */
  readonly repairs: Scheduler<SendStream>
  /** Streams with new bytes and credit of their own. */
  readonly fresh: Scheduler<SendStream>
  /** Halves of streams with control frames. */
  readonly control: Deque<ControlSource>
  readonly deadlines: StreamDeadlines<Stream>
  /** Streams of which nothing may be sent for now: the peer, which let them be opened by 0-RTT, allows fewer after all. */
  held: ReadonlySet<number> | undefined
  /** The peer takes RESET_STREAM_AT (its transport parameter reset_stream_at). */
  canResetAt: boolean
  readonly emit: (event: StreamEvent) => void
  /** The smoothed round trip of the path in use. */
  readonly rtt: () => Duration
  /** Both halves of `stream` have ended. */
  retire(stream: Stream): void
}

/** Puts `source` into the queue of those with control frames, once. */
export function queueControl(context: StreamContext, source: ControlSource): void {
  if (source.controlQueued || context.held?.has(source.id)) return
  source.controlQueued = true
  context.control.push(source)
}
