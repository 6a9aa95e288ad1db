/** What an endpoint does for each of its connections: ids, routes, tokens (`connection/init.ts` says what of it). */
import type { ConnectionHost } from '../connection/init.ts'
import type { ConnectionIdGenerator } from '../connection/local-ids.ts'
import type { PathAddress } from '../transport.ts'
import type { FullCarriers } from './full-carriers.ts'
import type { Routing } from './routing.ts'
import type { StatelessReset } from './stateless-reset.ts'

/** What all connections of an endpoint share. `E` stands for a connection. */
export interface SharedByConnections<E extends object> {
  readonly ids: ConnectionIdGenerator
  readonly routing: Routing<E>
  readonly resets: StatelessReset
  readonly full: FullCarriers<E>
  newToken(remote: PathAddress, version: number): Uint8Array | undefined
}

/** The host of the connection that `entryOf` returns, `undefined` while it is being made. */
export function hostOf<E extends object>(entryOf: () => E | undefined, shared: SharedByConnections<E>): ConnectionHost {
  const { full, ids, resets, routing } = shared
  const withEntry = (use: (entry: E) => void): void => {
    const entry = entryOf()
    if (entry !== undefined) use(entry)
  }
  return {
    idGenerator: ids,
    resetToken: (id) => resets.tokenOf(id.bytes),
    register: (id) => {
      const entry = entryOf()
      return entry !== undefined && routing.addId(id, entry)
    },
    unregister: (id) => withEntry((entry) => routing.removeId(id, entry)),
    resetTokenAdded: (token, remote) => withEntry((entry) => routing.addResetToken(token, remote, entry)),
    resetTokenRemoved: (token, remote) => withEntry((entry) => routing.removeResetToken(token, remote, entry)),
    isFull: (via) => full.has(via),
    // With ids of a length, packets find their connection wherever they come from.
    claim: (via, remote) => {
      const entry = entryOf()
      return ids.length > 0 || (entry !== undefined && routing.addAddress(via, remote, entry))
    },
    unclaim: (via, remote) => withEntry((entry) => routing.removeAddress(via, remote, entry)),
    newToken: (remote, version) => shared.newToken(remote, version),
  }
}
