/** The sans-IO core, for those who bring their own loop. */
export type { RandomSource } from './base/random.ts'
export { type Duration, NEVER, type Time } from './base/time.ts'
export { type ConnectionConfig, type ConnectionOptions, validateConnectionConfig } from './connection/config.ts'
export { Connection, type ConnectionState } from './connection/connection.ts'
export type { CloseReason, ConnectionEvent } from './connection/events.ts'
export type { ApplicationClose, ConnectionHost, ConnectionInit } from './connection/init.ts'
export type { ConnectionStats } from './connection/stats.ts'
export type { OutgoingDatagram } from './connection/transmitter.ts'
export { ARENA_BYTES, Endpoint } from './endpoint/endpoint.ts'
export type {
  AcceptParameters,
  ConnectParameters,
  EndpointEvent,
  EndpointOptions,
} from './endpoint/endpoint-options.ts'
export type { EndpointStats } from './endpoint/endpoint-stats.ts'
export { IncomingConnection } from './endpoint/incoming-connection.ts'
export { type CreateReception, createReception, type ListenParameters } from './endpoint/reception.ts'
export type { DatagramStatus, OutgoingMessage } from './streams/datagram.ts'
export type { DatagramEvent, DatagramQueue, DatagramStats } from './streams/datagram-queue.ts'
export type { StreamEvent } from './streams/events.ts'
export type { Stream } from './streams/stream.ts'
export { createClientSession } from './tls/client-session.ts'
export type { TlsClientConfig, TlsServerConfig } from './tls/config.ts'
export { createServerSession } from './tls/server-session.ts'
export type { Carrier, Ecn, PathAddress } from './transport.ts'
export { CertificateError } from './x509/certificate-error.ts'
export { type CertificateVerifier, insecureVerifier } from './x509/certificate-verifier.ts'
export { createPathVerifier } from './x509/path.ts'
export { createPinVerifier } from './x509/pins.ts'
