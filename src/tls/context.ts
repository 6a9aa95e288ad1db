/**
 * What the states of one handshake share: transcript, events that wait for their message to be accepted, secrets that are
 * alive, key log.
 */
import type { CipherSuite, HashName } from '../crypto/provider.ts'
import type { TlsConfig } from './config.ts'
import { type KeyLogLabel, keyLogLine } from './key-log.ts'
import { exportKeyingMaterial, KeySchedule } from './key-schedule.ts'
import type { TlsEvent, TlsLevel } from './session.ts'
import { Transcript } from './transcript.ts'

/** The shared part of one handshake. */
export class HandshakeContext {
  transcript: Transcript = new Transcript()
  readonly #keyLog: ((line: string) => void) | undefined
  #secrets: Uint8Array[] = []
  #schedule: KeySchedule | undefined
  #staged: TlsEvent[] = []
  #exporter: { readonly suite: CipherSuite; readonly secret: Uint8Array } | undefined

  constructor(config: TlsConfig) {
    this.#keyLog = config.keyLog
  }

  /** Puts an event behind the others that the message at hand brings about. */
  emit(event: TlsEvent): void {
    this.#staged.push(event)
  }

  /** Tells the other side of the boundary a traffic secret, as a copy. */
  emitSecret(level: TlsLevel, direction: 'read' | 'write', secret: Uint8Array, suite: CipherSuite): void {
    this.emit({ type: 'secret', level, direction, secret: secret.slice(), suite })
  }

  /** Takes the events of a message that was accepted. */
  takeEvents(): readonly TlsEvent[] {
    const events = this.#staged
    this.#staged = []
    return events
  }

  /** Begins the key schedule, which is wiped at the end with the rest. */
  beginSchedule(hash: HashName, psk?: Uint8Array): KeySchedule {
    this.#schedule?.discard()
    this.#schedule = new KeySchedule(hash, psk)
    return this.#schedule
  }

  /** Counts a secret among those to be wiped at the end. Returns it. */
  keep(secret: Uint8Array): Uint8Array {
    this.#secrets.push(secret)
    return secret
  }

  /** Wipes a secret that has done its duty. */
  wipe(secret: Uint8Array): void {
    secret.fill(0)
    this.#secrets = this.#secrets.filter((kept) => kept !== secret)
  }

  /** Wipes every secret alive and drops the events that were not taken (RFC 8446 §6: failed connections forget). */
  wipeAll(): void {
    for (const secret of this.#secrets) secret.fill(0)
    this.#secrets = []
    this.#schedule?.discard()
    this.#exporter = undefined
    for (const event of this.takeEvents()) wipeEvent(event)
  }

  /** Writes a secret into the key log, where there is one. */
  log(label: KeyLogLabel, clientRandom: Uint8Array, secret: Uint8Array): void {
    this.#keyLog?.(keyLogLine(label, clientRandom, secret))
  }

  /** The handshake is complete: from now on keying material may be exported. `secret` is among those kept. */
  openExporter(suite: CipherSuite, secret: Uint8Array): void {
    this.#exporter = { suite, secret }
  }

  /** Drops what only a handshake needs, once its last message is hashed and its last secret derived. */
  endHandshake(): void {
    this.transcript = new Transcript()
    this.#schedule?.discard()
    this.#schedule = undefined
    // A copy has no room to spare.
    this.#secrets = this.#secrets.slice()
  }

  /** See `TlsSession.exportKeyingMaterial`. */
  export(label: string, context: Uint8Array, length: number): Uint8Array {
    if (this.#exporter === undefined) throw new Error('Keying material can be exported while a handshake is complete')
    return exportKeyingMaterial(this.#exporter.suite.hash, this.#exporter.secret, label, context, length)
  }
}

/** Wipes the secret in an event that nobody will get. */
export function wipeEvent(event: TlsEvent): void {
  if (event.type === 'secret') event.secret.fill(0)
  else if (event.type === 'ticket') event.session.key.fill(0)
}
