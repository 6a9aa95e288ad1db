/** `isoquic/worker`: endpoints in a dedicated worker, with the same interface in its page. */
export { QuicWorker, type WorkerConnectOptions, type WorkerListenOptions, WorkerServer } from './hosts/quic-worker.ts'
export { type ServeWorkerOptions, serveWorker } from './hosts/serve-worker.ts'
export type { MessageEnd } from './hosts/worker-channel.ts'
export {
  WorkerConnection,
  type WorkerPathOptions,
  type WorkerServeHandlers,
  type WorkerStreamOptions,
} from './hosts/worker-connection.ts'
export { WorkerDatagrams, WorkerSentDatagram } from './hosts/worker-datagrams.ts'
export { QuicWorkerError } from './hosts/worker-errors.ts'
export { WorkerStream } from './hosts/worker-stream.ts'
