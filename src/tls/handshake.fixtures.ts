/** Two sessions that speak to each other in memory, with a hand in between that may change what is said. */
import { concat, fromHex } from '../base/bytes.ts'
import type { RandomSource } from '../base/random.ts'
import { type Eventually, isPending } from '../crypto/eventually.ts'
import { noble } from '../crypto/noble/provider.ts'
import type { PublicKeyProvider, Signer } from '../crypto/provider.ts'
import { TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256 } from '../crypto/suites.ts'
import { web } from '../crypto/web/provider.ts'
import { insecureVerifier } from '../x509/certificate-verifier.ts'
import { TlsAlert } from './alert.ts'
import { type KeyPairFixture, P256, WALL_CLOCK } from './certificates.fixtures.ts'
import { createClientSession } from './client-session.ts'
import type { Identity, TlsClientConfig, TlsServerConfig } from './config.ts'
import { HEADER_LENGTH } from './message.ts'
import { createServerSession } from './server-session.ts'
import type { TlsComplete, TlsEvent, TlsLevel, TlsSession } from './session.ts'
import { later, type Manner, slowProvider, slowSelection, slowVerifier } from './slow-provider.fixtures.ts'

export const CLIENT_PARAMETERS: Uint8Array = fromHex('01048000753003024800')
export const SERVER_PARAMETERS: Uint8Array = fromHex('0104800075300f08aabbccddeeff0011')

/** Reproducible bytes that are good enough for keys in tests. */
export function seededRandom(seed: number): RandomSource {
  let state = seed >>> 0
  return {
    fill(bytes) {
      for (let i = 0; i < bytes.length; i++) {
        state = (state + 0x6d2b79f5) >>> 0
        let mixed = Math.imul(state ^ (state >>> 15), state | 1)
        mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
        bytes[i] = (mixed ^ (mixed >>> 14)) >>> 24
      }
    },
  }
}

/** Whose key a signer has. */
const PAIRS = new WeakMap<Signer, KeyPairFixture>()

/** The identity of a key pair among the certificate fixtures. */
export function identityOf(pair: KeyPairFixture, provider: PublicKeyProvider = noble): Identity {
  const signer = provider.createSigner(fromHex(pair.privateKey))
  if (isPending(signer)) throw new Error('The provider takes its time')
  PAIRS.set(signer, pair)
  return { chain: [fromHex(pair.certificate)], signer }
}

export function clientConfig(changes: Partial<TlsClientConfig> = {}): TlsClientConfig {
  return {
    crypto: noble,
    suites: [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256],
    random: seededRandom(1),
    wallClock: () => WALL_CLOCK,
    alpn: ['hq-interop'],
    serverName: 'server.example',
    verifier: insecureVerifier,
    parameters: () => CLIENT_PARAMETERS,
    ...changes,
  }
}

export function serverConfig(changes: Partial<TlsServerConfig> = {}): TlsServerConfig {
  return {
    crypto: noble,
    suites: [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256],
    random: seededRandom(2),
    wallClock: () => WALL_CLOCK,
    alpn: ['hq-interop'],
    selectIdentity: () => identityOf(P256),
    parameters: () => SERVER_PARAMETERS,
    ...changes,
  }
}

/** How public-key work is done: by noble, unless a test brings a provider of its own, or by the host's Web Crypto. */
export const PACES: readonly Pace[] = [
  { name: 'at once', isSlow: false },
  { name: 'slowly', isSlow: true },
  { name: 'by Web Crypto', isSlow: true, isWeb: true },
]
export interface Pace {
  readonly name: string
  /** Whether it takes its time. */
  readonly isSlow: boolean
  /** Whether the host does it, in real time and with its own randomness. */
  readonly isWeb?: boolean
}

/** What becomes of the messages of a level on their way; several pieces are delivered one by one. */
export type Tamper = (from: 'client' | 'server', level: TlsLevel, bytes: Uint8Array) => readonly Uint8Array[]

/** How one side fared. */
export interface Outcome {
  readonly session: TlsSession
  readonly events: readonly TlsEvent[]
  readonly complete: TlsComplete | undefined
  /** What `receive` threw, or the `failed` event carried. */
  readonly error: unknown
}

