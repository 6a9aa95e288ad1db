/** The client's answer to a CertificateRequest: who it is, and the proof (RFC 8446 §4.4.2, §4.4.3). */
import { concat } from '../base/bytes.ts'
import type { Eventually } from '../crypto/eventually.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import {
  type CertificateRequest,
  encodeCertificate,
  encodeCertificateVerify,
  signedContent,
} from './certificate-messages.ts'
import type { ClientFlight } from './client-progress.ts'
import type { Identity } from './config.ts'
import { isHandshakeScheme } from './signature-schemes.ts'
import { whenDone } from './work.ts'

/** Certificate and, unless that is empty, CertificateVerify: written, and in the transcript. */
export function authenticateClient(flight: ClientFlight, request: CertificateRequest): Eventually<Uint8Array> {
  const { schemes, certificateSchemes, authorities } = request
  return whenDone(
    () => flight.config.selectIdentity?.({ schemes, certificateSchemes, authorities }),
    (identity) => prove(flight, request, identity),
    (cause) => new TlsAlert(AlertDescription.internalError, 'No identity could be selected', { cause }),
  )
}

function prove(
  { context }: ClientFlight,
  request: CertificateRequest,
  identity: Identity | undefined,
): Eventually<Uint8Array> {
  const { transcript } = context
  const signer = identity?.signer
  const scheme = signer?.schemes.find(
    (candidate) => isHandshakeScheme(candidate) && request.schemes.includes(candidate),
  )
  // RFC 8446 §4.4.2: without a fitting certificate an empty list; the server decides whether it goes on.
  const canSign = signer !== undefined && scheme !== undefined
  const certificate = encodeCertificate(canSign ? (identity?.chain ?? []) : [], request.context)
  transcript.add(certificate)
  if (!canSign || identity?.chain.length === 0) return certificate
  return whenDone(
    () => signer.sign(scheme, signedContent('client', transcript.digest())),
    (signature) => {
      const proof = encodeCertificateVerify(scheme, signature)
      transcript.add(proof)
      return concat(certificate, proof)
    },
    (cause) => new TlsAlert(AlertDescription.internalError, 'The handshake could not be signed', { cause }),
  )
}
