/** The name of the server as SNI may carry it (RFC 6066 §3). */

/** What `server_name` says: host names only, no literal address, no dot at the end. */
export function sniOf(serverName: string | undefined): string | undefined {
  if (serverName === undefined || serverName === '' || isAddressLiteral(serverName)) return undefined
  return serverName.endsWith('.') ? serverName.slice(0, -1) : serverName
}

/** Checks the name that a client is given. @throws RangeError for one that SNI cannot carry */
export function checkServerName(serverName: string | undefined): void {
  const name = sniOf(serverName)
  if (name !== undefined && !/^[!-~]{1,253}$/.test(name)) {
    throw new RangeError(`serverName must be at most 253 ASCII characters (IDNA: its A-label), got ${name}`)
  }
}

/** Whether `name` is an IPv4 or IPv6 address instead of a host name; those are never sent (RFC 6066 §3). */
export function isAddressLiteral(name: string): boolean {
  // No host name has a colon, and none ends in a label of digits alone (RFC 3696 §2).
  return name.includes(':') || /(^|\.)[0-9]+\.?$/.test(name)
}
