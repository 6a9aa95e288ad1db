/** What HTTP/3 has to tell the application. Facts, queued; nobody is called. */
import type { StreamEvent } from '../streams/events.ts'
import type { Stream } from '../streams/stream.ts'
import type { RequestHead, ResponseHead } from './message.ts'
import type { RequestStream } from './request-stream.ts'
import type { Settings } from './settings.ts'

/**
 * - `settings`: the peer's have come.
 * - `request`: a client asks for something; its content, if any, follows.
 * - `informational`, `response`: a server answers, at first perhaps with interim responses.
 * - `body`: `readBody` would return bytes or the end. Told once until it has returned 0 or -1.
 * - `writable`: there is room again after a `writeBody` that took less than it was given.
 * - `stopped`: the peer wants no more of what we send; our half was reset with the same code (RFC 9114 §4.1.1).
 * - `failed`: nothing more will be read. `remote`: the peer gave it up with `code`; `local`: what it sent was wrong, and we did.
 * - `sent`: all that we sent is acknowledged.
 * - `datagram`: `readDatagram` would return something. Told once until it has returned nothing.
 * - `ended`: both halves are over; the stream is forgotten here.
 * - `requests-available`: `request`, which returned nothing before, may succeed now.
 * - `going-away`: a server takes no more requests, and has not processed those from `lastId` on (RFC 9114 §5.2): each of them
 *   that was under way `failed` with H3_REQUEST_REJECTED. Or a client takes no more pushes, of which there are none.
 * - `session-stream`: the peer opened a stream of a WebTransport session; its header is read.
 * - `session-stream-event`: what happens to a stream of a session, ours too.
 */
export type Http3Event =
  | { readonly type: 'settings'; readonly settings: Settings }
  | { readonly type: 'request'; readonly stream: RequestStream; readonly head: RequestHead }
  | { readonly type: 'informational' | 'response'; readonly stream: RequestStream; readonly head: ResponseHead }
  | { readonly type: 'body' | 'writable' | 'sent' | 'datagram' | 'ended'; readonly stream: RequestStream }
  | { readonly type: 'stopped'; readonly stream: RequestStream; readonly code: bigint }
  | {
      readonly type: 'failed'
      readonly stream: RequestStream
      readonly side: 'local' | 'remote'
      readonly code: bigint
      readonly reason: string
    }
  | { readonly type: 'requests-available' }
  | { readonly type: 'going-away'; readonly lastId: number }
  | { readonly type: 'session-stream'; readonly sessionId: number; readonly stream: Stream }
  | { readonly type: 'session-stream-event'; readonly sessionId: number; readonly event: StreamEvent }
