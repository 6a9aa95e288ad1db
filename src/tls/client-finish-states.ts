/** The client's last states: the server's Finished, our own flight, and what may come afterwards (RFC 8446 §4.4.4, §4.6). */
import { concat } from '../base/bytes.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { encodeCertificate } from './certificate-messages.ts'
import type { ClientFlight } from './client-progress.ts'
import { HandshakeType } from './code-points.ts'
import { checkFinished, encodeFinished } from './finished-message.ts'
import { finishedVerifyData } from './key-schedule.ts'
import { type HandshakeMessage, unexpectedMessage } from './message.ts'
import { TlsLevel } from './session.ts'
import type { State } from './state.ts'
import { decodeNewSessionTicket } from './ticket-message.ts'

/** The server's Finished is awaited; our flight answers it. */
export class WaitFinished implements State {
  readonly readLevel: TlsLevel = TlsLevel.handshake
  readonly #flight: ClientFlight

  constructor(flight: ClientFlight) {
    this.#flight = flight
  }

  handle(message: HandshakeMessage): State {
    if (message.type !== HandshakeType.finished) throw unexpectedMessage(message, 'Finished')
    const { config, context, fields, schedule, secrets, suite } = this.#flight
    const { transcript } = context
    checkFinished(message, finishedVerifyData(suite.hash, secrets.server, transcript.digest()))
    transcript.add(message.bytes)
    const application = schedule.enterApplication(transcript.digest())
    context.openExporter(suite, context.keep(application.exporter))
    context.log('CLIENT_TRAFFIC_SECRET_0', fields.random, application.client)
    context.log('SERVER_TRAFFIC_SECRET_0', fields.random, application.server)
    context.log('EXPORTER_SECRET', fields.random, application.exporter)
    context.emit({ type: 'message', level: TlsLevel.handshake, bytes: this.#answer() })
    context.wipe(secrets.client)
    context.wipe(secrets.server)
    context.emitSecret(TlsLevel.application, 'write', application.client, suite)
    context.emitSecret(TlsLevel.application, 'read', application.server, suite)
    application.client.fill(0)
    application.server.fill(0)
    const { alpn, chain, group } = this.#flight
    context.emit({
      type: 'complete',
      alpn,
      resumed: false,
      earlyData: false,
      peerCertificates: chain,
      serverName: config.serverName,
      group,
      suite,
    })
    return new ClientConnected()
  }

  /** Our flight: if the server wants a certificate, that there is none (RFC 8446 §4.4.2), and Finished. */
  #answer(): Uint8Array {
    const { context, request, secrets, suite } = this.#flight
    const certificate = request === undefined ? [] : [encodeCertificate([], request.context)]
    for (const bytes of certificate) context.transcript.add(bytes)
    const verifyData = finishedVerifyData(suite.hash, secrets.client, context.transcript.digest())
    return concat(...certificate, encodeFinished(verifyData))
  }
}

/** The handshake is complete. Only tickets may come. */
export class ClientConnected implements State {
  readonly readLevel: TlsLevel = TlsLevel.application

  handle(message: HandshakeMessage): State {
    switch (message.type) {
      case HandshakeType.newSessionTicket:
        // RFC 8446 §4.6.1: who does not resume passes over tickets; a malformed one is an error all the same.
        decodeNewSessionTicket(message.body)
        return this
      case HandshakeType.certificateRequest:
        // RFC 9001 §4.4: no client authentication after the handshake.
        throw new TlsAlert(AlertDescription.unexpectedMessage, 'CertificateRequest after the handshake', {
          protocolViolation: true,
        })
      default:
        // RFC 9001 §6: KeyUpdate too, since QUIC has its own key update.
        throw unexpectedMessage(message, 'NewSessionTicket')
    }
  }
}
