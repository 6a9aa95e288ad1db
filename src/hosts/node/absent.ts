/** `isoquic/node-handler` where there is no Node: it loads, as everything does, and says so when it is used. */
import type { altSvc as altSvcOfNode } from './alt-svc.ts'
import type { nodeHandler as nodeHandlerOfNode } from './handler.ts'

const words = 'Applications of Node need node:http, and this runtime has none'

/** Throws a TypeError: there is no `node:http` here. */
export const nodeHandler: typeof nodeHandlerOfNode = () => {
  throw new TypeError(`${words}: give serve of isoquic/http3 a handler of Requests`)
}

/** Throws a TypeError: there is no server over TCP here. */
export const altSvc: typeof altSvcOfNode = () => {
  throw new TypeError(words)
}
