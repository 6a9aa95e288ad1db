/** What the streams of a connection have to tell the application. Facts, queued; nobody is called. */
import type { StreamDirection } from '../wire/stream-id.ts'
import type { DeadlineAction } from './deadlines.ts'
import type { Stream } from './stream.ts'

/**
 * - `stream-opened`: by the peer. Streams of one kind come in the order of their ids.
 * - `stream-readable`: bytes, or the end, can be read. Told once until `read` has returned all there is.
 * - `stream-writable`: there is room again after a `write` that took less than it was given. Told once for each such write.
 * - `stream-stopped`: the peer wants no more (STOP_SENDING); the sending half was reset with the same code.
 * - `stream-reset`: the peer gave up its sending half (RESET_STREAM); what was not read is gone.
 * - `stream-send-finished`: all bytes and the end, or the reset, are acknowledged.
 * - `stream-deadline`: it has passed; unless the action is `notify`, both halves were given up with `code`.
 * - `streams-available`: `open`, which returned nothing before, would succeed now.
 *
 * A stream may have left its set by the time its event is read: the event's object stays good.
 */
export type StreamEvent =
  | { readonly type: 'stream-opened'; readonly stream: Stream }
  | { readonly type: 'stream-readable'; readonly stream: Stream }
  | { readonly type: 'stream-writable'; readonly stream: Stream }
  | { readonly type: 'stream-stopped'; readonly stream: Stream; readonly code: bigint }
  | { readonly type: 'stream-reset'; readonly stream: Stream; readonly code: bigint }
  | { readonly type: 'stream-send-finished'; readonly stream: Stream }
  | {
      readonly type: 'stream-deadline'
      readonly stream: Stream
      readonly action: DeadlineAction
      readonly code: bigint
    }
  | { readonly type: 'streams-available'; readonly direction: StreamDirection }
