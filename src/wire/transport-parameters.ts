/**
 * Transport parameters (RFC 9000 §18, RFC 9221 §3, RFC 9287 §3, RFC 9368 §3, drafts ack-frequency §3 and
 * reliable-stream-reset §3): decoded, checked for all that can be checked without the connection, encoded. Whether ids
 * agree (RFC 9000 §7.3) and what 0-RTT remembers (§7.4.1) is the connection's affair.
 */

import { copyBytes, EMPTY } from '../base/bytes.ts'
import { type RandomSource, randomBytes, randomInteger } from '../base/random.ts'
import { Reader } from '../base/reader.ts'
import type { Duration } from '../base/time.ts'
import { MAX_SAFE } from '../base/varint.ts'
import { Writer } from '../base/writer.ts'
import type { PathAddress } from '../transport.ts'
import { ConnectionId, MAX_CONNECTION_ID_LENGTH, STATELESS_RESET_TOKEN_LENGTH } from './connection-id.ts'
import { hostBytes, readAddress, splitAddress } from './path-address.ts'
import { MAX_STREAM_COUNT, type Role } from './stream-id.ts'
import { TransportError, TransportErrorCode } from './transport-error.ts'

/** Where a server would rather be reached (RFC 9000 §9.6). */
export interface PreferredAddress {
  readonly ipv4: PathAddress | undefined
  readonly ipv6: PathAddress | undefined
  /** The id with sequence number 1; 1 to 20 bytes. */
  readonly connectionId: ConnectionId
  /** 16 bytes. */
  readonly statelessResetToken: Uint8Array
}

/** RFC 9368 §3. */
export interface VersionInformation {
  readonly chosen: number
  /** A client's in order of preference, a server's in none. */
  readonly available: readonly number[]
}

/** What one endpoint declares to the other. Limits above 2^53-1 read as 2^53-1. */
export interface TransportParameters {
  /** Server only. */
  readonly originalDestinationConnectionId: ConnectionId | undefined
  /** ms; 0: none. */
  readonly maxIdleTimeout: Duration
  /** 16 bytes. Server only. */
  readonly statelessResetToken: Uint8Array | undefined
  /** Bytes, at least 1200. */
  readonly maxUdpPayloadSize: number
  /** Bytes, as the three that follow. */
  readonly initialMaxData: number
  readonly initialMaxStreamDataBidiLocal: number
  readonly initialMaxStreamDataBidiRemote: number
  readonly initialMaxStreamDataUni: number
  readonly initialMaxStreamsBidi: number
  readonly initialMaxStreamsUni: number
  /** 0 to 20. */
  readonly ackDelayExponent: number
  /** ms, below 2^14. */
  readonly maxAckDelay: Duration
  readonly disableActiveMigration: boolean
  /** Server only. */
  readonly preferredAddress: PreferredAddress | undefined
  /** At least 2. */
  readonly activeConnectionIdLimit: number
  readonly initialSourceConnectionId: ConnectionId | undefined
  /** Server only. */
  readonly retrySourceConnectionId: ConnectionId | undefined
  readonly versionInformation: VersionInformation | undefined
  /** Bytes of a whole DATAGRAM frame, type and length included (RFC 9221 §3); 0: none is accepted. */
  readonly maxDatagramFrameSize: number
  readonly greaseQuicBit: boolean
  /** ms, in steps of a microsecond, at most `maxAckDelay`; `undefined`: no ACK_FREQUENCY, please. */
  readonly minAckDelay: Duration | undefined
  readonly resetStreamAt: boolean
  /** Parameters that this stack does not know, reserved ones left out; received, at most 64 of them with 4,096 bytes in all. */
  readonly unknown: ReadonlyMap<bigint, Uint8Array>
}

/** What counts for a parameter that is absent (RFC 9000 §18.2). */
export const DEFAULT_TRANSPORT_PARAMETERS: TransportParameters = {
  originalDestinationConnectionId: undefined,
  maxIdleTimeout: 0,
  statelessResetToken: undefined,
  maxUdpPayloadSize: 65527,
  initialMaxData: 0,
  initialMaxStreamDataBidiLocal: 0,
  initialMaxStreamDataBidiRemote: 0,
  initialMaxStreamDataUni: 0,
  initialMaxStreamsBidi: 0,
  initialMaxStreamsUni: 0,
  ackDelayExponent: 3,
  maxAckDelay: 25,
  disableActiveMigration: false,
  preferredAddress: undefined,
  activeConnectionIdLimit: 2,
  initialSourceConnectionId: undefined,
  retrySourceConnectionId: undefined,
  versionInformation: undefined,
  maxDatagramFrameSize: 0,
  greaseQuicBit: false,
  minAckDelay: undefined,
  resetStreamAt: false,
  unknown: /* @__PURE__ */ new Map(),
}

