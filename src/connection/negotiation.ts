/**
 * The client's side of Retry (RFC 9000 §17.2.5.2) and Version Negotiation (§6.2): whether such a packet is believed, and
 * what it changes. Both are unprotected, so each is taken once, and neither after a packet of the server was processed.
 */
import { EMPTY, equalBytes } from '../base/bytes.ts'
import { retryIntegrityTag } from '../protection/retry-tag.ts'
import type { ConnectionId } from '../wire/connection-id.ts'
import { LongHeader } from '../wire/long-header.ts'
import { parseRetry, parseVersionNegotiation } from '../wire/special-packets.ts'
import { isSupportedVersion } from '../wire/version.ts'

/** What a {@link Negotiation} needs. */
export interface NegotiationOptions {
  /** The version of the first Initial packet. */
  readonly version: number
  /** The versions that are spoken, best first. */
  readonly versions: readonly number[]
  /** The random destination id of the first Initial packet. */
  readonly originalDestination: ConnectionId
  /** Our source id. */
  readonly source: ConnectionId
  /** From a NEW_TOKEN frame of an earlier connection to this server. */
  readonly token?: Uint8Array | undefined
}

/** What a packet changes. */
export type NegotiationResult =
  /** Initial packets go to another id, under keys derived from it, with the token; what was sent is sent again. */
  | { readonly type: 'retry'; readonly destination: ConnectionId }
  /** Everything is sent again in another version, under keys of that version. */
  | { readonly type: 'version'; readonly version: number }
  /** There is no version in common: the attempt is over. */
  | { readonly type: 'failed'; readonly offered: number; readonly supported: readonly number[] }

/** The negotiation of one client connection. */
export class Negotiation {
  readonly #options: NegotiationOptions
  #version: number
  #token: Uint8Array
  #retrySource: ConnectionId | undefined = undefined
  #isVersionChosen = false
  #isOver = false

  constructor(options: NegotiationOptions) {
    this.#options = options
    this.#version = options.version
    this.#token = options.token ?? EMPTY
  }

  /** The version of the first flight, of the one after Version Negotiation if there was that. */
  get version(): number {
    return this.#version
  }

  /** Whether a Version Negotiation packet was believed. */
  get hasReacted(): boolean {
    return this.#isVersionChosen
  }

  /** For every Initial packet; empty if there is none (RFC 9000 §8.1.2, §8.1.3). */
  get token(): Uint8Array {
    return this.#token
  }

  /** The destination id of the first Initial packet, which the server must prove to have seen. */
  get originalDestination(): ConnectionId {
    return this.#options.originalDestination
  }

  /** The source id of the Retry packet that was accepted, if any. */
  get retrySource(): ConnectionId | undefined {
    return this.#retrySource
  }

  /** A protected packet of the server was processed: from now on Retry and Version Negotiation are dropped. */
  onPacketProcessed(): void {
    this.#isOver = true
  }

  /** The Retry packet from `start` to `end`. `undefined`: it is to be dropped. */
  onRetry(bytes: Uint8Array, start: number, end: number): NegotiationResult | undefined {
    const { originalDestination } = this.#options
    const header = new LongHeader()
    if (!header.parse(bytes, start, end)) return undefined
    if (this.#isOver || this.#retrySource !== undefined || header.version !== this.#version) return undefined
    if (!isSupportedVersion(this.#version)) return undefined
    if (!header.destinationId().equals(this.#options.source)) return undefined
    const retry = parseRetry(header)
    const source = header.sourceId()
    // RFC 9000 §17.2.5.1: a server must have chosen an id of its own.
    if (retry === undefined || source.equals(originalDestination)) return undefined
    const tag = retryIntegrityTag(this.#version, originalDestination.bytes, retry.withoutTag)
    if (!equalBytes(tag, retry.integrityTag)) return undefined
    this.#retrySource = source
    this.#token = retry.token
    return { type: 'retry', destination: source }
  }

  /** The Version Negotiation packet from `start` to `end`. `undefined`: it is to be dropped. */
  onVersionNegotiation(bytes: Uint8Array, start: number, end: number): NegotiationResult | undefined {
    const { originalDestination, source, versions } = this.#options
    const header = new LongHeader()
    if (!header.parse(bytes, start, end)) return undefined
    if (this.#isOver || this.#isVersionChosen || this.#retrySource !== undefined) return undefined
    // RFC 9000 §17.2.1: only who saw our packet can name both ids.
    if (!(header.destinationId().equals(source) && header.sourceId().equals(originalDestination))) return undefined
    const supported = parseVersionNegotiation(header)
    // RFC 9000 §6.2: a list with our version is a forgery, or an accident.
    if (supported === undefined || supported.includes(this.#version)) return undefined
    const offered = this.#version
    const version = versions.find((spoken) => supported.includes(spoken))
    this.#isVersionChosen = true
    if (version === undefined) return { type: 'failed', offered, supported }
    this.#version = version
    // RFC 9000 §8.1.3: a token is good for the version that it was given in.
    this.#token = EMPTY
    return { type: 'version', version }
  }
}
