/** What clients ask of the cluster that `bench/workers.ts` measures: the words of both sides. */

/** The name of the protocol for ALPN. */
export const ALPN = 'workers'

/** Bytes of a request: how many bytes it wants, and how many pieces of work, 32 bits each. */
export const REQUEST_LENGTH = 8

/** What is asked again and again. */
export interface Visit {
  readonly bytes: number
  /** Pieces of 256 KiB to be hashed. */
  readonly work: number
  /** Whether each is asked on a connection of its own. */
  readonly connects: boolean
}

/** A task for a process of clients. */
export interface Task extends Visit {
  readonly address: string
  /** SHA-256 of the certificate. */
  readonly pin: Uint8Array
  readonly clients: number
  /** ms before counting begins, and of counting. */
  readonly warmUp: number
  readonly duration: number
}

/** What was done. */
export interface Counts {
  readonly visits: number
  readonly bytes: number
}

/** What such a process did: while it counted, and from beginning to end. */
export interface Tally extends Counts {
  /** ms of counting. */
  readonly elapsed: number
  readonly total: Counts
}