const MAX_UNKNOWN = 64
const MAX_UNKNOWN_BYTES = 4096

/** Names of the parameters with a value of one kind. */
type NameOf<V> = {
  [K in keyof TransportParameters]-?: [TransportParameters[K], V] extends [V, TransportParameters[K]] ? K : never
}[keyof TransportParameters]

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

type Parameter =
  | {
      readonly kind: 'integer'
      readonly name: NameOf<number>
      readonly lowest?: number
      readonly highest?: number
      /** A count of streams: at most 2^60. */
      readonly isCount?: boolean
    }
  | { readonly kind: 'flag'; readonly name: NameOf<boolean> }
  | { readonly kind: 'id'; readonly name: NameOf<ConnectionId | undefined>; readonly serverOnly?: boolean }
  | { readonly kind: 'token'; readonly name: 'statelessResetToken'; readonly serverOnly: true }
  | { readonly kind: 'address'; readonly name: 'preferredAddress'; readonly serverOnly: true }
  | { readonly kind: 'versions'; readonly name: 'versionInformation' }
  | { readonly kind: 'microseconds'; readonly name: 'minAckDelay' }

/** The parameters by their ids, in ascending order, which is the order in which they are written. */
const PARAMETERS: Readonly<Record<number, Parameter>> = {
  0: { kind: 'id', name: 'originalDestinationConnectionId', serverOnly: true },
  1: { kind: 'integer', name: 'maxIdleTimeout' },
  2: { kind: 'token', name: 'statelessResetToken', serverOnly: true },
  3: { kind: 'integer', name: 'maxUdpPayloadSize', lowest: 1200 },
  4: { kind: 'integer', name: 'initialMaxData' },
  5: { kind: 'integer', name: 'initialMaxStreamDataBidiLocal' },
  6: { kind: 'integer', name: 'initialMaxStreamDataBidiRemote' },
  7: { kind: 'integer', name: 'initialMaxStreamDataUni' },
  8: { kind: 'integer', name: 'initialMaxStreamsBidi', isCount: true },
  9: { kind: 'integer', name: 'initialMaxStreamsUni', isCount: true },
  10: { kind: 'integer', name: 'ackDelayExponent', highest: 20 },
  11: { kind: 'integer', name: 'maxAckDelay', highest: 16383 },
  12: { kind: 'flag', name: 'disableActiveMigration' },
  13: { kind: 'address', name: 'preferredAddress', serverOnly: true },
  14: { kind: 'integer', name: 'activeConnectionIdLimit', lowest: 2 },
  15: { kind: 'id', name: 'initialSourceConnectionId' },
  16: { kind: 'id', name: 'retrySourceConnectionId', serverOnly: true },
  17: { kind: 'versions', name: 'versionInformation' },
  29: { kind: 'flag', name: 'resetStreamAt' },
  32: { kind: 'integer', name: 'maxDatagramFrameSize' },
  10930: { kind: 'flag', name: 'greaseQuicBit' },
  4278509083: { kind: 'microseconds', name: 'minAckDelay' },
}

let known: ReadonlyMap<number, Parameter> | undefined

/** {@link PARAMETERS} by id, made at the first use. Keys that are array indices come in ascending order, so the ids do. */
function knownParameters(): ReadonlyMap<number, Parameter> {
  known ??= new Map(Object.entries(PARAMETERS).map(([id, parameter]) => [Number(id), parameter]))
  return known
}

/**
 * Decodes what `sender` declared.
 * @throws TransportError TRANSPORT_PARAMETER_ERROR, and nothing else: cut short, sent twice, not of its size, out of its
 * range, or only a server's (RFC 9000 §7.4, §18.2).
 */
