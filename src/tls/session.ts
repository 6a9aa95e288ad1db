/**
 * The boundary between TLS and QUIC: bytes and levels in, events out (RFC 9001 §4.1). TLS knows nothing of packets; the
 * transport parameters are bytes to it. Only types stand here: a client is made by `client-session.ts`, a server by
 * `server-session.ts`.
 *
 * The order of events is part of the contract. Everything that one message of the peer brings about comes out
 * together, or, if the message proves wrong, not at all.
 *
 * | when | client | server |
 * |---|---|---|
 * | at the start | `message` ClientHello, initial; with 0-RTT: `secret` early write | |
 * | HelloRetryRequest | with 0-RTT: `early-data`; `message` ClientHello, initial | `message` HelloRetryRequest, initial |
 * | hellos exchanged | `secret` handshake read, write | `peer-parameters`, `message` ServerHello, initial, `secret` handshake read, write, with 0-RTT accepted: `early-data`, `secret` early read, `message` EncryptedExtensions to Finished, handshake, `secret` application write |
 * | EncryptedExtensions | with 0-RTT: `early-data`; `peer-parameters` | |
 * | the peer's Finished | `message` up to Finished, handshake, `secret` application write, read, `complete` | `secret` application read, `complete`, `message` NewSessionTicket, application |
 * | NewSessionTicket | `ticket` | |
 *
 * What a consumer may rely on: a `secret` for writing a level stands before the first `message` of that level; the
 * `secret` for reading the application level is never seen before the peer's Finished has been verified, and `complete`
 * follows it at once, so that 1-RTT packets cannot be opened too early (RFC 9001 §5.7); the peer's parameters come
 * before `complete`, and are authenticated only by it (RFC 9001 §8.2). Between its own Finished and the client's a
 * server may write 1-RTT packets to a peer that it has not heard the end of. A client that tried 0-RTT hears once whether it
 * was accepted, before the server's parameters.
 */
import type { CipherSuite } from '../crypto/provider.ts'
import type { TlsAlert } from './alert.ts'
import type { Resumption } from './resumption.ts'

/** Encryption levels (RFC 9001 §2.1), by the numbers that `wire/` gives them. */
export const TlsLevel = { initial: 0, early: 1, handshake: 2, application: 4 } as const
export type TlsLevel = (typeof TlsLevel)[keyof typeof TlsLevel]

/** What the handshake agreed on. */
export interface TlsComplete {
  readonly type: 'complete'
  /** The application protocol (RFC 7301). */
  readonly alpn: string
  /** Whether the session goes on from an earlier one (RFC 8446 §2.2). */
  readonly resumed: boolean
  /** Whether 0-RTT data was accepted. */
  readonly earlyData: boolean
  /** The peer's certificates, DER, leaf first; empty if it showed none. */
  readonly peerCertificates: readonly Uint8Array[]
  /** Client: the name that was asked for. Server: the name in the client's SNI, in lower case. */
  readonly serverName: string | undefined
  /** The label of the external key that both sides know (RFC 8446 §2.2); `undefined`: they go on without one. */
  readonly pskIdentity: Uint8Array | undefined
  /** The NamedGroup of the key exchange; `undefined`: there was none, but a pre-shared key alone (RFC 8446 §4.2.9). */
  readonly group: number | undefined
  readonly suite: CipherSuite
}

/** What a session tells QUIC. */
export type TlsEvent =
  /** Handshake bytes for the CRYPTO stream of `level`. */
  | { readonly type: 'message'; readonly level: TlsLevel; readonly bytes: Uint8Array }
  /** A traffic secret. The array is the receiver's from now on, to wipe when its keys are made. */
  | {
      readonly type: 'secret'
      readonly level: TlsLevel
      readonly direction: 'read' | 'write'
      readonly secret: Uint8Array
      readonly suite: CipherSuite
    }
  /** The peer's `quic_transport_parameters` as they arrived; not authenticated before `complete`. */
  | { readonly type: 'peer-parameters'; readonly bytes: Uint8Array }
  | TlsComplete
  /**
   * Client: whether the server takes the 0-RTT data that was offered; once, if some was. Server: 0-RTT data is accepted, for
   * this application protocol; not there where it is refused.
   */
  | { readonly type: 'early-data'; readonly isAccepted: boolean; readonly alpn: string | undefined }
  /** A session ticket with what it takes to resume by it. Sessions that do not resume put out none. */
  | { readonly type: 'ticket'; readonly session: Resumption }
  /** The handshake failed while it was suspended. Nothing follows. */
  | { readonly type: 'failed'; readonly alert: TlsAlert }

/** One TLS session. Sans-IO and synchronous, but that public-key work may suspend it. */
export interface TlsSession {
  /**
   * Takes the next handshake bytes of a level, in the order of that level's CRYPTO stream, cut anywhere. They are
   * copied. While the session is suspended they are kept, within bounds. After a failure they are ignored.
   * @throws TlsAlert when the peer broke a rule; what the configuration's `parameters` throws passes through as it is.
   * The session is over then.
   */
  receive(level: TlsLevel, bytes: Uint8Array): void
  /** The next event, or `undefined`: none for now. */
  poll(): TlsEvent | undefined
  /** Called when a suspension ended: there is something to poll. Set once. */
  onProgress: () => void
  /**
   * Keying material bound to this session (RFC 8446 §7.5, RFC 5705).
   * @param label ASCII, at most 249 characters.
   * @param length in bytes, up to 255 times that of the hash.
   * @throws Error before `complete` and after `discard`; RangeError for a label or length that is too long.
   */
  exportKeyingMaterial(label: string, context: Uint8Array, length: number): Uint8Array
  /** Wipes all secrets: the connection is over. Work under way ends without a word. Harmless when repeated. */
  discard(): void
}
