/** What a client knows, growing from state to state. */
import type { CipherSuite, KeyShare } from '../crypto/provider.ts'
import type { CertificateRequest } from './certificate-messages.ts'
import type { ClientHelloFields } from './client-hello.ts'
import type { ClientPsk } from './client-psk.ts'
import type { TlsClientConfig } from './config.ts'
import type { HandshakeContext } from './context.ts'
import type { KeySchedule, TrafficSecrets } from './key-schedule.ts'

/** One share of ours that waits for the server's. */
export interface PendingShare {
  readonly group: number
  readonly share: KeyShare
}

/** What the client has said, and what it keeps to itself of it. */
export interface ClientOffer {
  readonly config: TlsClientConfig
  readonly context: HandshakeContext
  readonly fields: ClientHelloFields
  /** The shares in `fields.keyShares`. */
  readonly shares: readonly PendingShare[]
  /** The keys in `fields.psks`. */
  readonly psks: readonly ClientPsk[]
  /** Extension types that the server may answer. */
  readonly offered: ReadonlySet<number>
}

/** What is settled once the hellos are exchanged. */
export interface ClientKeys extends ClientOffer {
  readonly suite: CipherSuite
  /** The NamedGroup of the key exchange, if there was one. */
  readonly group: number | undefined
  /** The key that the server has selected. */
  readonly psk: ClientPsk | undefined
  readonly schedule: KeySchedule
  /** Handshake traffic secrets, kept by the context. */
  readonly secrets: TrafficSecrets
}

/** And once EncryptedExtensions are read. */
export interface ClientAgreement extends ClientKeys {
  readonly alpn: string
  /** Whether the server takes 0-RTT data. */
  readonly earlyData: boolean
}

/** And once the server's certificates are there. */
export interface ClientFlight extends ClientAgreement {
  /** DER, leaf first; empty with a pre-shared key. */
  readonly chain: readonly Uint8Array[]
  /** The server's wish for a certificate of ours, if it has it. */
  readonly request: CertificateRequest | undefined
}
