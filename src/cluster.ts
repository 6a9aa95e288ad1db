/** The door for servers of several threads or processes behind one port. For Node. */
export {
  Cluster,
  type ClusterOptions,
  type ClusterWorker,
  serveCluster,
  type WorkerEnd,
} from './hosts/cluster/cluster.ts'
export { processes, type StartedWorker, type StartWorker, threads } from './hosts/cluster/engines.ts'
export type { HandOverCounts } from './hosts/cluster/hand-over.ts'
export {
  type ClosableServer,
  ClusterMember,
  type JoinOptions,
  joinCluster,
  type SharedOptions,
  type SharingOptions,
} from './hosts/cluster/member.ts'
export type { ClusterPort } from './hosts/cluster/protocol.ts'
export { SharedPortError } from './hosts/cluster/shared-port.ts'
export type { MessageEnd } from './hosts/worker-channel.ts'
