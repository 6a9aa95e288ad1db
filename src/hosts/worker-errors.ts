/** Errors on their way between a worker and its page: cloned ones lose their class, so they travel as records and are made anew. */
import {
  type ErrorSide,
  QuicAddressError,
  QuicApplicationError,
  QuicCarrierError,
  QuicError,
  QuicHandshakeTimeoutError,
  QuicIdleTimeoutError,
  QuicMigrationError,
  QuicStatelessResetError,
  QuicStreamError,
  QuicTlsError,
  QuicTransportError,
  QuicVersionError,
} from '../api/errors.ts'
import type { MigrationFailure } from '../connection/migration.ts'
import { type CertificateCheck, CertificateError } from '../x509/certificate-error.ts'

/** The worker in which a connection lived is gone, or never came to life. */
export class QuicWorkerError extends QuicError {
  override readonly name: string = 'QuicWorkerError'
}

/** An error, as it crosses. */
export interface ErrorRecord {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly cause: ErrorRecord | undefined
  readonly side: ErrorSide
  readonly reason: string
  readonly code: bigint
  readonly frameType: bigint
  readonly alert: number
  readonly supported: readonly number[]
  readonly failure: MigrationFailure
  readonly check: CertificateCheck
}

/** Causes have causes; further down nobody looks. */
const MAX_CAUSES = 4

/** The record of whatever was thrown. */
export function encodeError(thrown: unknown, depth = 0): ErrorRecord {
  const { cause, code, message = String(thrown), name = 'Error', ...rest } = membersOf(thrown)
  return {
    side: 'local',
    reason: '',
    frameType: 0n,
    alert: 0,
    supported: [],
    failure: 'aborted',
    check: 'encoding',
    ...rest,
    name,
    message,
    code: typeof code === 'bigint' ? code : 0n,
    cause: cause === undefined || depth === MAX_CAUSES ? undefined : encodeError(cause, depth + 1),
  }
}

/** The error that a record stands for, of the class that it had. */
export function decodeError(record: ErrorRecord): Error {
  const error = errorOf(record)
  // Where it arose says more than where it arrived.
  if (record.stack !== undefined) error.stack = record.stack
  return error
}

interface Members {
  readonly name?: string
  readonly message?: string
  readonly stack: string | undefined
  readonly cause: unknown
  readonly code?: unknown
}

function membersOf(thrown: unknown): Members {
  if (typeof thrown !== 'object' || thrown === null) return { stack: undefined, cause: undefined }
  const members: Record<string, unknown> = {}
  for (const name of NAMES) {
    const value = (thrown as Readonly<Record<string, unknown>>)[name]
    if (value !== undefined) members[name] = value
  }
  return { stack: undefined, cause: undefined, ...members }
}

const NAMES: readonly string[] = [
  ...['name', 'message', 'stack', 'cause', 'side', 'reason', 'code', 'frameType', 'alert', 'supported'],
  ...['failure', 'check'],
]

function errorOf(record: ErrorRecord): Error {
  const { message, name, code, frameType, alert, side, reason } = record
  const cause = record.cause && decodeError(record.cause)
  const because = cause === undefined ? {} : { cause }
  const options = { side, reason, ...because }
  switch (name) {
    case 'QuicTransportError':
      return new QuicTransportError(message, code, frameType, options)
    case 'QuicTlsError':
      return new QuicTlsError(message, alert, code, frameType, options)
    case 'QuicApplicationError':
      return new QuicApplicationError(message, code, options)
    case 'QuicStreamError':
      return new QuicStreamError(message, code, options)
    case 'QuicVersionError':
      return new QuicVersionError(message, record.supported, options)
    case 'QuicMigrationError':
      return new QuicMigrationError(message, record.failure, options)
    case 'CertificateError':
      return new CertificateError(record.check, message)
    case 'TypeError':
      return new TypeError(message, because)
    case 'RangeError':
      return new RangeError(message, because)
    case 'AbortError':
    case 'InvalidStateError':
    case 'TimeoutError':
      return new DOMException(message, name)
  }
  const Simple = SIMPLE[name]
  if (Simple !== undefined) return new Simple(message, options)
  const error = new Error(message, because)
  error.name = name
  return error
}

const SIMPLE: Readonly<Record<string, new (message: string, options: { readonly side: ErrorSide }) => QuicError>> = {
  QuicAddressError,
  QuicCarrierError,
  QuicError,
  QuicHandshakeTimeoutError,
  QuicIdleTimeoutError,
  QuicStatelessResetError,
  QuicWorkerError,
}
