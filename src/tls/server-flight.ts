/**
 * The server's flight, from ServerHello to Finished (RFC 8446 §2, §4.4). Three steps may take time: the choice of an identity,
 * the key exchange, the signature. With a pre-shared key neither the first nor the last is needed. What they lead to comes
 * out together at the end.
 */
import { concat, decodeUtf8, EMPTY, encodeUtf8 } from '../base/bytes.ts'
import { randomBytes } from '../base/random.ts'
import type { Eventually } from '../crypto/eventually.ts'
import { hashLength } from '../crypto/hkdf.ts'
import type { KeyExchange } from '../crypto/provider.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import {
  type CertificateRequestFields,
  encodeCertificate,
  encodeCertificateRequest,
  encodeCertificateVerify,
  signedContent,
} from './certificate-messages.ts'
import { certificateSchemes, handshakeSchemes, type Identity, type TlsServerConfig } from './config.ts'
import type { HandshakeContext } from './context.ts'
import type { KeyShareEntry } from './extensions.ts'
import { encodeFinished } from './finished-message.ts'
import { finishedVerifyData, type KeySchedule, type TrafficSecrets } from './key-schedule.ts'
import { WaitClientCertificate } from './server-client-states.ts'
import { WaitClientFinished } from './server-finish-states.ts'
import { encodeEncryptedExtensions, encodeServerHello } from './server-hello.ts'
import { type CompleteHello, chooseScheme, type Negotiated } from './server-negotiation.ts'
import type { ServerPsk } from './server-psk.ts'
import { TlsLevel } from './session.ts'
import type { State } from './state.ts'
import { whenDone } from './work.ts'

/** What is known when the ClientHello, or the second one, is accepted. */
export interface ServerOffer extends Negotiated {
  readonly config: TlsServerConfig
  readonly context: HandshakeContext
  readonly hello: CompleteHello
  /** The key that both sides know. */
  readonly psk: ServerPsk | undefined
  /** Whether 0-RTT data is accepted. */
  readonly earlyData: boolean
  /** Our transport parameters. */
  readonly parameters: Uint8Array
}

/** Who signs, and how. */
interface Authentication {
  readonly identity: Identity
  readonly scheme: number
}

/** Answers a ClientHello. */
export function sendFlight(offer: ServerOffer): Eventually<State> {
  const { config, hello, psk } = offer
  if (psk !== undefined) return exchangeKeys(offer, undefined)
  const summary = {
    serverName: hello.serverName,
    schemes: hello.schemes ?? [],
    alpn: hello.alpn.map((name) => decodeUtf8(name)),
  }
  return whenDone(
    () => config.selectIdentity(summary),
    (identity) => exchangeKeys(offer, authenticationOf(identity, hello)),
    (cause) => new TlsAlert(AlertDescription.internalError, 'No identity could be selected', { cause }),
  )
}

function authenticationOf(identity: Identity | undefined, hello: CompleteHello): Authentication {
  if (identity !== undefined && identity.chain.length > 0) {
    return { identity, scheme: chooseScheme(identity.signer, hello) }
  }
  throw hello.serverName === undefined
    ? new TlsAlert(AlertDescription.handshakeFailure, 'There is no certificate for a client that names no server')
    : new TlsAlert(AlertDescription.unrecognizedName, `There is no certificate for ${hello.serverName}`)
}

/** @param authentication `undefined` with a pre-shared key. */
function exchangeKeys(offer: ServerOffer, authentication: Authentication | undefined): Eventually<State> {
  const { exchange, share, suite } = offer
  if (exchange === undefined || share === undefined) {
    // RFC 8446 §7.1: without a key exchange zeros stand in for its secret.
    return enterHandshake(offer, authentication, undefined, new Uint8Array(hashLength(suite.hash)))
  }
  return respond(offer, authentication, exchange, share)
}

function respond(
  offer: ServerOffer,
  authentication: Authentication | undefined,
  exchange: KeyExchange,
  share: KeyShareEntry,
): Eventually<State> {
  return whenDone(
    () => exchange.respond(share.share, offer.config.random),
    ({ share: own, secret }) => enterHandshake(offer, authentication, { group: exchange.group, share: own }, secret),
    (cause) => new TlsAlert(AlertDescription.illegalParameter, 'The key share of the client is invalid', { cause }),
  )
}

