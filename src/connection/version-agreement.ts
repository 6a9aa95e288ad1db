/**
 * Which version a connection is in (RFC 9368, RFC 9369 §4): what either side says of its versions, what a server makes of it,
 * and what a client must find in the answer, so that nobody in between talks them into another one. Versions 1 and 2 are
 * compatible with one another, and the only ones that are spoken.
 */
import { type RandomSource, randomInteger } from '../base/random.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import type { VersionInformation } from '../wire/transport-parameters.ts'
import { isSupportedVersion, reservedVersion, VERSION_1 } from '../wire/version.ts'
import type { ConnectionConfig } from './config.ts'

/**
 * What we say (RFC 9368 §3), with a reserved version among the others to keep the field open (RFC 9000 §15).
 * @param chosen client: the version of its first flight; server: the one that was agreed on.
 * @param versions client: those that its first flight is compatible with, best first; server: those that are deployed.
 */
export function ownVersionInformation(
  chosen: number,
  versions: readonly number[],
  random: RandomSource,
): VersionInformation {
  // RFC 9368 §3: a client's list has the chosen version; so has ours as a server.
  const available = versions.includes(chosen) ? [...versions] : [chosen, ...versions]
  available.splice(randomInteger(random, available.length + 1), 0, reservedVersion(random))
  return { chosen, available }
}

/**
 * Server: the version of the connection, from the client's first flight (RFC 9368 §2.3). The client's own, unless there is a
 * preferred one among those that it has.
 * @param original of the client's packets.
 * @throws TransportError VERSION_NEGOTIATION_ERROR where the client means another version than its packets have (§4)
 */
export function agreedVersion(
  original: number,
  client: VersionInformation | undefined,
  { preferredVersions }: Pick<ConnectionConfig, 'preferredVersions'>,
): number {
  if (client === undefined) return original
  if (client.chosen !== original) {
    throw versionError(`The client chose version ${name(client.chosen)}, its packets are of ${name(original)}`)
  }
  return preferredVersions.find((version) => client.available.includes(version)) ?? original
}

/** What a client knows of the versions of its connection. */
export interface ClientVersions {
  /** Of its first flight: of the one after Version Negotiation, if there was that. */
  readonly chosen: number
  /** Of the server's packets. */
  readonly negotiated: number
  /** What it offered, best first. */
  readonly versions: readonly number[]
  /** Whether a Version Negotiation packet was believed. */
  readonly hasReacted: boolean
}

/**
 * Client: what the server says of its versions must be what happened (RFC 9368 §4).
 * @throws TransportError VERSION_NEGOTIATION_ERROR
 */
export function checkServerVersions(server: VersionInformation | undefined, client: ClientVersions): void {
  const { chosen, negotiated, versions, hasReacted } = client
  const information = server ?? impliedInformation(client)
  if (information === undefined) {
    if (!hasReacted && negotiated === chosen) return
    throw versionError('The server changes the version, and says nothing of its versions')
  }
  if (information.chosen !== chosen && !versions.includes(information.chosen)) {
    throw versionError(`The server chose version ${name(information.chosen)}, not offered`)
  }
  if (information.chosen !== negotiated) {
    throw versionError(`The server chose version ${name(information.chosen)}, its packets are of ${name(negotiated)}`)
  }
  if (!hasReacted) return
  const { available } = information
  // What we would have begun with, had the Version Negotiation packet been the server's whole truth.
  const wanted = versions.find((version) => available.includes(version) || version === negotiated)
  if (available.length === 0 || wanted !== chosen) {
    throw versionError(`Version ${name(chosen)} was negotiated, and the server has a better one`)
  }
}

/** RFC 9368 §8: servers of version 1 alone know nothing of all this. */
function impliedInformation({ chosen, negotiated, hasReacted }: ClientVersions): VersionInformation | undefined {
  const isOld = hasReacted && chosen === VERSION_1 && negotiated === VERSION_1
  return isOld ? { chosen: VERSION_1, available: [VERSION_1] } : undefined
}

/** Client: whether a server may answer a first flight of version `chosen` with packets of `version`. */
export function mayBeNegotiated(version: number, chosen: number, versions: readonly number[]): boolean {
  return version !== chosen && isSupportedVersion(version) && isSupportedVersion(chosen) && versions.includes(version)
}

function versionError(reason: string): TransportError {
  return new TransportError(TransportErrorCode.VERSION_NEGOTIATION_ERROR, reason)
}

function name(version: number): string {
  return `0x${version.toString(16).padStart(8, '0')}`
}
