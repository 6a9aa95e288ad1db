/** How the end of a connection looks to a request that was under way. */
import { Http3ErrorCode, http3ErrorName } from '../../http3/error.ts'
import { QuicApplicationError, type QuicError } from '../errors.ts'

/** The error of the connection, with the name of a code of HTTP/3 in its words. */
export function endOf(error: QuicError): QuicError {
  if (!(error instanceof QuicApplicationError)) return error
  const { code, side, reason } = error
  const who = side === 'local' ? 'We' : 'The peer'
  const words = reason === '' ? '' : `: ${reason}`
  return new QuicApplicationError(`${who} closed the connection with ${http3ErrorName(code)}${words}`, code, {
    side,
    reason,
    cause: error.cause,
  })
}

/** Whether the connection ended as HTTP/3 ends one that is not needed any more. */
export function isOrdinary(error: QuicError): boolean {
  return error instanceof QuicApplicationError && (error.code === Http3ErrorCode.H3_NO_ERROR || error.code === 0n)
}
