/** The client's last states: the server's Finished, our own flight, and what may come afterwards (RFC 8446 §4.4.4, §4.6). */
import { concat, EMPTY } from '../base/bytes.ts'
import { andThen, type Eventually } from '../crypto/eventually.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { authenticateClient } from './client-authentication.ts'
import type { ClientFlight } from './client-progress.ts'
import { TicketReader } from './client-tickets.ts'
import { HandshakeType } from './code-points.ts'
import { checkFinished, encodeFinished } from './finished-message.ts'
import { type ApplicationSecrets, finishedVerifyData } from './key-schedule.ts'
import { type HandshakeMessage, unexpectedMessage } from './message.ts'
import { TlsLevel } from './session.ts'
import type { State } from './state.ts'

/** The server's Finished is awaited; our flight answers it. */
export class WaitFinished implements State {
  readonly readLevel: TlsLevel = TlsLevel.handshake
  readonly #flight: ClientFlight

  constructor(flight: ClientFlight) {
    this.#flight = flight
  }

  handle(message: HandshakeMessage): Eventually<State> {
    if (message.type !== HandshakeType.finished) throw unexpectedMessage(message, 'Finished')
    const { context, fields, request, schedule, secrets, suite } = this.#flight
    const { transcript } = context
    checkFinished(message, finishedVerifyData(suite.hash, secrets.server, transcript.digest()))
    transcript.add(message.bytes)
    const application = schedule.enterApplication(transcript.digest())
    for (const secret of [application.client, application.server, application.exporter]) context.keep(secret)
    context.log('CLIENT_TRAFFIC_SECRET_0', fields.random, application.client)
    context.log('SERVER_TRAFFIC_SECRET_0', fields.random, application.server)
    context.log('EXPORTER_SECRET', fields.random, application.exporter)
    if (request === undefined) return this.#complete(application, EMPTY)
    return andThen(authenticateClient(this.#flight, request), (proof) => this.#complete(application, proof))
  }

  /** Answers with our flight, of which `proof` is in the transcript: Certificate and CertificateVerify, where they were asked for. */
  #complete(application: ApplicationSecrets, proof: Uint8Array): State {
    const { alpn, chain, config, context, earlyData, group, psk, schedule, secrets, suite } = this.#flight
    const finished = encodeFinished(finishedVerifyData(suite.hash, secrets.client, context.transcript.digest()))
    context.transcript.add(finished)
    const resumption = context.keep(schedule.resumption(context.transcript.digest()))
    context.openExporter(suite, application.exporter)
    context.emit({ type: 'message', level: TlsLevel.handshake, bytes: concat(proof, finished) })
    context.wipe(secrets.client)
    context.wipe(secrets.server)
    context.emitSecret(TlsLevel.application, 'write', application.client, suite)
    context.emitSecret(TlsLevel.application, 'read', application.server, suite)
    context.wipe(application.client)
    context.wipe(application.server)
    context.emit({
      type: 'complete',
      alpn,
      resumed: psk?.kind === 'resumption',
      earlyData,
      peerCertificates: chain,
      serverName: config.serverName,
      pskIdentity: psk?.kind === 'external' ? psk.identity : undefined,
      group,
      suite,
    })
    context.endHandshake()
    return new ClientConnected(new TicketReader(this.#flight, resumption))
  }
}

/** The handshake is complete. Only tickets may come. */
export class ClientConnected implements State {
  readonly readLevel: TlsLevel = TlsLevel.application
  readonly #tickets: TicketReader

  constructor(tickets: TicketReader) {
    this.#tickets = tickets
  }

  handle(message: HandshakeMessage): State {
    switch (message.type) {
      case HandshakeType.newSessionTicket:
        this.#tickets.receive(message.body)
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
