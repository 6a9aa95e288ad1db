/** What the primary of a cluster and its workers say to each other, over `worker-channel.ts`. */
import type { MessageEnd } from '../worker-channel.ts'
import type { HandOverAddress } from './hand-over.ts'

/** One end of what a worker and the primary talk over. What else goes through it is left alone. */
export interface ClusterPort extends MessageEnd {
  /** Nothing more will be said; a worker that has nothing else to do ends. */
  close(): void
}

/** Secrets that all workers of a cluster share. */
export interface ClusterKeys {
  /** 16 bytes, of connection ids. */
  readonly ids: Uint8Array
  readonly reset: Uint8Array
  readonly token: Uint8Array
  readonly ticket: Uint8Array
}

/** What a worker is told when it joins. */
export interface Welcome {
  readonly id: number
  /** As it was given to the primary. */
  readonly host: string | undefined
  readonly port: number
  readonly keys: ClusterKeys
  readonly handOversPerSecond: number
  readonly data: unknown
}

/** The workers that hand-overs may go to, by id. */
export type Siblings = ReadonlyMap<number, HandOverAddress>

/** What all is about: there is one object at each end. */
export const CLUSTER = 0

/** Calls of a worker, with their arguments and answers. */
export const CALLS = {
  /** `[]`: a {@link Welcome}. */
  join: 'join',
  /** `[HandOverAddress]`, when the socket is bound. */
  bound: 'bound',
  /** `[ticketId, issuedAt]`: whether the ticket is used for the first time in the cluster. */
  earlyData: 'earlyData',
} as const

/** Of the primary, `[Siblings]`: answered by each worker when it knows them. */
export const SIBLINGS = 'siblings'

/** What is told without an answer. */
export const NEWS = {
  /** By a worker: it takes connections. */
  serving: 'serving',
  /** By a worker: it has closed its server. */
  closed: 'closed',
  /** By the primary, `[ServerCloseOptions]`. */
  close: 'close',
} as const
