/** The server's states while the client shows who it is: Certificate and CertificateVerify (RFC 8446 §4.4.2, §4.4.3). */
import type { Eventually } from '../crypto/eventually.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { type CertificateRequestFields, decodeCertificate, requestedExtensions } from './certificate-messages.ts'
import { HandshakeType } from './code-points.ts'
import type { ClientCertificatePolicy } from './config.ts'
import { checkAnswers } from './extensions.ts'
import { type HandshakeMessage, unexpectedMessage } from './message.ts'
import { authenticatePeer } from './peer-authentication.ts'
import { type ServerAgreement, WaitClientFinished } from './server-finish-states.ts'
import { TlsLevel } from './session.ts'
import type { State } from './state.ts'

/** What a server that asked for a certificate knows. */
export interface ServerRequest extends ServerAgreement {
  readonly policy: ClientCertificatePolicy
  readonly request: CertificateRequestFields
}

/** The client's Certificate is awaited, which may be empty. */
export class WaitClientCertificate implements State {
  readonly readLevel: TlsLevel = TlsLevel.handshake
  readonly #asked: ServerRequest

  constructor(asked: ServerRequest) {
    this.#asked = asked
  }

  handle(message: HandshakeMessage): State {
    if (message.type !== HandshakeType.certificate) throw unexpectedMessage(message, 'Certificate')
    const { context, policy, request } = this.#asked
    const shown = decodeCertificate(message.body)
    // RFC 8446 §4.4.2: the context of our request, which is empty.
    if (shown.context.length > 0) {
      throw new TlsAlert(AlertDescription.illegalParameter, 'Certificate has the context of another request')
    }
    const requested = requestedExtensions(request)
    for (const { extensions } of shown.entries) checkAnswers(extensions, requested, [], 'Certificate')
    if (shown.entries.length === 0 && policy.isRequired) {
      throw new TlsAlert(AlertDescription.certificateRequired, 'The client showed no certificate')
    }
    context.transcript.add(message.bytes)
    if (shown.entries.length === 0) return new WaitClientFinished(this.#asked)
    const peerCertificates = shown.entries.map(({ certificate }) => certificate.slice())
    return new WaitClientCertificateVerify({ ...this.#asked, peerCertificates })
  }
}

/** The client's proof that the certificate is its own is awaited; then the chain is judged. */
class WaitClientCertificateVerify implements State {
  readonly readLevel: TlsLevel = TlsLevel.handshake
  readonly #shown: ServerRequest

  constructor(shown: ServerRequest) {
    this.#shown = shown
  }

  handle(message: HandshakeMessage): Eventually<State> {
    const shown = this.#shown
    const { config, context, peerCertificates: chain, policy, request } = shown
    const { schemes } = request
    return authenticatePeer(
      { role: 'client', config, context, chain, schemes, verifier: policy.verifier, name: undefined },
      message,
      () => new WaitClientFinished(shown),
    )
  }
}
