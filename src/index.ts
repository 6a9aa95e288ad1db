/** The door: public exports, nothing else. */

export { connect } from './api/client.ts'
export {
  type CloseOptions,
  QuicConnection,
  type QuicReadyInfo,
  type SendQueue,
} from './api/connection.ts'
export type { CreateStreamOptions } from './api/connection-streams.ts'
export { QuicEndpoint } from './api/endpoint.ts'
export type { ConnectOptions, EndpointCoreOptions } from './api/endpoint-core.ts'
export {
  QuicAddressError,
  QuicApplicationError,
  QuicCarrierError,
  type QuicCloseInfo,
  QuicError,
  QuicHandshakeTimeoutError,
  QuicIdleTimeoutError,
  QuicStatelessResetError,
  QuicStreamError,
  QuicTlsError,
  QuicTransportError,
  QuicVersionError,
} from './api/errors.ts'
export type { CertificateOptions, ServerCertificates } from './api/identity.ts'
export type { CommonOptions } from './api/options.ts'
export { type ListenOptions, listen, QuicIncoming, QuicServer, type ServerCloseOptions } from './api/server.ts'
export { QuicStream, type QuicStreamStats } from './api/stream.ts'
export type { TrustOptions } from './api/trust.ts'
export type { ConnectionOptions } from './connection/config.ts'
export type { ConnectionState } from './connection/connection.ts'
export type { ConnectionStats } from './connection/stats.ts'
export type { CryptoProvider, Signer } from './crypto/provider.ts'
export type { Environment } from './environment.ts'
export type { StreamPriority } from './streams/scheduler.ts'
export type { Carrier, DatagramSink, DatagramTransport, Ecn, PathAddress, TransportProperties } from './transport.ts'
export type { TransportParameters } from './wire/transport-parameters.ts'
export { type CertificateCheck, CertificateError } from './x509/certificate-error.ts'
