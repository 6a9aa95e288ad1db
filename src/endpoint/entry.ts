/** A connection in the tables of its endpoint. */
import type { Connection } from '../connection/connection.ts'
import type { PathAddress } from '../transport.ts'

/**
 * What an endpoint remembers of a connection. Entries are what the tables of an endpoint hold, and outlive the connection in memory
 * as those do (`base/passing-set.ts`).
 */
export interface Entry {
  /** `undefined` once it is closed. */
  connection: Connection | undefined
  readonly remoteAddress: PathAddress
  readonly isServer: boolean
  handshaking: boolean
  ready: boolean
  eventful: boolean
}

/** The entry of a connection that begins. */
export function newEntry(connection: Connection, remoteAddress: PathAddress, isServer: boolean): Entry {
  return { connection, remoteAddress, isServer, handshaking: true, ready: false, eventful: false }
}
