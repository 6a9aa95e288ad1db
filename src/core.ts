/** The sans-IO core, for those who bring their own loop. */
export { type ConnectionConfig, type ConnectionOptions, validateConnectionConfig } from './connection/config.ts'
export { Connection, type ConnectionState } from './connection/connection.ts'
export type { CloseReason, ConnectionEvent } from './connection/events.ts'
export type { ApplicationClose, ConnectionHost, ConnectionInit } from './connection/init.ts'
export type { ConnectionStats } from './connection/stats.ts'
export type { OutgoingDatagram } from './connection/transmitter.ts'
export {
  type AcceptParameters,
  ARENA_BYTES,
  type ConnectParameters,
  Endpoint,
  type EndpointEvent,
  type EndpointOptions,
} from './endpoint/endpoint.ts'
export { IncomingConnection } from './endpoint/incoming-connection.ts'
export type { ListenParameters } from './endpoint/reception.ts'
export type { Stream } from './streams/stream.ts'
export { createClientSession } from './tls/client-session.ts'
export type { TlsClientConfig, TlsServerConfig } from './tls/config.ts'
export { createServerSession } from './tls/server-session.ts'
