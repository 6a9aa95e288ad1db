/** What applications catch: one class for each way in which a connection, a stream or an attempt can end. */
import type { CloseReason } from '../connection/events.ts'
import type { MigrationFailure } from '../connection/migration.ts'
import { TlsAlert } from '../tls/alert.ts'
import { alertOf, transportErrorName } from '../wire/transport-error.ts'
import { isReservedVersion } from '../wire/version.ts'

/** Which end decided. */
export type ErrorSide = 'local' | 'remote'

/** What every error of isoquic tells. */
export interface QuicErrorOptions {
  readonly side: ErrorSide
  /** The reason phrase, from whichever side gave one. */
  readonly reason?: string
  readonly cause?: unknown
}

/** The base of all errors that a connection or stream ends with. */
export class QuicError extends Error {
  override readonly name: string = 'QuicError'
  readonly side: ErrorSide
  readonly reason: string

  constructor(message: string, options: QuicErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.side = options.side
    this.reason = options.reason ?? ''
  }
}

/** A side broke, or says that the other broke, a rule of the transport (RFC 9000 §20.1). */
export class QuicTransportError extends QuicError {
  override readonly name: string = 'QuicTransportError'
  readonly code: bigint
  /** The type of the frame that caused it, 0 if none is known. */
  readonly frameType: bigint

  constructor(message: string, code: bigint, frameType: bigint, options: QuicErrorOptions) {
    super(message, options)
    this.code = code
    this.frameType = frameType
  }
}

/** The application closed the connection with a code of its own that is not 0 (RFC 9000 §20.2). */
export class QuicApplicationError extends QuicError {
  override readonly name: string = 'QuicApplicationError'
  readonly code: bigint

