/** What a server makes of the pre-shared keys on offer: which one it takes, whether it is proven, whether early data is taken (RFC 8446 §4.2.10, §4.2.11). */
import { equalBytes } from '../base/bytes.ts'
import type { Eventually } from '../crypto/eventually.ts'
import type { CipherSuite, HashName } from '../crypto/provider.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import type { ClientHello } from './client-hello.ts'
import type { TlsServerConfig } from './config.ts'
import type { HandshakeContext } from './context.ts'
import type { HandshakeMessage } from './message.ts'
import { checkBinder, checkExternalPsk, type ExternalPsk, type PskKind, pskBinder, revealAge } from './psk.ts'
import { PskMode } from './psk-extensions.ts'
import { EARLY_DATA_TOLERANCE, isTicketCurrent, type TicketState } from './tickets.ts'
import { whenDone } from './work.ts'

/** The key that a server goes on with. */
export interface ServerPsk {
  readonly kind: PskKind
  readonly identity: Uint8Array
  readonly key: Uint8Array
  readonly hash: HashName
  /** Its place among those on offer. */
  readonly index: number
  /** The suite to use it with. */
  readonly suite: CipherSuite
  /** Whether a key exchange goes with it (RFC 8446 §4.2.9). */
  readonly hasExchange: boolean
  readonly ticket: TicketState | undefined
  /** ms since the client had the ticket, as it says. */
  readonly ticketAge: number
}

/** Identities that are looked at: more would be work without a proof of anything. */
const MAX_IDENTITIES = 4

/**
 * The first key on offer that is known, current, and fits a suite and a mode of both sides. Those that are not are passed over
 * (RFC 8446 §4.2.11). It is not proven yet: see {@link verifyBinder}.
 */
export function selectPsk(config: TlsServerConfig, hello: ClientHello): Eventually<ServerPsk | undefined> {
  if (hello.psks === undefined || (config.tickets === undefined && config.psk === undefined)) return undefined
  return selectFrom(config, hello, 0)
}

function selectFrom(config: TlsServerConfig, hello: ClientHello, index: number): Eventually<ServerPsk | undefined> {
  const identity = hello.psks?.identities[index]?.identity.slice()
  if (identity === undefined || index === MAX_IDENTITIES) return undefined
  const ticket = config.clientCertificates === undefined ? config.tickets?.sealer.open(identity) : undefined
  if (ticket !== undefined) {
    const psk = resumptionPsk(config, hello, index, identity, ticket)
    if (psk !== undefined) return psk
  }
  if (config.psk === undefined || ticket !== undefined) return selectFrom(config, hello, index + 1)
  return whenDone(
    () => config.psk?.find(identity),
    (found) => externalPsk(config, hello, index, identity, found) ?? selectFrom(config, hello, index + 1),
    (cause) => new TlsAlert(AlertDescription.internalError, 'A pre-shared key could not be looked up', { cause }),
  )
}

function resumptionPsk(
  config: TlsServerConfig,
  hello: ClientHello,
  index: number,
  identity: Uint8Array,
  ticket: TicketState,
): ServerPsk | undefined {
  const { tickets } = config
  const suites = commonSuites(config, hello, ticket.hash)
  const suite = suites.find(({ id }) => id === ticket.suite) ?? suites[0]
  const isUsable =
    tickets !== undefined &&
    suite !== undefined &&
    hello.pskModes?.includes(PskMode.pskDheKe) === true &&
    isTicketCurrent(ticket, tickets.lifetime, config.wallClock()) &&
    // One server may have many names; what was said to one of them is not for the others.
    ticket.serverName === hello.serverName &&
    tickets.isUsable(ticket.context)
  if (!isUsable) return undefined
  const ticketAge = revealAge(hello.psks?.identities[index]?.obfuscatedAge ?? 0, ticket.ageAdd)
  const { hash, key } = ticket
  return { kind: 'resumption', identity, key, hash, index, suite, hasExchange: true, ticket, ticketAge }
}

function externalPsk(
  config: TlsServerConfig,
  hello: ClientHello,
  index: number,
  identity: Uint8Array,
  found: ExternalPsk | undefined,
): ServerPsk | undefined {
  if (found === undefined) return undefined
  checkExternalPsk(found)
  const { key, hash = 'sha256' } = found
  const modes = config.psk?.modes ?? [PskMode.pskDheKe]
  const mode = modes.find((candidate) => hello.pskModes?.includes(candidate))
  // RFC 8446 §4.2.11: the key has a say in the suite.
  const [suite] = commonSuites(config, hello, hash)
  if (mode === undefined || suite === undefined) return undefined
  const hasExchange = mode === PskMode.pskDheKe
  return { kind: 'external', identity, key, hash, index, suite, hasExchange, ticket: undefined, ticketAge: 0 }
}

function commonSuites(config: TlsServerConfig, hello: ClientHello, hash: HashName): readonly CipherSuite[] {
  return config.suites.filter((suite) => suite.hash === hash && hello.suites.includes(suite.id))
}

/**
 * The key of the first ClientHello among those of the second, which may have fewer, at other places and of another age (RFC
 * 8446 §4.1.2); `undefined` where it is not there any more.
 */
export function selectAgain(psk: ServerPsk | undefined, second: ClientHello): ServerPsk | undefined {
  const identities = second.psks?.identities ?? []
  const index = identities.findIndex(({ identity }) => psk !== undefined && equalBytes(identity, psk.identity))
  return psk === undefined || index < 0 ? undefined : { ...psk, index }
}

/**
 * Makes sure that the client has the key (RFC 8446 §4.2.11.2); `message` is not in the transcript yet.
 * @throws TlsAlert decrypt_error.
 */
export function verifyBinder(
  psk: ServerPsk,
  hello: ClientHello,
  message: HandshakeMessage,
  context: HandshakeContext,
): void {
  if (hello.psks === undefined) return
  const covered = message.bytes.subarray(0, message.bytes.length - hello.psks.bindersLength)
  const expected = pskBinder(psk.hash, psk.key, psk.kind, context.transcript.digestWith(psk.hash, covered))
  checkBinder(hello.psks.binders[psk.index], expected)
}

/**
 * Whether the early data that comes with a first ClientHello is taken: that of the first key, under its suite, its protocol
 * and its name, no older than it says, and if nobody has it before (RFC 8446 §4.2.10, §8).
 */
export function acceptsEarlyData(
  config: TlsServerConfig,
  hello: ClientHello,
  psk: ServerPsk | undefined,
  suite: CipherSuite,
  alpn: string,
): Eventually<boolean> {
  const accept = config.tickets?.acceptEarlyData
  const ticket = psk?.ticket
  if (!hello.hasEarlyData || accept === undefined || psk === undefined || ticket === undefined) return false
  const isSame = psk.index === 0 && suite.id === ticket.suite && alpn === ticket.alpn && ticket.allowsEarlyData
  const difference = config.wallClock() - ticket.issuedAt - psk.ticketAge
  if (!isSame || Math.abs(difference) > EARLY_DATA_TOLERANCE) return false
  const { id: ticketId, issuedAt, serverName, context } = ticket
  return whenDone(
    () => accept({ ticketId, issuedAt, alpn, serverName, context }),
    (isAccepted) => isAccepted === true,
    (cause) => new TlsAlert(AlertDescription.internalError, 'Early data could not be judged', { cause }),
  )
}
