/** One move to another socket, as early in a connection as it is allowed. */
import { type QuicConnection, QuicMigrationError } from '../../src/index.ts'
import { udp } from '../../transports/udp.ts'
import { report } from './contract.ts'

/** ms between attempts: the server's ids for other paths may come later than its word that the handshake is confirmed. */
const INTERVAL = 5

/** Moves `connection` once the handshake is confirmed. A connection that ends before is let go. */
export async function migrateOnce(connection: QuicConnection): Promise<void> {
  try {
    await connection.handshakeConfirmed
    const transport = await udp()
    while (connection.state === 'connected') {
      if (await tryMigration(connection, transport))
        return report('migrated', { localAddress: connection.localAddress })
      await new Promise((resolve) => setTimeout(resolve, INTERVAL))
    }
  } catch (error) {
    report('migration-failed', { error: String(error) })
  }
}

async function tryMigration(connection: QuicConnection, transport: Awaited<ReturnType<typeof udp>>): Promise<boolean> {
  try {
    await connection.migrate(transport)
    return true
  } catch (error) {
    if (error instanceof QuicMigrationError && error.failure === 'no-connection-id') return false
    throw error
  }
}