  constructor(message: string, code: bigint, options: QuicErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** TLS refused: certificates, protocols, keys (RFC 8446 §6). `code` is 0x100 + alert (RFC 9001 §4.8). */
export class QuicTlsError extends QuicTransportError {
  override readonly name: string = 'QuicTlsError'
  /** The AlertDescription. */
  readonly alert: number

  constructor(message: string, alert: number, code: bigint, frameType: bigint, options: QuicErrorOptions) {
    super(message, code, frameType, options)
    this.alert = alert
  }
}

/** Nothing was heard from the peer for the idle timeout (RFC 9000 §10.1). */
export class QuicIdleTimeoutError extends QuicError {
  override readonly name: string = 'QuicIdleTimeoutError'
}

/** The handshake was not complete in time. */
export class QuicHandshakeTimeoutError extends QuicError {
  override readonly name: string = 'QuicHandshakeTimeoutError'
}

/** The peer has lost the connection's state (RFC 9000 §10.3). */
export class QuicStatelessResetError extends QuicError {
  override readonly name: string = 'QuicStatelessResetError'
}

/** The server speaks none of our versions (RFC 9000 §6.2). */
export class QuicVersionError extends QuicError {
  override readonly name: string = 'QuicVersionError'
  /** Of the server, without those that only keep the field open. */
  readonly supported: readonly number[]

  constructor(message: string, supported: readonly number[], options: QuicErrorOptions) {
    super(message, options)
    this.supported = supported
  }
}

/** The name or address to connect to cannot be used, or the way there is closed. */
export class QuicAddressError extends QuicError {
  override readonly name: string = 'QuicAddressError'
}

/** The carrier below the connection is gone. */
export class QuicCarrierError extends QuicError {
  override readonly name: string = 'QuicCarrierError'
}

/** A client's move to another path was refused, or came to nothing (RFC 9000 §9); the connection lives on. */
export class QuicMigrationError extends QuicError {
  override readonly name: string = 'QuicMigrationError'
  readonly failure: MigrationFailure

  constructor(message: string, failure: MigrationFailure, options: QuicErrorOptions) {
    super(message, options)
    this.failure = failure
  }
}

/** One stream was reset or stopped; the connection lives on. */
export class QuicStreamError extends QuicError {
  override readonly name: string = 'QuicStreamError'
  /** The application's code. */
  readonly code: bigint

  constructor(message: string, code: bigint, options: QuicErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** What `closed` fulfils with on a clean end. */
export interface QuicCloseInfo {
  readonly closeCode: bigint
  readonly reason: string
}

/** The clean end that a reason stands for: an application's close with code 0, or our own with any; `undefined`: an error. */
export function cleanClose(reason: CloseReason): QuicCloseInfo | undefined {
  if (reason.kind === 'application' && (reason.side === 'local' || reason.code === 0n)) {
    return { closeCode: reason.code, reason: reason.reason }
  }
  if (reason.kind === 'transport' && reason.code === 0n) return { closeCode: 0n, reason: reason.reason }
  return undefined
}

/** The error that stands for the end of a connection. */
export function errorOf(reason: CloseReason): QuicError {
  switch (reason.kind) {
    case 'application':
      return new QuicApplicationError(
        `${reason.side === 'local' ? 'We' : 'The peer'} closed the connection with code ${reason.code}${phrase(reason.reason)}`,
        reason.code,
        { side: reason.side, reason: reason.reason },
      )
    case 'transport':
      return transportErrorOf(reason)
    case 'idle-timeout':
      return new QuicIdleTimeoutError(`Nothing was heard from the peer for ${Math.round(reason.after)} ms`, {
        side: 'local',
      })
    case 'handshake-timeout':
      return new QuicHandshakeTimeoutError(
        `The handshake was not complete within ${reason.after} ms: is a QUIC server listening there, and is UDP let through?`,
        { side: 'local' },
      )
    case 'stateless-reset':
      return new QuicStatelessResetError('The peer has lost the connection (stateless reset): connect again', {
        side: 'remote',
      })
    case 'version':
      return versionErrorOf(reason)
    case 'carrier-closed':
      return new QuicCarrierError(
        `The transport below the connection was closed${phrase(reason.cause instanceof Error ? reason.cause.message : '')}`,
        { side: 'local', cause: reason.cause },
      )
  }
}

function versionErrorOf(reason: Extract<CloseReason, { kind: 'version' }>): QuicVersionError {
  // RFC 9000 §15: versions of the shape 0x?a?a?a?a are there to be ignored.
  const supported = reason.supported.filter((version) => !isReservedVersion(version))
  const [offered, ...names] = [reason.offered, ...supported].map((version) => `0x${version.toString(16)}`)
  return new QuicVersionError(
    `The server does not speak version ${offered}, it offers ${names.length === 0 ? 'none' : names.join(', ')}`,
    supported,
    { side: 'remote' },
  )
}

function transportErrorOf(reason: Extract<CloseReason, { kind: 'transport' }>): QuicTransportError {
  const { side, code, frameType, cause } = reason
  const options = { side, reason: reason.reason, cause }
  const alert = alertOf(code)
  if (alert === undefined) {
    const who = side === 'local' ? 'The peer broke a rule' : 'The peer closed the connection'
    return new QuicTransportError(
      `${who}: ${transportErrorName(code)}${phrase(reason.reason)}`,
      code,
      frameType,
      options,
    )
  }
  // On our side the alert has its own words, and the check that failed is its cause.
  const words = cause instanceof TlsAlert ? cause.message : reason.reason
  const who = side === 'local' ? 'TLS failed' : 'The peer refused TLS'
  return new QuicTlsError(`${who}, alert ${alert}${phrase(words)}`, alert, code, frameType, options)
}

function phrase(words: string): string {
  return words === '' ? '' : `: ${words}`
}

/** An application error code as it is given: a bigint, or a number. @throws TypeError, RangeError */
export function errorCode(value: bigint | number | undefined, name = 'code'): bigint {
  if (value === undefined) return 0n
  if (typeof value === 'number' && !Number.isSafeInteger(value))
    throw new RangeError(`${name} must be an integer, got ${value}`)
  if (typeof value !== 'bigint' && typeof value !== 'number')
    throw new TypeError(`${name} must be a bigint or a number, got ${typeof value}`)
  const code = BigInt(value)
  if (code < 0n || code > 4_611_686_018_427_387_903n)
    throw new RangeError(`${name} must be from 0 to 2^62-1, got ${code}`)
  return code
}
