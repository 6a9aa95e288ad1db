/** The door to the gateway: UDP for clients that have none, closed until rules open it. For Node. */

export type { FlowCounters, GatewayChannel } from './gateway/flow.ts'
export {
  type FlowRequest,
  Gateway,
  type GatewayCounters,
  type GatewayFlow,
  type GatewayOptions,
} from './gateway/gateway.ts'
export type { LimitOptions } from './gateway/limits.ts'
export type { RefusalReason, Target } from './gateway/rules.ts'
export { type GatewayServer, type GatewayServerOptions, serveGateway } from './gateway/server.ts'
export { createToken, type TokenClaims } from './gateway/token.ts'
