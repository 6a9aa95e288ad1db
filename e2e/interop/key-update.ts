/** One key update, as early in a connection as it is allowed. */
import type { QuicConnection } from '../../src/index.ts'
import { report } from './contract.ts'

/** ms between attempts: an update must wait until the peer has acknowledged a packet (RFC 9001 §6.1). */
const INTERVAL = 2

/** Updates the keys of `connection` once the handshake is confirmed. A connection that ends before is let go. */
export async function updateKeysOnce(connection: QuicConnection): Promise<void> {
  try {
    await connection.handshakeConfirmed
  } catch {
    return
  }
  while (connection.state === 'connected') {
    if (await tryUpdate(connection)) return report('keys-updated')
    await new Promise((resolve) => setTimeout(resolve, INTERVAL))
  }
}

async function tryUpdate(connection: QuicConnection): Promise<boolean> {
  try {
    await connection.updateKeys()
    return true
  } catch {
    return false
  }
}
