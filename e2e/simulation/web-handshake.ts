/**
 * A handshake through the public API whose public-key work is done by somebody else, in real time, while the clock of the
 * simulation stands still; one of its datagrams is lost. A seed takes one datagram and one kind of handshake.
 */
import { connect } from '../../src/api/client.ts'
import type { QuicConnection } from '../../src/api/connection.ts'
import { MemoryStore } from '../../src/api/memory.ts'
import { listen, type QuicServer } from '../../src/api/server.ts'
import type { CryptoProvider } from '../../src/crypto/provider.ts'
import { Simulation } from '../../src/simulator.ts'

/** Datagrams of a handshake without loss, and the first of what is sent again. */
const DATAGRAMS = 7

const KINDS = ['plain', 'after Retry', 'resumed with 0-RTT'] as const

/**
 * One run.
 * @throws (rejects with) Error naming the seed, where the connection is not made or its echo does not come
 */
export function webHandshake(seed: number, crypto: CryptoProvider): Promise<void> {
  const kind = KINDS[Math.floor(seed / DATAGRAMS) % KINDS.length]
  const simulation = new Simulation({ seed })
  const { certificate, environment, net, options } = simulation
  const [near, far] = simulation.link({ delay: 20, jitter: 3 })
  const common = {
    ...options,
    crypto: environment.holding(crypto),
    alpn: ['echo'],
    earlyData: kind === 'resumed with 0-RTT',
  }
  const client = {
    ...common,
    address: far.localAddress,
    serverCertificateHashes: [certificate.hash],
    sessionStore: new MemoryStore(),
  }
  return simulation.run(async () => {
    const server = await listen(far, {
      ...common,
      certificate,
      retry: kind === 'after Retry' ? 'always' : 'never',
    })
    void echo(server)
    if (common.earlyData) {
      const first = await connect(near, client)
      await asked(first)
      // The ticket comes with the confirmation of the handshake.
      await simulation.sleep(200)
      await first.close()
    }
    let sent = 0
    net.tap(() => sent++ !== seed % DATAGRAMS)
    const again = common.earlyData ? simulation.transport({ node: 'client' }) : near
    if (again !== near) net.connect(again.port, far.port, { delay: 20, jitter: 3 })
    const connection = await connect(again, client)
    await asked(connection)
    const { resumed } = await connection.ready
    if (resumed !== common.earlyData) throw new Error(`The connection was ${resumed ? '' : 'not '}resumed`)
    await connection.close()
    await server.close()
  })
}

async function echo(server: QuicServer): Promise<void> {
  for await (const connection of server) {
    void (async () => {
      for await (const { readable, writable } of connection.incomingBidirectionalStreams) {
        readable.pipeTo(writable).catch(() => {})
      }
    })().catch(() => {})
  }
}

/** Sends a byte and waits for it to come back. */
async function asked(connection: QuicConnection): Promise<void> {
  const { readable, writable } = await connection.createBidirectionalStream()
  const writer = writable.getWriter()
  await writer.write(Uint8Array.of(7))
  await writer.close()
  const { value } = await readable.getReader().read()
  if (value?.[0] !== 7) throw new Error(`${value?.join()} came back`)
}