export function decodeTransportParameters(bytes: Uint8Array, sender: Role): TransportParameters {
  const reader = new Reader(bytes)
  const unknown = new Map<bigint, Uint8Array>()
  const parameters: Mutable<TransportParameters> = { ...DEFAULT_TRANSPORT_PARAMETERS }
  const seen = new Set<bigint>()
  const value = new Reader()
  let unknownBytes = 0
  while (reader.remaining > 0) {
    const id = reader.varintBigint()
    const length = reader.varint()
    const start = reader.skip(length)
    if (!reader.ok) throw parameterError('The transport parameters are cut short')
    if (seen.has(id)) throw parameterError(`Transport parameter 0x${id.toString(16)} is there twice`)
    seen.add(id)
    const parameter = knownParameters().get(Number(id))
    if (parameter !== undefined) {
      if ('serverOnly' in parameter && parameter.serverOnly && sender === 'client') {
        throw parameterError(`Transport parameter ${parameter.name} came from a client`)
      }
      value.reset(bytes, start, start + length)
      decodeParameter(parameter, value, parameters)
      if (!value.ok || value.remaining > 0) {
        throw parameterError(`Transport parameter ${parameter.name} does not fill its ${length} bytes`)
      }
    } else if (!isReservedParameter(id) && unknown.size < MAX_UNKNOWN && unknownBytes + length <= MAX_UNKNOWN_BYTES) {
      unknownBytes += length
      unknown.set(id, copyBytes(bytes, start, start + length))
    }
  }
  // The empty one of the defaults is every connection's.
  if (unknown.size > 0) parameters.unknown = unknown
  checkTogether(parameters, sender)
  return parameters
}

/** Whether the id is of the form 31 * N + 27, reserved to exercise the rule that unknown ones are ignored (RFC 9000 §18.1). */
export function isReservedParameter(id: bigint): boolean {
  return id % 31n === 27n
}

/** Bytes of a reserved parameter's value. */
const RESERVED_LENGTH = 8

/** A parameter of that form at random. Each takes as many bytes, so that no size of a handshake is a matter of chance. */
export function reservedParameter(random: RandomSource): readonly [id: bigint, value: Uint8Array] {
  // From 2^30 on ids are varints of eight bytes.
  const id = 31n * (0x400_0000n + BigInt(randomInteger(random, 0x1_0000_0000))) + 27n
  return [id, randomBytes(random, RESERVED_LENGTH)]
}

function decodeParameter(parameter: Parameter, value: Reader, into: Mutable<TransportParameters>): void {
  switch (parameter.kind) {
    case 'integer':
      into[parameter.name] = decodeInteger(parameter, value)
      return
    case 'flag':
      into[parameter.name] = true
      return
    case 'id':
      if (value.remaining > MAX_CONNECTION_ID_LENGTH) {
        throw parameterError(`Transport parameter ${parameter.name} has ${value.remaining} bytes`)
      }
      into[parameter.name] = ConnectionId.from(value.bytesView(value.remaining))
      return
    case 'token':
      into.statelessResetToken = value.bytesCopy(STATELESS_RESET_TOKEN_LENGTH)
      return
    case 'address':
      into.preferredAddress = decodePreferredAddress(value)
      return
    case 'versions':
      into.versionInformation = decodeVersionInformation(value)
      return
    case 'microseconds':
      into.minAckDelay = value.varintSaturated() / 1000
  }
}

function decodeInteger(parameter: Parameter & { kind: 'integer' }, value: Reader): number {
  const at = value.offset
  const { isCount, highest = MAX_SAFE, lowest = 0, name } = parameter
  const integer = value.varintSaturated()
  if (!value.ok) return 0
  if (integer === MAX_SAFE) {
    const exact = new Reader(value.bytes, at, value.end).varintBigint()
    // RFC 9000 §4.6: more streams could not be numbered.
    if (isCount === true && exact > MAX_STREAM_COUNT)
      throw parameterError(`Transport parameter ${name} is above 2^60: ${exact}`)
  }
  if (integer < lowest || integer > highest)
    throw parameterError(`Transport parameter ${name} is out of range: ${integer}`)
  return integer
}

function decodePreferredAddress(value: Reader): PreferredAddress {
  const ipv4 = readAddress(value, 4)
  const ipv6 = readAddress(value, 16)
  const length = value.uint8()
  // As in NEW_CONNECTION_ID (RFC 9000 §18.2, §19.15).
  if (value.ok && (length < 1 || length > MAX_CONNECTION_ID_LENGTH)) {
    throw parameterError(`The preferred address has a connection id of ${length} bytes`)
  }
  const connectionId = ConnectionId.from(value.bytesView(length))
  return { ipv4, ipv6, connectionId, statelessResetToken: value.bytesCopy(STATELESS_RESET_TOKEN_LENGTH) }
}

