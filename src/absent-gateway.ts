/** `isoquic/gateway` where there is no UDP: it loads, as everything does, and says so when it is used. */
import type { Gateway as GatewayOfNode } from './gateway/gateway.ts'
import type { serveGateway as serveGatewayOfNode } from './gateway/server.ts'

export { createToken } from './gateway/token.ts'

const words = 'A gateway needs the UDP sockets of Node, Deno or Bun, and this runtime has none'

/** Cannot be made here. @throws TypeError */
export const Gateway: typeof GatewayOfNode = class {
  constructor() {
    throw new TypeError(words)
  }
} as unknown as typeof GatewayOfNode

/** Rejects with a TypeError: pages and Workers have no UDP sockets. */
export const serveGateway: typeof serveGatewayOfNode = async () => {
  throw new TypeError(words)
}
