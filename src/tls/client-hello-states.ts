/** The client's states up to ServerHello, with a HelloRetryRequest on the way or not (RFC 8446 §4.1.3, §4.1.4, §A.1). */
import { andThen, type Eventually } from '../crypto/eventually.ts'
import { hashLength } from '../crypto/hkdf.ts'
import { DecapsulationError } from '../crypto/hybrid-group.ts'
import type { CipherSuite } from '../crypto/provider.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { WaitEncryptedExtensions } from './client-flight-states.ts'
import type { ClientOffer } from './client-progress.ts'
import { type ClientPsk, selectedPsk } from './client-psk.ts'
import { makeSecondOffer } from './client-start.ts'
import { ExtensionType, HandshakeType, TLS_1_2, TLS_1_3 } from './code-points.ts'
import { checkAnswers, decodeCodePoint, decodeCookie, decodeKeyShare, type KeyShareEntry } from './extensions.ts'
import { type HandshakeMessage, unexpectedMessage } from './message.ts'
import { decodeSelectedPsk, PskMode } from './psk-extensions.ts'
import { decodeServerHello, isDowngrade, type ServerHello } from './server-hello.ts'
import { TlsLevel } from './session.ts'
import type { State } from './state.ts'
import { whenDone } from './work.ts'

/** The answer to our ClientHello is awaited. */
export class WaitServerHello implements State {
  readonly readLevel: TlsLevel = TlsLevel.initial
  readonly #offer: ClientOffer
  /** The suite that a HelloRetryRequest has settled; `undefined` if there was none. */
  readonly #retrySuite: CipherSuite | undefined

  constructor(offer: ClientOffer, retrySuite?: CipherSuite) {
    this.#offer = offer
    this.#retrySuite = retrySuite
  }

  handle(message: HandshakeMessage): Eventually<State> {
    if (message.type !== HandshakeType.serverHello) throw unexpectedMessage(message, 'ServerHello')
    const hello = decodeServerHello(message.body)
    const suite = checkHello(hello, this.#offer)
    if (this.#retrySuite !== undefined) {
      if (hello.isRetryRequest) {
        throw new TlsAlert(AlertDescription.unexpectedMessage, 'A second HelloRetryRequest')
      }
      if (suite !== this.#retrySuite) {
        throw new TlsAlert(AlertDescription.illegalParameter, `ServerHello changes the suite to ${suite.name}`)
      }
    }
    return hello.isRetryRequest ? this.#retry(hello, suite, message) : this.#accept(hello, suite, message)
  }

  #retry(hello: ServerHello, suite: CipherSuite, message: HandshakeMessage): Eventually<State> {
    const offer = this.#offer
    const { offered, context } = offer
    const { cookie: cookieType, keyShare, supportedVersions } = ExtensionType
    const allowed = [cookieType, keyShare, supportedVersions]
    checkAnswers(hello.extensions, new Set([...offered, cookieType]), allowed, 'HelloRetryRequest')
    const cookieBody = hello.extensions.get(cookieType)
    const cookie = cookieBody === undefined ? undefined : decodeCookie(cookieBody)
    const groupBody = hello.extensions.get(keyShare)
    const group = groupBody === undefined ? undefined : decodeCodePoint(groupBody, 'key_share')
    if (cookie === undefined && group === undefined) {
      throw new TlsAlert(AlertDescription.illegalParameter, 'HelloRetryRequest asks for no change')
    }
    if (group !== undefined) checkRetryGroup(group, offer)
    context.transcript.begin(suite.hash)
    context.transcript.foldForRetry()
    context.transcript.add(message.bytes)
    // RFC 9001 §4.6.2: a server that asks again takes no 0-RTT data.
    if (offer.fields.hasEarlyData) context.emit({ type: 'early-data', isAccepted: false, alpn: undefined })
    return andThen(makeSecondOffer(offer, group, cookie, suite), (second) => new WaitServerHello(second, suite))
  }

