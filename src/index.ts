/** The door: public exports, nothing else. */

export { connect } from './api/client.ts'
export type { ClientCertificateOptions } from './api/client-certificates.ts'
export type { ClientCertificates } from './api/client-identity.ts'
export type { CongestionControl } from './api/congestion.ts'
export {
  type CloseOptions,
  QuicConnection,
  type QuicReadyInfo,
} from './api/connection.ts'
export type { ConnectionIdSource } from './api/connection-ids.ts'
export type { CreateStreamOptions, QuicDeadlineDetail } from './api/connection-streams.ts'
export type { ConfigureOptions } from './api/controls.ts'
export { QuicDatagrams, type SendDatagramOptions, SentDatagram } from './api/datagrams.ts'
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
  QuicMigrationError,
  QuicStatelessResetError,
  QuicStreamError,
  QuicTlsError,
  QuicTransportError,
  QuicVersionError,
} from './api/errors.ts'
export type { CertificateOptions, CertificateSource, Certificates } from './api/identity.ts'
export {
  type AcceptOptions,
  type IncomingDecision,
  type IncomingPolicy,
  type IncomingRequest,
  QuicIncoming,
  type RetryOption,
} from './api/incoming.ts'
export { type ClientStore, MemoryStore, type MemoryStoreOptions } from './api/memory.ts'
export type { CommonOptions } from './api/options.ts'
export type { PathOptions, QuicPath } from './api/paths.ts'
export type { PreferredAddressOptions } from './api/preferred-address.ts'
export type { ClientPskOptions, PresharedKey, PskModeName, ServerPskOptions } from './api/psk-options.ts'
export type { QuicSessionDetail, RecallOptions } from './api/recall.ts'
export { QuicSendGroup, type QuicSendGroupStats } from './api/send-group.ts'
export type { SendQueue } from './api/send-queue.ts'
export {
  type ListenOptions,
  listen,
  QuicServer,
  type ServerCloseOptions,
} from './api/server.ts'
export type { ServerCertificates } from './api/server-identity.ts'
export type { AcceptEarlyData, EarlyDataAttempt, TicketOptions } from './api/server-tickets.ts'
export type { ServeHandlers } from './api/serving.ts'
export type { QuicConnectionStats, QuicDatagramStats, QuicStats, QuicStreamStats } from './api/stats.ts'
export {
  type DeadlineOptions,
  QuicStream,
  type QuicStreamDeadline,
  type ResetAtOptions,
} from './api/stream.ts'
export type { QuicStreamWriter, QuicWritable } from './api/stream-writer.ts'
export type { TrustOptions, VerifyCertificates } from './api/trust.ts'
export type { ConnectionOptions } from './connection/config.ts'
export type { ConnectionState } from './connection/connection.ts'
export type { ConnectionInspection } from './connection/inspection.ts'
export type { MigrationFailure } from './connection/migration.ts'
export type { PathState } from './connection/path.ts'
export type { PathStats } from './connection/stats.ts'
export type { CryptoProvider, Signer } from './crypto/provider.ts'
export type { EndpointStats } from './endpoint/endpoint-stats.ts'
export type { Environment } from './environment.ts'
export type {
  AckSample,
  CongestionController,
  ControllerFactory,
  ControllerOptions,
  SentInfo,
} from './recovery/congestion/controller.ts'
export type { RttEstimator } from './recovery/rtt.ts'
export type { DatagramStatus } from './streams/datagram.ts'
export type { DatagramOptions, DatagramSettings } from './streams/datagram-settings.ts'
export type { StreamPriority } from './streams/scheduler.ts'
export type { CertificateRequestSummary, ClientHelloSummary } from './tls/config.ts'
export type { Carrier, DatagramSink, DatagramTransport, Ecn, PathAddress, TransportProperties } from './transport.ts'
export type { TransportParameters } from './wire/transport-parameters.ts'
export { type CertificateCheck, CertificateError } from './x509/certificate-error.ts'
