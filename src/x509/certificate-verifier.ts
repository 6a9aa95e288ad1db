/** The question that TLS asks about a peer's chain, and the answer of those who do not want to know. */
import type { Eventually } from '../crypto/eventually.ts'

/** Judges the certificates of a peer. */
export interface CertificateVerifier {
  /**
   * Returns (or fulfils) if the peer may be believed; the signature of its CertificateVerify is checked by TLS.
   *
   * @param chain DER certificates as they came, the peer's own first, the others in any order (RFC 8446 §4.4.2).
   * @param name the host name or IP literal that the peer must be; for a server it is needed, for a client it is not used.
   * @param role which side the peer is.
   * @param wallClock Unix milliseconds.
   * @throws CertificateError (or rejects with it) naming the check that failed.
   */
  verify(
    chain: readonly Uint8Array[],
    name: string | undefined,
    role: 'server' | 'client',
    wallClock: number,
  ): Eventually<void>
}

/** Believes everybody. Whoever answers on the path to the peer can read and change all that is sent. */
export const insecureVerifier: CertificateVerifier = {
  verify(): void {},
}