/** RFC 9368 §4: too short, not a multiple of four, or a zero among the versions is a failure to parse. */
function decodeVersionInformation(value: Reader): VersionInformation {
  const chosen = value.uint32()
  const available: number[] = []
  while (value.remaining > 0) available.push(value.uint32())
  if (value.ok && (chosen === 0 || available.includes(0)))
    throw parameterError('The version information holds version 0')
  // A copy has no room to spare: it is kept as long as the connection.
  return { chosen, available: available.slice() }
}

function checkTogether(parameters: TransportParameters, sender: Role): void {
  const { versionInformation, minAckDelay, maxAckDelay, preferredAddress, initialSourceConnectionId } = parameters
  if (sender === 'client' && versionInformation?.available.includes(versionInformation.chosen) === false) {
    throw parameterError(`The chosen version ${versionInformation.chosen} is not among the available ones`)
  }
  if (minAckDelay !== undefined && minAckDelay > maxAckDelay) {
    throw parameterError(`minAckDelay ${minAckDelay} is above maxAckDelay ${maxAckDelay}`)
  }
  // RFC 9000 §18.2: whoever has empty connection ids provides no preferred address.
  if (preferredAddress !== undefined && initialSourceConnectionId?.length === 0) {
    throw parameterError('A preferred address came with an empty connection id')
  }
}

function parameterError(reason: string): TransportError {
  return new TransportError(TransportErrorCode.TRANSPORT_PARAMETER_ERROR, reason)
}

/**
 * Encodes what `sender` declares: parameters that differ from their defaults, then `unknown` as it is (which is where
 * reserved ones go).
 * @throws TypeError for a server's parameter from a client; RangeError for a value that cannot be encoded.
 */
export function encodeTransportParameters(parameters: TransportParameters, sender: Role): Uint8Array {
  const writer = new Writer()
  const value = new Writer(64)
  for (const [id, parameter] of knownParameters()) {
    if (parameters[parameter.name] === DEFAULT_TRANSPORT_PARAMETERS[parameter.name]) continue
    if ('serverOnly' in parameter && parameter.serverOnly && sender === 'client') {
      throw new TypeError(`A client does not send the transport parameter ${parameter.name}`)
    }
    value.clear()
    encodeParameter(parameter, parameters, value)
    writer.varint(id)
    writer.varint(value.length)
    writer.bytes(value.buffer.subarray(0, value.length))
  }
  for (const [id, bytes] of parameters.unknown) {
    writer.varint(id)
    writer.varint(bytes.length)
    writer.bytes(bytes)
  }
  return writer.finish()
}

function encodeParameter(parameter: Parameter, from: TransportParameters, value: Writer): void {
  switch (parameter.kind) {
    case 'integer':
      value.varint(from[parameter.name])
      return
    case 'flag':
      return
    case 'id':
      value.bytes(from[parameter.name]?.toBytes() ?? EMPTY)
      return
    case 'token':
      value.bytes(from.statelessResetToken ?? EMPTY)
      return
    case 'address':
      if (from.preferredAddress !== undefined) encodePreferredAddress(from.preferredAddress, value)
      return
    case 'versions':
      value.uint32(from.versionInformation?.chosen ?? 0)
      for (const version of from.versionInformation?.available ?? []) value.uint32(version)
      return
    case 'microseconds':
      value.varint(Math.round((from.minAckDelay ?? 0) * 1000))
  }
}

function encodePreferredAddress(address: PreferredAddress, value: Writer): void {
  encodeAddress(address.ipv4, 4, value)
  encodeAddress(address.ipv6, 16, value)
  value.uint8(address.connectionId.length)
  value.bytes(address.connectionId.toBytes())
  value.bytes(address.statelessResetToken)
}

/** An address that is absent is all zero (RFC 9000 §18.2). */
function encodeAddress(address: PathAddress | undefined, length: 4 | 16, value: Writer): void {
  const parts = address === undefined ? { host: '', port: 0 } : splitAddress(address)
  const bytes = address === undefined ? new Uint8Array(length) : hostBytes(parts?.host ?? '')
  if (parts === undefined || bytes?.length !== length) {
    throw new RangeError(`A preferred address of ${length} bytes is needed, got ${address}`)
  }
  value.bytes(bytes)
  value.uint16(parts.port)
}
