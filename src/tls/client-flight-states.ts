/** The client's states while the server's flight arrives, from EncryptedExtensions to CertificateVerify (RFC 8446 §A.1). */
import { decodeUtf8, equalBytes } from '../base/bytes.ts'
import type { Eventually } from '../crypto/eventually.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { type CertificateRequest, decodeCertificate, decodeCertificateRequest } from './certificate-messages.ts'
import { WaitFinished } from './client-finish-states.ts'
import type { ClientAgreement, ClientFlight, ClientKeys } from './client-progress.ts'
import { checkEarlyDataAcceptance } from './client-psk.ts'
import { ExtensionType, HandshakeType } from './code-points.ts'
import { checkAnswers, decodeAlpn, decodeCodePoints, type Extensions } from './extensions.ts'
import { type HandshakeMessage, unexpectedMessage } from './message.ts'
import { authenticatePeer } from './peer-authentication.ts'
import { checkEarlyDataIndication } from './psk-extensions.ts'
import { decodeEncryptedExtensions } from './server-hello.ts'
import { TlsLevel } from './session.ts'
import type { State } from './state.ts'

/** EncryptedExtensions are awaited. */
export class WaitEncryptedExtensions implements State {
  readonly readLevel: TlsLevel = TlsLevel.handshake
  readonly #keys: ClientKeys

  constructor(keys: ClientKeys) {
    this.#keys = keys
  }

  handle(message: HandshakeMessage): State {
    if (message.type !== HandshakeType.encryptedExtensions) throw unexpectedMessage(message, 'EncryptedExtensions')
    const { context, offered } = this.#keys
    const extensions = decodeEncryptedExtensions(message.body)
    const {
      alpn: alpnType,
      earlyData: earlyDataType,
      quicTransportParameters,
      serverName,
      supportedGroups,
    } = ExtensionType
    const allowed = [alpnType, earlyDataType, quicTransportParameters, serverName, supportedGroups]
    checkAnswers(extensions, offered, allowed, 'EncryptedExtensions')
    const groups = extensions.get(supportedGroups)
    // RFC 8446 §4.2.7: for later connections at most; only its form is looked at.
    if (groups !== undefined) decodeCodePoints(groups, 'supported_groups')
    if ((extensions.get(serverName)?.length ?? 0) > 0) {
      throw new TlsAlert(AlertDescription.decodeError, 'The acknowledgement of server_name is not empty')
    }
    const alpn = this.#checkAlpn(extensions)
    const parameters = extensions.get(quicTransportParameters)
    if (parameters === undefined) {
      // RFC 9001 §8.2: without them there is no QUIC.
      throw new TlsAlert(AlertDescription.missingExtension, 'EncryptedExtensions have no quic_transport_parameters')
    }
    const earlyData = this.#checkEarlyData(extensions.get(earlyDataType), alpn)
    context.transcript.add(message.bytes)
    if (this.#keys.fields.hasEarlyData) context.emit({ type: 'early-data', isAccepted: earlyData, alpn })
    context.emit({ type: 'peer-parameters', bytes: parameters.slice() })
    const agreement = { ...this.#keys, alpn, earlyData }
    if (agreement.psk === undefined) return new WaitCertificateOrRequest(agreement)
    // RFC 8446 §2.2: who knows the key need show no certificate, nor may it ask for one.
    return new WaitFinished({ ...agreement, chain: [], request: undefined })
  }

  /** Whether early data is accepted, which only that of the first key can be (RFC 8446 §4.2.11). */
  #checkEarlyData(body: Uint8Array | undefined, alpn: string): boolean {
    if (body === undefined) return false
    checkEarlyDataIndication(body)
    const { psk, psks, suite } = this.#keys
    checkEarlyDataAcceptance(psk, psks[0], suite, alpn)
    return true
  }

  /** RFC 7301 §3.1: one name, of those offered; RFC 9001 §8.1: anything else is no_application_protocol. */
  #checkAlpn(extensions: Extensions): string {
    const body = extensions.get(ExtensionType.alpn)
    if (body === undefined) {
      throw new TlsAlert(AlertDescription.noApplicationProtocol, 'The server chose no application protocol')
    }
    const names = decodeAlpn(body)
    const [name] = names
    if (name === undefined || names.length !== 1) {
      throw new TlsAlert(AlertDescription.decodeError, `The server chose ${names.length} application protocols`)
    }
    const { alpn } = this.#keys.fields
    const chosen = alpn.findIndex((offered) => equalBytes(offered, name))
    const text = this.#keys.config.alpn[chosen]
    if (text === undefined) {
      throw new TlsAlert(AlertDescription.noApplicationProtocol, `The server chose ${decodeUtf8(name)}, not offered`)
    }
    return text
  }
}

/** The server's Certificate is awaited; before it a CertificateRequest may come. */
export class WaitCertificateOrRequest implements State {
  readonly readLevel: TlsLevel = TlsLevel.handshake
  readonly #agreement: ClientAgreement

  constructor(agreement: ClientAgreement) {
    this.#agreement = agreement
  }

  handle(message: HandshakeMessage): State {
    if (message.type !== HandshakeType.certificateRequest) {
      return new WaitCertificate(this.#agreement, undefined).handle(message)
    }
    const request = decodeCertificateRequest(message.body)
    // RFC 8446 §4.3.2: a context belongs to requests after the handshake.
    if (request.context.length > 0) {
      throw new TlsAlert(AlertDescription.illegalParameter, 'CertificateRequest has a context')
    }
    this.#agreement.context.transcript.add(message.bytes)
    return new WaitCertificate(this.#agreement, request)
  }
}

/** The server's Certificate is awaited. */
class WaitCertificate implements State {
  readonly readLevel: TlsLevel = TlsLevel.handshake
  readonly #agreement: ClientAgreement
  readonly #request: CertificateRequest | undefined

  constructor(agreement: ClientAgreement, request: CertificateRequest | undefined) {
    this.#agreement = agreement
    this.#request = request
  }

  handle(message: HandshakeMessage): State {
    if (message.type !== HandshakeType.certificate) throw unexpectedMessage(message, 'Certificate')
    const { context, entries } = decodeCertificate(message.body)
    if (context.length > 0) throw new TlsAlert(AlertDescription.illegalParameter, 'Certificate has a context')
    // RFC 8446 §4.4.2.4.
    if (entries.length === 0) throw new TlsAlert(AlertDescription.decodeError, 'The server showed no certificate')
    for (const { extensions } of entries) checkAnswers(extensions, this.#agreement.offered, [], 'Certificate')
    this.#agreement.context.transcript.add(message.bytes)
    const chain = entries.map(({ certificate }) => certificate.slice())
    return new WaitCertificateVerify({ ...this.#agreement, chain, request: this.#request })
  }
}

/** The server's proof that the certificate is its own is awaited; then the chain is judged. */
class WaitCertificateVerify implements State {
  readonly readLevel: TlsLevel = TlsLevel.handshake
  readonly #flight: ClientFlight

  constructor(flight: ClientFlight) {
    this.#flight = flight
  }

  handle(message: HandshakeMessage): Eventually<State> {
    const flight = this.#flight
    const { chain, config, context, fields } = flight
    const { serverName: name, verifier } = config
    return authenticatePeer(
      { role: 'server', config, context, chain, schemes: fields.schemes, verifier, name },
      message,
      () => new WaitFinished(flight),
    )
  }
}
