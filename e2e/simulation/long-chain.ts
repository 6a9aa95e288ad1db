/** Certificates that fill several datagrams. */
import type { Pair } from '../../src/simulator.ts'
import type { TlsServerConfig } from '../../src/tls/config.ts'

/** A server that sends its certificate `length` times, as if it were a chain. `pair` is asked for once it is there. */
export function longChain(length: number, pair: () => Pair): Partial<TlsServerConfig> {
  return {
    selectIdentity: () => {
      const { chain, signer } = pair().identity
      return { signer, chain: Array.from({ length }, () => chain).flat() }
    },
  }
}