  #accept(hello: ServerHello, suite: CipherSuite, message: HandshakeMessage): Eventually<State> {
    const offer = this.#offer
    const { keyShare, preSharedKey, supportedVersions } = ExtensionType
    checkAnswers(hello.extensions, offer.offered, [keyShare, preSharedKey, supportedVersions], 'ServerHello')
    const selection = hello.extensions.get(preSharedKey)
    const psk = selection === undefined ? undefined : selectedPsk(offer.psks, decodeSelectedPsk(selection), suite)
    const body = hello.extensions.get(keyShare)
    checkPskMode(psk, body !== undefined, offer)
    if (body === undefined) return this.#agreed(suite, undefined, new Uint8Array(hashLength(suite.hash)), message, psk)
    const entry = decodeKeyShare(body)
    // After a retry there is but the share of the group that was asked for (RFC 8446 §4.2.8).
    const pending = offer.shares.find(({ group }) => group === entry.group)
    if (pending === undefined) {
      throw new TlsAlert(
        AlertDescription.illegalParameter,
        `ServerHello has a share of group ${entry.group}, not offered`,
      )
    }
    return whenDone(
      () => pending.share.agree(entry.share),
      (shared) => this.#agreed(suite, entry, shared, message, psk),
      shareAlert,
    )
  }

  #agreed(
    suite: CipherSuite,
    entry: KeyShareEntry | undefined,
    shared: Uint8Array,
    message: HandshakeMessage,
    psk: ClientPsk | undefined,
  ): State {
    const { context, fields } = this.#offer
    context.transcript.begin(suite.hash)
    context.transcript.add(message.bytes)
    const schedule = context.beginSchedule(suite.hash, psk?.key)
    const secrets = schedule.enterHandshake(shared, context.transcript.digest())
    shared.fill(0)
    context.keep(secrets.client)
    context.keep(secrets.server)
    context.log('CLIENT_HANDSHAKE_TRAFFIC_SECRET', fields.random, secrets.client)
    context.log('SERVER_HANDSHAKE_TRAFFIC_SECRET', fields.random, secrets.server)
    context.emitSecret(TlsLevel.handshake, 'read', secrets.server, suite)
    context.emitSecret(TlsLevel.handshake, 'write', secrets.client, suite)
    return new WaitEncryptedExtensions({ ...this.#offer, suite, schedule, secrets, psk, group: entry?.group })
  }
}

/** RFC 8446 §4.2.9, §4.2.11: with or without a key exchange, as a key on offer may be used; always with one where there is no key. */
function checkPskMode(psk: ClientPsk | undefined, hasShare: boolean, offer: ClientOffer): void {
  if (psk === undefined) {
    if (!hasShare) throw new TlsAlert(AlertDescription.missingExtension, 'ServerHello has no key_share')
  } else if (!offer.fields.pskModes.includes(hasShare ? PskMode.pskDheKe : PskMode.pskKe)) {
    throw new TlsAlert(
      AlertDescription.illegalParameter,
      `ServerHello selects a key ${hasShare ? 'with' : 'without'} a key exchange, not offered`,
    )
  }
}

/** RFC 8446 §4.2.8.2, draft-ietf-tls-ecdhe-mlkem §3.1.2: the fault is the share's, unless it is ours. */
function shareAlert(cause: unknown): TlsAlert {
  if (cause instanceof DecapsulationError) {
    return new TlsAlert(AlertDescription.internalError, 'The key share of the server could not be used', { cause })
  }
  return new TlsAlert(AlertDescription.illegalParameter, 'The key share of the server is invalid', { cause })
}

/** What holds for ServerHello and HelloRetryRequest alike (RFC 8446 §4.1.3, §4.1.4). Returns the suite. */
function checkHello(hello: ServerHello, offer: ClientOffer): CipherSuite {
  const version = hello.extensions.get(ExtensionType.supportedVersions)
  if (version === undefined) {
    // RFC 9001 §4.2: an older version ends the connection; if the server could do better, somebody is between us.
    throw isDowngrade(hello)
      ? new TlsAlert(AlertDescription.illegalParameter, 'The handshake was downgraded from TLS 1.3')
      : new TlsAlert(AlertDescription.protocolVersion, 'The server does not speak TLS 1.3')
  }
  const selected = decodeCodePoint(version, 'supported_versions')
  if (selected !== TLS_1_3) {
    throw new TlsAlert(AlertDescription.illegalParameter, `ServerHello selects version ${selected}, not offered`)
  }
  if (hello.legacyVersion !== TLS_1_2) {
    throw new TlsAlert(AlertDescription.protocolVersion, `legacy_version of ServerHello is ${hello.legacyVersion}`)
  }
  if (hello.legacySessionIdEcho.length > 0) {
    throw new TlsAlert(AlertDescription.illegalParameter, 'ServerHello echoes a session id that was not sent')
  }
  if (hello.compressionMethod !== 0) {
    throw new TlsAlert(AlertDescription.illegalParameter, `ServerHello selects compression ${hello.compressionMethod}`)
  }
  const suite = offer.config.suites.find(({ id }) => id === hello.suite)
  if (suite === undefined) {
    throw new TlsAlert(AlertDescription.illegalParameter, `ServerHello selects suite ${hello.suite}, not offered`)
  }
  return suite
}

/** RFC 8446 §4.2.8: the group was offered, and a share of it was not. */
function checkRetryGroup(group: number, offer: ClientOffer): void {
  const { groups, keyShares } = offer.fields
  if (!groups.includes(group)) {
    throw new TlsAlert(AlertDescription.illegalParameter, `HelloRetryRequest asks for group ${group}, not offered`)
  }
  if (keyShares.some((entry) => entry.group === group)) {
    throw new TlsAlert(
      AlertDescription.illegalParameter,
      `HelloRetryRequest asks for group ${group}, whose share it has`,
    )
  }
}
