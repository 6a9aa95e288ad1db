/** Whether the peer is who its certificates say: CertificateVerify, then the chain (RFC 8446 §4.4.2.4, §4.4.3), for both roles. */
import type { Eventually } from '../crypto/eventually.ts'
import { CertificateError } from '../x509/certificate-error.ts'
import { recallCertificate } from '../x509/certificate-memory.ts'
import type { CertificateVerifier } from '../x509/certificate-verifier.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { decodeCertificateVerify, signedContent } from './certificate-messages.ts'
import { HandshakeType } from './code-points.ts'
import type { TlsConfig } from './config.ts'
import type { HandshakeContext } from './context.ts'
import { type HandshakeMessage, unexpectedMessage } from './message.ts'
import { keyFitsScheme } from './signature-schemes.ts'
import { whenDone } from './work.ts'

/** What a peer has shown, and how it is judged. */
export interface ShownCertificates {
  /** Which side the peer is. */
  readonly role: 'client' | 'server'
  readonly config: TlsConfig
  readonly context: HandshakeContext
  /** DER, leaf first; at least one. */
  readonly chain: readonly Uint8Array[]
  /** The schemes that the peer was offered for its CertificateVerify. */
  readonly schemes: readonly number[]
  readonly verifier: CertificateVerifier
  /** The name that a server must have. */
  readonly name: string | undefined
}

/**
 * Takes the peer's CertificateVerify: its proof that the certificate is its own. Then the chain is judged; if all is well the
 * message goes into the transcript, and `next` leads on.
 * @throws TlsAlert (or rejects) illegal_parameter, decrypt_error, what the verifier of certificates says, certificate_unknown.
 */
export function authenticatePeer<T>(shown: ShownCertificates, message: HandshakeMessage, next: () => T): Eventually<T> {
  if (message.type !== HandshakeType.certificateVerify) throw unexpectedMessage(message, 'CertificateVerify')
  const { scheme, signature } = decodeCertificateVerify(message.body)
  return whenDone(
    () => verifySignature(shown, scheme, signature),
    (isValid) => {
      if (!isValid) {
        throw new TlsAlert(AlertDescription.decryptError, 'The signature of CertificateVerify does not match')
      }
      return whenDone(
        () => shown.verifier.verify(shown.chain, shown.name, shown.role, shown.config.wallClock()),
        () => {
          shown.context.transcript.add(message.bytes)
          return next()
        },
        (reason) => certificateAlert(reason, shown.role),
      )
    },
    (cause) => new TlsAlert(AlertDescription.internalError, 'The signature could not be verified', { cause }),
  )
}

function verifySignature(shown: ShownCertificates, scheme: number, signature: Uint8Array): Eventually<boolean> {
  const { chain, config, context, role, schemes } = shown
  const verifier = config.crypto.verifiers.find((candidate) => candidate.scheme === scheme)
  // RFC 8446 §4.4.3: one that was offered for it, and of the kind of the key.
  if (verifier === undefined || !schemes.includes(scheme)) {
    throw new TlsAlert(AlertDescription.illegalParameter, `CertificateVerify uses scheme ${scheme}, not offered`)
  }
  const spki = leafKey(chain, role)
  if (!keyFitsScheme(spki, scheme)) {
    throw new TlsAlert(AlertDescription.illegalParameter, `Scheme ${scheme} does not fit the key of the certificate`)
  }
  return verifier.verify(spki, signedContent(role, context.transcript.digest()), signature)
}

/** The public key of the first certificate. */
function leafKey(chain: readonly Uint8Array[], role: 'client' | 'server'): Uint8Array {
  const [leaf] = chain
  if (leaf === undefined) throw new TlsAlert(AlertDescription.decodeError, 'There is no certificate')
  try {
    return recallCertificate(leaf).spki
  } catch (reason) {
    throw certificateAlert(reason, role)
  }
}

/** RFC 8446 §6.2: what was wrong with a certificate, as an alert. */
function certificateAlert(reason: unknown, role: 'client' | 'server'): TlsAlert {
  if (reason instanceof CertificateError)
    return new TlsAlert(reason.alert, `The ${role} is not authenticated: ${reason.message}`, { cause: reason })
  return new TlsAlert(AlertDescription.certificateUnknown, 'The certificate was not accepted', { cause: reason })
}
