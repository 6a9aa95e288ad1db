/** The server's last states: the client's Finished, and then nothing more (RFC 8446 §4.4.4, RFC 9001 §4.1.1). */
import type { CipherSuite } from '../crypto/provider.ts'
import type { ClientHello } from './client-hello.ts'
import { HandshakeType } from './code-points.ts'
import type { TlsServerConfig } from './config.ts'
import type { HandshakeContext } from './context.ts'
import { checkFinished } from './finished-message.ts'
import { type ApplicationSecrets, finishedVerifyData, type KeySchedule } from './key-schedule.ts'
import { type HandshakeMessage, unexpectedMessage } from './message.ts'
import type { ServerPsk } from './server-psk.ts'
import { emitTickets } from './server-tickets.ts'
import { TlsLevel } from './session.ts'
import type { State } from './state.ts'

/** What is settled when the server's flight is out. Secrets are kept by the context. */
export interface ServerAgreement {
  readonly config: TlsServerConfig
  readonly context: HandshakeContext
  readonly hello: ClientHello
  readonly suite: CipherSuite
  readonly alpn: string
  readonly exchange: { readonly group: number } | undefined
  readonly psk: ServerPsk | undefined
  readonly earlyData: boolean
  /** At its last stage. */
  readonly schedule: KeySchedule
  /** The client's handshake traffic secret. */
  readonly handshakeSecret: Uint8Array
  readonly application: ApplicationSecrets
  /** What the client has shown and proven, DER, leaf first; empty if it showed none. */
  readonly peerCertificates: readonly Uint8Array[]
}

/** The client's Finished is awaited. */
export class WaitClientFinished implements State {
  readonly readLevel: TlsLevel = TlsLevel.handshake
  readonly #agreement: ServerAgreement

  constructor(agreement: ServerAgreement) {
    this.#agreement = agreement
  }

  handle(message: HandshakeMessage): State {
    // RFC 9001 §8.3: no EndOfEarlyData before it.
    if (message.type !== HandshakeType.finished) throw unexpectedMessage(message, 'Finished')
    const { alpn, application, context, exchange, handshakeSecret, hello, peerCertificates, suite } = this.#agreement
    const { earlyData, psk, schedule } = this.#agreement
    checkFinished(message, finishedVerifyData(suite.hash, handshakeSecret, context.transcript.digest()))
    context.transcript.add(message.bytes)
    context.wipe(handshakeSecret)
    context.openExporter(suite, application.exporter)
    context.emitSecret(TlsLevel.application, 'read', application.client, suite)
    context.wipe(application.client)
    context.emit({
      type: 'complete',
      alpn,
      resumed: psk?.kind === 'resumption',
      earlyData,
      peerCertificates,
      serverName: hello.serverName,
      pskIdentity: psk?.kind === 'external' ? psk.identity : undefined,
      group: exchange?.group,
      suite,
    })
    const resumptionSecret = schedule.resumption(context.transcript.digest())
    emitTickets(this.#agreement, resumptionSecret)
    resumptionSecret.fill(0)
    context.endHandshake()
    return new ServerConnected()
  }
}

/** The handshake is complete. A client has nothing more to say in it. */
export class ServerConnected implements State {
  readonly readLevel: TlsLevel = TlsLevel.application

  handle(message: HandshakeMessage): State {
    // RFC 9001 §6: KeyUpdate neither, since QUIC has its own key update.
    throw unexpectedMessage(message, 'nothing')
  }
}
