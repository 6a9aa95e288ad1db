/** What servers and routers of one QUIC-LB deployment agree on (draft-ietf-quic-load-balancers §3.1, §5.3). */

/** One configuration. Servers make ids by it, routers read them. */
export interface QuicLbConfig {
  /** The config rotation bits, 0 to 6: which configuration an id belongs to. */
  readonly id: number
  /** Bytes, at least 1. */
  readonly serverIdLength: number
  /** Bytes, at least 4; with `serverIdLength` at most 19. 16 together are encrypted in a single pass. */
  readonly nonceLength: number
  /** 16 bytes, for AES-128. Without it anyone can see which server an id leads to. */
  readonly key?: Uint8Array | undefined
}

/** The rotation bits of ids that lead nowhere (§3.2). */
export const UNROUTABLE = 7

/** Bytes of an id whose configuration this is, the first octet included. */
export function quicLbIdLength({ nonceLength, serverIdLength }: QuicLbConfig): number {
  return 1 + serverIdLength + nonceLength
}

/** @throws TypeError, RangeError that name what is wrong */
export function checkQuicLbConfig(config: QuicLbConfig): void {
  const { id, key, nonceLength, serverIdLength } = config
  if (!(Number.isInteger(id) && id >= 0 && id < UNROUTABLE)) {
    throw new RangeError(`config.id must be an integer from 0 to 6, got ${id}`)
  }
  if (!(Number.isInteger(serverIdLength) && serverIdLength >= 1)) {
    throw new RangeError(`config.serverIdLength must be an integer of at least 1, got ${serverIdLength}`)
  }
  if (!(Number.isInteger(nonceLength) && nonceLength >= 4)) {
    throw new RangeError(`config.nonceLength must be an integer of at least 4, got ${nonceLength}`)
  }
  if (serverIdLength + nonceLength > 19) {
    throw new RangeError(
      `config.serverIdLength and config.nonceLength must be at most 19 together, got ${serverIdLength + nonceLength}`,
    )
  }
  if (key === undefined) return
  if (!(key instanceof Uint8Array)) throw new TypeError(`config.key must be a Uint8Array, got ${typeof key}`)
  if (key.length !== 16) throw new RangeError(`config.key must have 16 bytes, got ${key.length}`)
}