class Party {
  readonly events: TlsEvent[] = []
  error: unknown
  readonly session: TlsSession

  constructor(session: TlsSession) {
    this.session = session
  }

  receive(level: TlsLevel, bytes: Uint8Array): void {
    try {
      this.session.receive(level, bytes)
    } catch (error) {
      this.error = error
    }
  }

  poll(): TlsEvent | undefined {
    const event = this.session.poll()
    if (event !== undefined) this.events.push(event)
    if (event?.type === 'failed') this.error = event.alert
    return event
  }

  get complete(): TlsComplete | undefined {
    return this.events.find((event) => event.type === 'complete')
  }
}

/** Runs a handshake until one side has failed or nothing moves any more. */
export async function handshake(
  client: TlsClientConfig,
  server: TlsServerConfig,
  pace: Pace,
  tamper: Tamper = (_from, _level, bytes) => [bytes],
): Promise<{ readonly client: Outcome; readonly server: Outcome }> {
  const work = new Work()
  const parties = {
    client: new Party(createClientSession(pace.isSlow ? slowClient(client, pace, work) : client)),
    server: new Party(createServerSession(pace.isSlow ? slowServer(server, pace, work) : server)),
  }
  const doorbell = doorbellOf(work, parties.client.session, parties.server.session)
  do {
    while (deliver(parties, 'client', tamper) || deliver(parties, 'server', tamper));
    if (parties.client.error !== undefined || parties.server.error !== undefined) break
  } while (pace.isSlow && (await doorbell()))
  return { client: outcomeOf(parties.client), server: outcomeOf(parties.server) }
}

function outcomeOf(party: Party): Outcome {
  return { session: party.session, events: party.events, complete: party.complete, error: party.error }
}

/** Moves one event across; false if there was none. */
function deliver(parties: Record<'client' | 'server', Party>, from: 'client' | 'server', tamper: Tamper): boolean {
  const event = parties[from].poll()
  if (event === undefined) return false
  if (event.type === 'message') {
    const to = parties[from === 'client' ? 'server' : 'client']
    for (const piece of tamper(from, event.level, event.bytes)) to.receive(event.level, piece)
  }
  return true
}

/** Operations under way in real time. */
class Work {
  #underWay = 0
  #waiting: (() => void)[] = []

  /** Does the work, and counts it until it is done. */
  readonly count: Manner = async (work) => {
    this.#underWay += 1
    try {
      return await work()
    } finally {
      this.#underWay -= 1
      const waiting = this.#waiting
      this.#waiting = []
      for (const resolve of waiting) resolve()
    }
  }

