/**
 * Holds many connections that are established and idle, over UDP, as server or client, and tells what its heap holds for them.
 * Arguments: `server FOLDER` or `client FOLDER PORT`; with `--expose-gc`.
 */

import type { QuicConnection } from '../../src/api/connection.ts'
import { QuicEndpoint } from '../../src/api/endpoint.ts'
import { listen } from '../../src/api/server.ts'
import { udp } from '../../transports/udp.ts'
import { ALPN, obeyLines, readArguments, tell } from '../peers/harness.ts'

/** What the process is asked. */
export type IdleCommand = { readonly do: 'open'; readonly count: number } | { readonly do: 'memory' }

/** What the process holds, bytes, after garbage collection. */
export interface Memory {
  readonly connections: number
  /** Objects of JavaScript. */
  readonly heap: number
  /** Buffers outside of the heap. */
  readonly buffers: number
  /** All that the kernel counts, native keys and what the heap has reserved included. */
  readonly resident: number
}

/** Connections that are being made at the same time. */
const AT_ONCE = 16

/** Held to the end. */
const connections: QuicConnection[] = []
const { role, credentials, port } = readArguments()
const lasting = { alpn: [ALPN], maxIdleTimeout: 0 }

async function serve(): Promise<void> {
  const transport = await udp({ host: '127.0.0.1' })
  const most = 1_000_000
  const limits = { maxConnections: most, maxConnectionsPerAddress: most, maxHandshakes: most }
  const server = await listen(transport, { ...lasting, certificate: credentials, limits })
  void (async () => {
    for await (const connection of server) connections.push(connection)
  })()
  tell({ port: transport.port })
}

async function open(endpoint: QuicEndpoint, count: number): Promise<void> {
  const goal = connections.length + count
  let begun = connections.length
  const runner = async (): Promise<void> => {
    while (begun < goal) {
      begun += 1
      const connection = endpoint.connect(`127.0.0.1:${port}`, {
        ...lasting,
        serverName: 'localhost',
        ca: credentials.ca,
      })
      await connection.ready
      connections.push(connection)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, runner))
}

async function memory(): Promise<Memory> {
  const { gc } = globalThis as { gc?: () => void }
  if (gc === undefined) throw new Error('The process was started without --expose-gc')
  // What finalisers and weak references let go of is gone at the second time.
  for (let times = 0; times < 3; times++) {
    gc()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
  return { connections: connections.length, heap: heapUsed, buffers: arrayBuffers, resident: rss }
}

const endpoint = role === 'client' ? new QuicEndpoint(await udp({ host: '127.0.0.1' })) : undefined
if (role === 'server') await serve()
await obeyLines(async (command: IdleCommand) => {
  if (command.do === 'memory') return memory()
  if (endpoint === undefined) throw new Error('A server opens no connections')
  return open(endpoint, command.count)
})