function enterHandshake(
  offer: ServerOffer,
  authentication: Authentication | undefined,
  ownShare: KeyShareEntry | undefined,
  shared: Uint8Array,
): Eventually<State> {
  const { config, context, earlyData, hello, psk, suite } = offer
  const schedule = context.beginSchedule(suite.hash, psk?.key)
  const earlySecret = earlyData ? context.keep(schedule.earlyTraffic(context.transcript.digest())) : undefined
  const bytes = encodeServerHello(randomBytes(config.random, 32), suite.id, ownShare, psk?.index)
  context.transcript.add(bytes)
  const secrets = schedule.enterHandshake(shared, context.transcript.digest())
  shared.fill(0)
  context.keep(secrets.client)
  context.keep(secrets.server)
  context.log('CLIENT_HANDSHAKE_TRAFFIC_SECRET', hello.random, secrets.client)
  context.log('SERVER_HANDSHAKE_TRAFFIC_SECRET', hello.random, secrets.server)
  context.emit({ type: 'message', level: TlsLevel.initial, bytes })
  context.emitSecret(TlsLevel.handshake, 'read', secrets.client, suite)
  context.emitSecret(TlsLevel.handshake, 'write', secrets.server, suite)
  if (earlySecret !== undefined) {
    context.log('CLIENT_EARLY_TRAFFIC_SECRET', hello.random, earlySecret)
    context.emit({ type: 'early-data', isAccepted: true, alpn: offer.alpn })
    context.emitSecret(TlsLevel.early, 'read', earlySecret, suite)
    context.wipe(earlySecret)
  }
  if (authentication === undefined) return finish(offer, schedule, secrets, extensionsOf(offer), 0)
  return authenticate(offer, authentication, schedule, secrets)
}

function extensionsOf(offer: ServerOffer): Uint8Array {
  return encodeEncryptedExtensions({
    serverNameUsed: offer.hello.serverName !== undefined,
    alpn: encodeUtf8(offer.alpn),
    parameters: offer.parameters,
    acceptsEarlyData: offer.earlyData,
  })
}

function authenticate(
  offer: ServerOffer,
  { identity, scheme }: Authentication,
  schedule: KeySchedule,
  secrets: TrafficSecrets,
): Eventually<State> {
  const { config, context } = offer
  const { transcript } = context
  const request = certificateRequest(config)
  const head = concat(
    extensionsOf(offer),
    request === undefined ? EMPTY : encodeCertificateRequest(request),
    encodeCertificate(identity.chain),
  )
  transcript.add(head)
  return whenDone(
    () => identity.signer.sign(scheme, signedContent('server', transcript.digest())),
    (signature) =>
      finish(offer, schedule, secrets, concat(head, encodeCertificateVerify(scheme, signature)), head.length),
    (cause) => new TlsAlert(AlertDescription.internalError, 'The handshake could not be signed', { cause }),
  )
}

/** @param flight EncryptedExtensions to CertificateVerify, or EncryptedExtensions alone, of which the first `hashed` bytes are in the transcript. */
function finish(
  offer: ServerOffer,
  schedule: KeySchedule,
  secrets: TrafficSecrets,
  flight: Uint8Array,
  hashed: number,
): State {
  const { context, hello, suite } = offer
  const { transcript } = context
  transcript.add(flight.subarray(hashed))
  const finished = encodeFinished(finishedVerifyData(suite.hash, secrets.server, transcript.digest()))
  transcript.add(finished)
  context.wipe(secrets.server)
  const application = schedule.enterApplication(transcript.digest())
  context.keep(application.client)
  context.keep(application.exporter)
  context.log('CLIENT_TRAFFIC_SECRET_0', hello.random, application.client)
  context.log('SERVER_TRAFFIC_SECRET_0', hello.random, application.server)
  context.log('EXPORTER_SECRET', hello.random, application.exporter)
  context.emit({ type: 'message', level: TlsLevel.handshake, bytes: concat(flight, finished) })
  context.emitSecret(TlsLevel.application, 'write', application.server, suite)
  application.server.fill(0)
  const agreement = { ...offer, schedule, handshakeSecret: secrets.client, application, peerCertificates: [] }
  // RFC 8446 §4.3.2: with a pre-shared key no certificate is asked for.
  const policy = offer.psk === undefined ? offer.config.clientCertificates : undefined
  const request = certificateRequest(offer.config)
  if (policy === undefined || request === undefined) return new WaitClientFinished(agreement)
  return new WaitClientCertificate({ ...agreement, policy, request })
}

/** What we ask clients for (RFC 8446 §4.3.2); `undefined`: nothing. */
function certificateRequest(config: TlsServerConfig): CertificateRequestFields | undefined {
  const { clientCertificates: policy } = config
  if (policy === undefined) return undefined
  const schemes = handshakeSchemes(config)
  const forCertificates = certificateSchemes(config)
  return {
    schemes,
    certificateSchemes: forCertificates.length > schemes.length ? forCertificates : undefined,
    authorities: policy.authorities,
  }
}