  /** Waits until something is done; false if nothing is under way. */
  async progress(): Promise<boolean> {
    if (this.#underWay === 0) return false
    await new Promise<void>((resolve) => void this.#waiting.push(resolve))
    return true
  }
}

/** Turns of the microtask queue after which a slow provider that is still silent has nothing to do. */
const PATIENCE = 100

/** Waits until either session rings; false if none does. */
function doorbellOf(work: Work, ...sessions: readonly TlsSession[]): () => Promise<boolean> {
  let hasRung = false
  for (const session of sessions) {
    session.onProgress = () => {
      hasRung = true
    }
  }
  return async () => {
    do {
      for (let turn = 0; turn < PATIENCE && !hasRung; turn++) await undefined
    } while (!hasRung && (await work.progress()))
    const rang = hasRung
    hasRung = false
    return rang
  }
}

function slowCrypto(crypto: PublicKeyProvider, pace: Pace, work: Work): PublicKeyProvider {
  return slowProvider(pace.isWeb === true && crypto === noble ? webAsNoble() : crypto, mannerOf(pace, work))
}

function mannerOf(pace: Pace, work: Work): Manner {
  return pace.isWeb === true ? work.count : later
}

function slowIdentity<Question>(
  select: (question: Question) => Eventually<Identity | undefined>,
  pace: Pace,
  work: Work,
): (question: Question) => Promise<Identity | undefined> {
  return slowSelection(select, mannerOf(pace, work), pace.isWeb === true ? signingByWeb : undefined)
}

/** The same identity with a signer of the host, where it is one of the fixtures. */
async function signingByWeb(identity: Identity): Promise<Identity> {
  const pair = PAIRS.get(identity.signer)
  return pair === undefined ? identity : { ...identity, signer: await web.createSigner(fromHex(pair.privateKey)) }
}

/** The host's Web Crypto, which may know more groups and schemes than noble: without what tests do not expect. */
function webAsNoble(): PublicKeyProvider {
  return {
    ...web,
    groups: noble.groups.flatMap(({ group }) => web.groups.filter((other) => other.group === group)),
    verifiers: noble.verifiers.flatMap(({ scheme }) => web.verifiers.filter((other) => other.scheme === scheme)),
  }
}

function slowClient(config: TlsClientConfig, pace: Pace, work: Work): TlsClientConfig {
  const { crypto, selectIdentity, verifier } = config
  return {
    ...config,
    crypto: slowCrypto(crypto, pace, work),
    verifier: slowVerifier(verifier, mannerOf(pace, work)),
    selectIdentity: selectIdentity === undefined ? undefined : slowIdentity(selectIdentity, pace, work),
  }
}

function slowServer(config: TlsServerConfig, pace: Pace, work: Work): TlsServerConfig {
  const { clientCertificates: policy, crypto, selectIdentity } = config
  const manner = mannerOf(pace, work)
  return {
    ...config,
    crypto: slowCrypto(crypto, pace, work),
    selectIdentity: slowIdentity(selectIdentity, pace, work),
    clientCertificates:
      policy === undefined ? undefined : { ...policy, verifier: slowVerifier(policy.verifier, manner) },
  }
}

/** The alert that a side failed with; throws if it failed otherwise or not at all. */
export function alertOf(outcome: Outcome): TlsAlert {
  if (outcome.error instanceof TlsAlert) return outcome.error
  throw new Error('The handshake did not fail with an alert', { cause: outcome.error })
}

/** Whole messages out of bytes that hold nothing else. */
export function splitMessages(bytes: Uint8Array): readonly Uint8Array[] {
  const messages: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const length = ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
    messages.push(bytes.subarray(at, at + HEADER_LENGTH + length))
    at += HEADER_LENGTH + length
  }
  return messages
}

/** A hand that replaces one side's messages of one type. */
export function replacing(
  from: 'client' | 'server',
  type: number,
  replace: (message: Uint8Array) => Uint8Array,
): Tamper {
  return (sender, _level, bytes) => {
    if (sender !== from) return [bytes]
    return [concat(...splitMessages(bytes).map((message) => (message[0] === type ? replace(message) : message)))]
  }
}

/** The message with another body, its length put right. */
export function withBody(message: Uint8Array, body: Uint8Array): Uint8Array {
  const { length } = body
  return concat(Uint8Array.of(message[0] ?? 0, length >>> 16, length >>> 8, length), body)
}

/** Edits an extension block that ends a message; `blockAt` is where the block's length stands in the body. */
export function editExtensions(
  message: Uint8Array,
  blockAt: number,
  edit: (extensions: Map<number, Uint8Array>) => void,
): Uint8Array {
  const body = message.subarray(HEADER_LENGTH)
  const extensions = new Map<number, Uint8Array>()
  for (let at = blockAt + 2; at < body.length; ) {
    const type = ((body[at] ?? 0) << 8) | (body[at + 1] ?? 0)
    const length = ((body[at + 2] ?? 0) << 8) | (body[at + 3] ?? 0)
    extensions.set(type, body.slice(at + 4, at + 4 + length))
    at += 4 + length
  }
  edit(extensions)
  const block = concat(
    ...[...extensions].map(([type, value]) =>
      concat(Uint8Array.of(type >>> 8, type, value.length >>> 8, value.length), value),
    ),
  )
  return withBody(message, concat(body.subarray(0, blockAt), Uint8Array.of(block.length >>> 8, block.length), block))
}

/** Whether `value` is one of the sixteen two-byte values reserved by RFC 8701 §2. */
export function isGrease(value: number): boolean {
  return (value & 0x0f0f) === 0x0a0a && value >>> 8 === (value & 0xff)
}
