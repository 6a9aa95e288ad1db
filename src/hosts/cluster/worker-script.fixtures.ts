/** What a worker does in the tests: it says which worker answers, and sends back what it gets. */
import { appendFileSync } from 'node:fs'
import type { CertificateOptions } from '../../api/identity.ts'
import { type ListenOptions, listen } from '../../api/server.ts'
import type { HandOverCounts } from './hand-over.ts'
import { joinCluster } from './member.ts'
import type { ClusterPort } from './protocol.ts'

/** What the primary hands to each worker. */
export interface WorkerData {
  readonly certificate: CertificateOptions
  readonly options?: Pick<ListenOptions, 'retry' | 'earlyData'>
  /** A file that gets a line for each stream that came in early data. */
  readonly journal?: string
  readonly trouble?: 'throws' | 'never serves'
}

/** The first line of what a stream of a worker says. */
export interface WorkerGreeting extends HandOverCounts {
  readonly id: number
}

/** Works until its server is closed. @param port if it is no thread or process of its own */
export async function runWorker(port?: ClusterPort): Promise<void> {
  const member = await joinCluster({ port })
  const { certificate, journal, options, trouble } = member.data as WorkerData
  if (trouble === 'throws') throw new Error('This worker will not serve')
  const server = await listen(member.transport, member.share({ ...options, alpn: ['cluster'], certificate }))
  if (trouble === undefined) member.serving(server)

  for await (const connection of server) {
    connection.serve({
      stream: async (stream) => {
        if (journal !== undefined && connection.state === 'connecting') appendFileSync(journal, `${member.id}\n`)
        const greeting: WorkerGreeting = { id: member.id, ...member.handOvers }
        const writer = stream.writable.getWriter()
        await writer.write(new TextEncoder().encode(`${JSON.stringify(greeting)}\n`))
        for await (const chunk of stream.readable) await writer.write(chunk)
        await writer.close()
      },
    })
  }
}
