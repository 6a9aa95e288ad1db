/** The pre-shared keys that a client offers: which, in what form, and what the server's answer to them must be (RFC 8446 §4.2.10, §4.2.11). */
import { hashLength } from '../crypto/hkdf.ts'
import type { CipherSuite, HashName } from '../crypto/provider.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { checkPskModes, type TlsClientConfig } from './config.ts'
import type { HandshakeContext } from './context.ts'
import { KeySchedule } from './key-schedule.ts'
import { checkExternalPsk, obfuscateAge, type PskKind, pskBinder } from './psk.ts'
import { bindersLength, type PskIdentity, PskMode } from './psk-extensions.ts'
import type { Resumption } from './resumption.ts'
import { TlsLevel } from './session.ts'

/** A key on offer. */
export interface ClientPsk {
  readonly kind: PskKind
  readonly identity: Uint8Array
  readonly key: Uint8Array
  readonly hash: HashName
  /** Of a ticket. */
  readonly session: Resumption | undefined
}

/**
 * Checks the part of a client's configuration that is about keys.
 * @throws RangeError naming the option and its value.
 */
export function checkClientPsk(config: TlsClientConfig): void {
  const { psk, pskModes, suites } = config
  checkPskModes(pskModes)
  if (psk === undefined) return
  checkExternalPsk(psk)
  const { hash = 'sha256' } = psk
  if (!suites.some((suite) => suite.hash === hash)) {
    throw new RangeError(`psk.hash must be that of a suite on offer, got ${hash}`)
  }
}

/** The keys to offer, best first; that of a ticket goes before an external one. */
export function offeredPsks(config: TlsClientConfig): readonly ClientPsk[] {
  const psks: ClientPsk[] = []
  const session = config.resumption?.session
  if (session !== undefined && isUsable(session, config)) {
    psks.push({ kind: 'resumption', identity: session.ticket, key: session.key, hash: session.hash, session })
  }
  if (config.psk !== undefined) {
    const { identity, key, hash = 'sha256' } = config.psk
    psks.push({ kind: 'external', identity, key, hash, session: undefined })
  }
  return psks
}

/** RFC 8446 §4.2.11.1, §4.6.1: neither too old, nor for another name, nor for a hash that is not spoken; and judged as we judge. */
function isUsable(session: Resumption, config: TlsClientConfig): boolean {
  const now = config.wallClock()
  return (
    now < session.expiresAt &&
    now < session.certificateEnd &&
    session.serverName === config.serverName &&
    session.trust === (config.trust ?? '') &&
    config.suites.some((suite) => suite.hash === session.hash)
  )
}

/** The suite of 0-RTT packets, if they may be sent with the first key on offer (RFC 8446 §4.2.10). */
export function earlyDataSuite(config: TlsClientConfig, psks: readonly ClientPsk[]): CipherSuite | undefined {
  const session = psks[0]?.session
  if (session === undefined || config.resumption?.earlyData !== true || !session.allowsEarlyData) return undefined
  if (!config.alpn.includes(session.alpn)) return undefined
  return config.suites.find(({ id }) => id === session.suite)
}

/** How keys may be used. Tickets need the key exchange beside them: it is what keeps the past secret. */
export function offeredModes(config: TlsClientConfig): readonly number[] {
  const wantsTickets = config.acceptsTickets === true || config.resumption !== undefined
  const modes = config.psk === undefined ? [] : (config.pskModes ?? [PskMode.pskDheKe])
  return wantsTickets && !modes.includes(PskMode.pskDheKe) ? [PskMode.pskDheKe, ...modes] : modes
}

/** A key as the ClientHello names it, at this moment (RFC 8446 §4.2.11.1). */
export function identityOf(psk: ClientPsk, wallClock: number): PskIdentity & { readonly hash: HashName } {
  const { hash, identity, session } = psk
  const obfuscatedAge = session === undefined ? 0 : obfuscateAge(wallClock - session.receivedAt, session.ageAdd)
  return { identity, hash, obfuscatedAge }
}

/** Writes the binders into an encoded ClientHello that goes behind what is in the transcript (RFC 8446 §4.2.11.2). */
export function fillBinders(clientHello: Uint8Array, psks: readonly ClientPsk[], context: HandshakeContext): void {
  if (psks.length === 0) return
  let at = clientHello.length - bindersLength(psks.map(({ hash }) => hash))
  const covered = clientHello.subarray(0, at)
  at += 2
  for (const { hash, key, kind } of psks) {
    clientHello.set(pskBinder(hash, key, kind, context.transcript.digestWith(hash, covered)), at + 1)
    at += 1 + hashLength(hash)
  }
}

/** Puts out the secret of 0-RTT packets; `clientHello` is not in the transcript yet. */
export function emitEarlySecret(
  context: HandshakeContext,
  psk: ClientPsk,
  suite: CipherSuite,
  clientHello: Uint8Array,
  clientRandom: Uint8Array,
): void {
  const schedule = new KeySchedule(psk.hash, psk.key)
  const secret = schedule.earlyTraffic(context.transcript.digestWith(psk.hash, clientHello))
  schedule.discard()
  context.log('CLIENT_EARLY_TRAFFIC_SECRET', clientRandom, secret)
  context.emitSecret(TlsLevel.early, 'write', secret, suite)
  secret.fill(0)
}

/**
 * The key that a ServerHello selects.
 * @throws TlsAlert illegal_parameter for an index that was not offered, or a suite with another hash (RFC 8446 §4.2.11).
 */
export function selectedPsk(psks: readonly ClientPsk[], index: number, suite: CipherSuite): ClientPsk {
  const psk = psks[index]
  if (psk === undefined) {
    throw new TlsAlert(AlertDescription.illegalParameter, `ServerHello selects key ${index} of ${psks.length}`)
  }
  if (psk.hash !== suite.hash) {
    throw new TlsAlert(AlertDescription.illegalParameter, `ServerHello selects a key that does not fit ${suite.name}`)
  }
  return psk
}

/**
 * Checks that a server may accept 0-RTT data here: for the first key, with the suite and the protocol of its session.
 * @throws TlsAlert illegal_parameter (RFC 8446 §4.2.11).
 */
export function checkEarlyDataAcceptance(
  psk: ClientPsk | undefined,
  first: ClientPsk | undefined,
  suite: CipherSuite,
  alpn: string,
): void {
  const session = psk?.session
  if (session !== undefined && psk === first && session.suite === suite.id && session.alpn === alpn) return
  throw new TlsAlert(AlertDescription.illegalParameter, 'The server accepts early data that it cannot have understood')
}
