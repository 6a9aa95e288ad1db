/** Connection ids that lead to their server (draft-ietf-quic-load-balancers): made by servers, read by routers. */
export type { RandomSource } from './base/random.ts'
export type { ConnectionIdGenerator } from './connection/local-ids.ts'
export { QuicLbIds, type QuicLbOptions } from './endpoint/quic-lb.ts'
export type { QuicLbConfig } from './endpoint/quic-lb-config.ts'
export { type QuicLbRoute, QuicLbRouter, type QuicLbRouterOptions } from './endpoint/quic-lb-router.ts'
export { ConnectionId } from './wire/connection-id.ts'
