/** The handshake of a client, with the certificate that it may have to show read. */
import { andThen, type Eventually, isPending } from '../crypto/eventually.ts'
import type { PublicKeyProvider } from '../crypto/provider.ts'
import { AlertDescription } from '../tls/alert.ts'
import type { TlsClientConfig } from '../tls/config.ts'
import { cryptoError } from '../wire/transport-error.ts'
import type { ClientCertificates } from './client-identity.ts'
import { QuicTlsError } from './errors.ts'
import type { Handshake } from './handshake.ts'

/** Code and identity at hand. */
export interface PreparedHandshake {
  readonly handshake: Handshake
  readonly selectIdentity: TlsClientConfig['selectIdentity']
}

/**
 * Loads the code, and reads `certificate`.
 * @throws TypeError, CertificateError for a certificate or key that can be seen at once to be none; what takes a promise to be
 * seen rejects with a `QuicTlsError` with such a cause.
 */
export function prepareHandshake(
  load: () => Eventually<Handshake>,
  certificate: ClientCertificates | undefined,
  crypto: PublicKeyProvider,
): Eventually<PreparedHandshake> {
  const prepared = andThen(load(), (handshake): Eventually<PreparedHandshake> => {
    if (certificate === undefined) return { handshake, selectIdentity: undefined }
    return andThen(
      handshake.createSelector(certificate, crypto),
      (selectIdentity): PreparedHandshake => ({ handshake, selectIdentity }),
      (cause) => {
        throw identityError(cause)
      },
    )
  })
  // An attempt that was given up does not ask.
  if (isPending(prepared)) prepared.then(undefined, () => {})
  return prepared
}

function identityError(cause: unknown): QuicTlsError {
  const alert = AlertDescription.internalError
  const words = cause instanceof Error ? cause.message : String(cause)
  return new QuicTlsError(`The certificate of the client cannot be used: ${words}`, alert, cryptoError(alert), 0n, {
    side: 'local',
    cause,
  })
}
