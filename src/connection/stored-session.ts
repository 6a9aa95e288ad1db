/**
 * What a client keeps of a connection for the next one to the same server (RFC 9001 §4.5, §4.6): the TLS session, the
 * version, and of the server's transport parameters those that 0-RTT relies on (RFC 9000 §7.4.1). Its form as bytes, and
 * what the server's new parameters must hold to.
 */
import { Reader } from '../base/reader.ts'
import { Writer } from '../base/writer.ts'
import { type Resumption, readBytes, readResumption, writeBytes, writeResumption } from '../tls/resumption.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import {
  DEFAULT_TRANSPORT_PARAMETERS,
  decodeTransportParameters,
  encodeTransportParameters,
  type TransportParameters,
} from '../wire/transport-parameters.ts'

/** A session to go on from. Secret, as the key in it is. */
export interface StoredSession {
  /** The QUIC version of the connection; a ticket is good in no other (RFC 9369 §5). */
  readonly version: number
  /** What is remembered of the server's transport parameters; see {@link rememberedParameters}. */
  readonly parameters: TransportParameters
  readonly tls: Resumption
}

/** The first byte of a stored session: of its form. */
const FORM = 1

/** The session as bytes, to be kept secret. */
export function encodeSession({ version, parameters, tls }: StoredSession): Uint8Array {
  const writer = new Writer(512)
  writer.uint8(FORM)
  writer.uint32(version)
  writeBytes(writer, encodeTransportParameters(parameters, 'server'))
  writeResumption(writer, tls)
  return writer.finish()
}

/** The reverse; `undefined` for what is no session of ours, or one of another release. */
export function decodeSession(bytes: Uint8Array): StoredSession | undefined {
  const reader = new Reader(bytes)
  if (reader.uint8() !== FORM) return undefined
  const version = reader.uint32()
  const encoded = readBytes(reader)
  const tls = readResumption(reader)
  if (tls === undefined || reader.remaining > 0) return undefined
  try {
    return { version, parameters: decodeTransportParameters(encoded, 'server'), tls }
  } catch {
    return undefined
  }
}

/** What of a server's transport parameters counts for 0-RTT; the rest, ids and delays, is of one connection alone (RFC 9000 §7.4.1). */
export function rememberedParameters(parameters: TransportParameters): TransportParameters {
  return {
    ...DEFAULT_TRANSPORT_PARAMETERS,
    maxIdleTimeout: parameters.maxIdleTimeout,
    maxUdpPayloadSize: parameters.maxUdpPayloadSize,
    initialMaxData: parameters.initialMaxData,
    initialMaxStreamDataBidiLocal: parameters.initialMaxStreamDataBidiLocal,
    initialMaxStreamDataBidiRemote: parameters.initialMaxStreamDataBidiRemote,
    initialMaxStreamDataUni: parameters.initialMaxStreamDataUni,
    initialMaxStreamsBidi: parameters.initialMaxStreamsBidi,
    initialMaxStreamsUni: parameters.initialMaxStreamsUni,
    disableActiveMigration: parameters.disableActiveMigration,
    activeConnectionIdLimit: parameters.activeConnectionIdLimit,
    maxDatagramFrameSize: parameters.maxDatagramFrameSize,
    resetStreamAt: parameters.resetStreamAt,
  }
}

/** RFC 9000 §7.4.1, RFC 9221 §3: none of these may be smaller where 0-RTT is accepted. */
const LIMITS = [
  'activeConnectionIdLimit',
  'initialMaxData',
  'initialMaxStreamDataBidiLocal',
  'initialMaxStreamDataBidiRemote',
  'initialMaxStreamDataUni',
  'initialMaxStreamsBidi',
  'initialMaxStreamsUni',
  'maxDatagramFrameSize',
] as const satisfies readonly (keyof TransportParameters)[]

/** The first parameter that is less than 0-RTT data could rely on; `undefined`: there is none. */
export function reducedParameter(remembered: TransportParameters, now: TransportParameters): string | undefined {
  const limit = LIMITS.find((name) => now[name] < remembered[name])
  if (limit !== undefined) return limit
  // Reliable-stream-reset section 3.
  return remembered.resetStreamAt && !now.resetStreamAt ? 'resetStreamAt' : undefined
}

/**
 * Client: the server has accepted 0-RTT, and so the limits that were remembered (RFC 9000 §7.4.1).
 * @throws TransportError PROTOCOL_VIOLATION where it gives less now
 */
export function checkAccepted(remembered: TransportParameters, now: TransportParameters): void {
  const name = reducedParameter(remembered, now)
  if (name === undefined) return
  throw new TransportError(
    TransportErrorCode.PROTOCOL_VIOLATION,
    `The server accepted 0-RTT and lowered ${name} from ${String(remembered[name as 'initialMaxData'])}`,
  )
}
