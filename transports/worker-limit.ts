/** What Workers do not allow, by name: the runtime's own words, and what to do instead. */

/** Which limit of Workers. */
export type WorkerLimit =
  | 'global scope'
  | 'one request'
  | 'connect'
  | 'subrequests'
  | 'memory'
  | 'cpu time'
  | 'udp flow'

/** What the runtime says, and what that means. */
const LIMITS: readonly (readonly [RegExp, WorkerLimit, string])[] = [
  [/within global scope/i, 'global scope', 'connect within a handler, not while the module is evaluated'],
  [
    /behalf of a different request/i,
    'one request',
    'a connection lives in the request that made it: make it anew, or keep it in a Durable Object (isoquic/durable-object)',
  ],
  [
    /cannot connect to the specified address|proxy request failed|not allowed to connect|consider using fetch instead/i,
    'connect',
    'sockets of Workers do not reach addresses of Cloudflare, private ones, and port 25',
  ],
  [
    /too many subrequests|simultaneous.*connections|too many.*open connections/i,
    'subrequests',
    'use fewer connections for each request',
  ],
  [/exceeded.*memory|memory limit/i, 'memory', 'a Worker has 128 MB: use smaller windows (maxReceiveWindow)'],
  [
    /exceeded.*cpu|cpu (time )?limit/i,
    'cpu time',
    'a packet costs 10 to 20 µs: move fewer bytes, or raise limits.cpu_ms',
  ],
]

/** A Worker came up against a limit of its runtime. `cause` has the runtime's words. */
export class WorkerLimitError extends Error {
  override readonly name = 'WorkerLimitError'
  /** Its name. */
  readonly limit: WorkerLimit

  constructor(limit: WorkerLimit, words: string, options?: { readonly cause?: unknown }) {
    super(`The limit of Workers on ${limit} was met: ${words}`, options)
    this.limit = limit
  }
}

/** `error`, or the limit that it stands for. */
export function namedLimit(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof WorkerLimitError) return error
  for (const [pattern, limit, words] of LIMITS) {
    if (pattern.test(error.message)) return new WorkerLimitError(limit, words, { cause: error })
  }
  return error
}
