/** `WebTransport` for pages, no server; the stack and its handshake are loaded when a session begins. */
export { WebTransportDatagramDuplexStream } from './api/webtransport/datagrams.ts'
export { WebTransportDatagramsWritable } from './api/webtransport/datagrams-writable.ts'
export { WebTransportError } from './api/webtransport/error.ts'
export { install, WebTransport } from './api/webtransport/page.ts'
export { WebTransportBidirectionalStream, WebTransportReceiveStream } from './api/webtransport/receive-stream.ts'
export { WebTransportSendGroup } from './api/webtransport/send-group.ts'
export { WebTransportSendStream, WebTransportWriter } from './api/webtransport/send-stream.ts'
