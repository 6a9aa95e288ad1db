/** The client for pages: `connect` alone, no server. */
export { connect } from './api/client.ts'
export { QuicConnection } from './api/connection.ts'
export {
  QuicApplicationError,
  QuicError,
  QuicStreamError,
  QuicTlsError,
  QuicTransportError,
} from './api/errors.ts'
export { QuicStream } from './api/stream.ts'
