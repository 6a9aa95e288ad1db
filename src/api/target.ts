/** Addresses as applications write them. */

/** A name or address to be resolved. */
export interface Target {
  readonly host: string
  readonly port: number
}

/** The parts of `host:port`, IPv6 in brackets. @throws TypeError for anything else */
export function parseTarget(address: string): Target {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:[\]/?#@\s]+)):(\d{1,5})$/.exec(address)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || !(port >= 1 && port <= 65_535)) {
    throw new TypeError(`address must be host:port, IPv6 in brackets, got ${address}`)
  }
  return { host, port }
}
