/** `isoquic/cluster` where there are no workers of Node: it loads, as everything does, and says so when it is used. */
import type { serveCluster as serveClusterOfNode } from './cluster.ts'
import type { processes as processesOfNode, threads as threadsOfNode } from './engines.ts'
import type { joinCluster as joinClusterOfNode } from './member.ts'

const words = 'A cluster needs the threads or processes of Node, and this runtime has none'

/** Throws a TypeError: there are no sockets to share here. */
export const serveCluster: typeof serveClusterOfNode = () => Promise.reject(new TypeError(words))

/** Throws a TypeError, as above. */
export const joinCluster: typeof joinClusterOfNode = () => Promise.reject(new TypeError(words))

/** Throws a TypeError: there are no such threads here. */
export const threads: typeof threadsOfNode = () => {
  throw new TypeError(words)
}

/** Throws a TypeError: there are no processes here. */
export const processes: typeof processesOfNode = () => {
  throw new TypeError(words)
}

/** Never made here. */
export class SharedPortError extends Error {
  override readonly name: string = 'SharedPortError'
}
