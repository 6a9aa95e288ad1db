/** A connection in the tables of its endpoint. */
import type { Connection } from '../connection/connection.ts'
import type { PathAddress } from '../transport.ts'

/** What an endpoint remembers of a connection. */
export interface Entry {
  readonly connection: Connection
  readonly remoteAddress: PathAddress
  readonly isServer: boolean
  handshaking: boolean
  ready: boolean
  eventful: boolean
}
