/** The client for pages: `connect` alone, no server; the stack and its handshake are loaded when it connects. */
export { QuicConnection } from './api/connection.ts'
export {
  QuicApplicationError,
  QuicError,
  QuicStreamError,
  QuicTlsError,
  QuicTransportError,
} from './api/errors.ts'
export { connect } from './api/page-connect.ts'
export { QuicStream } from './api/stream.ts'
