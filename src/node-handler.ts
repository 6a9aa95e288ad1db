/** The door for applications of Node (Express, Fastify, listeners of `node:http`) that answer over HTTP/3. For Node. */

export { type AltSvc, type AltSvcOptions, altSvc, type TcpServer } from './hosts/node/alt-svc.ts'
export {
  type ListeningApp,
  type NodeApp,
  type NodeHandler,
  type NodeHandlerOptions,
  type NodeListener,
  type NodeRequestInfo,
  nodeHandler,
  type RoutingApp,
} from './hosts/node/handler.ts'
