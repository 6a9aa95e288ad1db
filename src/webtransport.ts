/** The door to WebTransport: public exports, nothing else. */
export { WebTransport } from './api/webtransport/client.ts'
export { WebTransportDatagramDuplexStream } from './api/webtransport/datagrams.ts'
export { WebTransportDatagramsWritable } from './api/webtransport/datagrams-writable.ts'
export {
  WebTransportError,
  type WebTransportErrorOptions,
  type WebTransportErrorSource,
} from './api/webtransport/error.ts'
export type { HeadersSource } from './api/webtransport/headers.ts'
export { install } from './api/webtransport/install.ts'
export type { InstallOptions } from './api/webtransport/installing.ts'
export type {
  TransportSource,
  TransportTarget,
  WebTransportDictionary,
  WebTransportHash,
  WebTransportOptions,
} from './api/webtransport/options.ts'
export {
  WebTransportBidirectionalStream,
  WebTransportReceiveStream,
  type WebTransportReceiveStreamStats,
} from './api/webtransport/receive-stream.ts'
export {
  type WebTransportAcceptOptions,
  type WebTransportRejectOptions,
  WebTransportRequest,
  WebTransportServerSession,
} from './api/webtransport/request.ts'
export { WebTransportSendGroup, type WebTransportSendStreamStats } from './api/webtransport/send-group.ts'
export { WebTransportSendStream, WebTransportWriter } from './api/webtransport/send-stream.ts'
export { type WebTransportListenOptions, WebTransportServer } from './api/webtransport/server.ts'
export { type WebTransportCongestionControl, WebTransportSession } from './api/webtransport/session.ts'
export type { WebTransportCloseInfo, WebTransportReliabilityMode } from './api/webtransport/session-core.ts'
export type { WebTransportSendOptions, WebTransportSendStreamOptions } from './api/webtransport/session-streams.ts'
export type { WebTransportConnectionStats, WebTransportDatagramStats } from './api/webtransport/stats.ts'
export type { WebTransportDraft } from './webtransport/negotiation.ts'
