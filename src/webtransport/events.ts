/** What WebTransport has to tell the application, and how a session ends. Facts, queued; nobody is called. */
import type { CloseReason } from '../connection/events.ts'
import type { DeadlineAction } from '../streams/deadlines.ts'
import type { StreamDirection } from '../wire/stream-id.ts'
import type { Session } from './session.ts'
import type { SessionStream } from './session-streams.ts'

/** Why a session is over. `side` says who ended it. */
export type SessionEnd =
  /** WT_CLOSE_SESSION, or the end of the CONNECT stream without one, which stands for code 0 and no reason (§6). */
  | { readonly kind: 'closed'; readonly side: 'local' | 'remote'; readonly code: number; readonly reason: string }
  /** It was answered by another status than 2xx; `side` is the server's. */
  | { readonly kind: 'rejected'; readonly side: 'local' | 'remote'; readonly status: number }
  /** The CONNECT stream was given up, with a code of HTTP/3: by the peer, or by us since the peer broke a rule or we had to. */
  | { readonly kind: 'reset'; readonly side: 'local' | 'remote'; readonly code: bigint; readonly reason: string }
  /** Client: there was never a CONNECT request, since the connection cannot have another session. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** The connection is over. */
  | { readonly kind: 'connection'; readonly reason: CloseReason }

/**
 * - `negotiated`: the peer's SETTINGS have come, so `draft` is known.
 * - `request`: a client asks for a session: `accept` or `reject` it, now or later. It may end before.
 * - `opened`: client: the server has accepted.
 * - `stream`: the peer has opened one; only while the session is open.
 * - `streams-available`: `openStream`, which returned nothing before, may succeed now.
 * - `stream-readable`, `stream-writable`, `stream-send-finished`, `stream-deadline`: as of streams without sessions.
 * - `stream-reset`, `stream-stopped`: the peer gave its half up, or wants no more of ours. `code` is the application's; it is
 *   `undefined` where `httpCode` stands for none.
 * - `datagram-readable`: told once until `readDatagram` has returned nothing. `datagram-writable`: there is room, as was wanted.
 * - `draining`: the other side wants the session to end soon: WT_DRAIN_SESSION or GOAWAY (§4.7).
 * - `closed`: it is over, and its streams with it; of these no event comes any more. Exactly once for each session.
 * - `settled`: after `closed`: the CONNECT stream is over on both sides, so that the other side knows.
 * - `idle`: no session is left that has not settled.
 */
export type SessionEvent =
  | { readonly type: 'negotiated' | 'idle' }
  | { readonly type: 'request' | 'opened' | 'draining' | 'settled'; readonly session: Session }
  | { readonly type: 'datagram-readable' | 'datagram-writable'; readonly session: Session }
  | { readonly type: 'closed'; readonly session: Session; readonly end: SessionEnd }
  | { readonly type: 'streams-available'; readonly session: Session; readonly direction: StreamDirection }
  | {
      readonly type: 'stream' | 'stream-readable' | 'stream-writable' | 'stream-send-finished'
      readonly session: Session
      readonly stream: SessionStream
    }
  | {
      readonly type: 'stream-reset' | 'stream-stopped'
      readonly session: Session
      readonly stream: SessionStream
      readonly code: number | undefined
      readonly httpCode: bigint
    }
  | {
      readonly type: 'stream-deadline'
      readonly session: Session
      readonly stream: SessionStream
      readonly action: DeadlineAction
      readonly code: bigint
    }
