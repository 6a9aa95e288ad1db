/** `isoquic serve DIR`: serves the files of a folder, or what another server has, until it is interrupted. */
import { udp } from '../../transports/udp.ts'
import type { CertificateOptions } from '../api/identity.ts'
import { serveCluster } from '../hosts/cluster/cluster.ts'
import { threads } from '../hosts/cluster/engines.ts'
import { type Command, IDENTITY_HELP, identity, interrupted, port, text } from './command.ts'
import { type ServePlan, type Serving, servePlan, startServing } from './serving.ts'

const HELP = `isoquic serve DIR [options]: serves the files of a folder over HTTP/3, in whole and in part; folders are listed
isoquic serve --proxy URL [options]: serves what the server at URL answers
isoquic serve --webtransport-echo [options]: for programs that speak WebTransport

${IDENTITY_HELP}
  --retry         ask each client to prove its address first
  --proxy URL     ask an http:// or https:// server; with DIR, for what DIR does not have
  --no-listing    folders without an index.html are not found
  --webtransport-echo   take WebTransport sessions, of any path, and send back their streams and datagrams
  --workers N     serve with so many threads at one port, 1 to 1024; default 1 (Linux and FreeBSD, Node 22.12 on)
  --hq            HTTP/0.9 over QUIC (ALPN hq-interop) instead of HTTP/3

Example:
  isoquic serve ./public --port 4433
  isoquic get https://127.0.0.1:4433/index.html --pin HASH`

/** What each worker gets. */
export interface ServeWorkerData {
  /** The command line. */
  readonly words: readonly string[]
  readonly certificate: CertificateOptions
}

/** Serves a folder. */
export const serveCommand: Command = {
  name: 'serve',
  summary: 'serve the files of a folder',
  help: HELP,
  async run(words) {
    // Whatever is wrong with the options is said before a socket is open.
    const plan = await servePlan(words)
    const { values } = plan
    const where = { host: text(values, 'host') ?? '127.0.0.1', port: port(values, 4433) }
    const { certificate, pin } = await identity(values)
    const server =
      plan.workers > 1
        ? await startWorkers(plan, where, { words, certificate })
        : await startServing(plan, await udp(where), certificate, (options) => options)
    console.log(`Serving ${whatOf(plan)} on ${server.address} (UDP)`)
    if (pin !== undefined) console.log(`certificate made for 13 days; get https://${server.address}/… --pin ${pin}`)
    await interrupted()
    await server.close()
    return 0
  },
}

function whatOf({ folder, isEchoing, proxy, workers }: ServePlan): string {
  const served = [folder, proxy, isEchoing ? 'WebTransport' : undefined].filter((name) => name !== undefined)
  return `${served.join(', ')}${workers > 1 ? ` with ${workers} workers` : ''}`
}

/**
 * Threads rather than processes: one more takes 15 to 40 MB in place of 80, and signals are the primary's alone. What a worker does,
 * and how quickly, is the same either way.
 */
function startWorkers(
  { workers }: ServePlan,
  where: { readonly host: string; readonly port: number },
  data: ServeWorkerData,
): Promise<Serving> {
  const script = new URL(import.meta.url.endsWith('.ts') ? './serve-worker.ts' : './serve-worker.js', import.meta.url)
  return serveCluster({
    ...where,
    start: threads(script),
    workers,
    data,
    onWorkerEnd: ({ id, error }) => {
      console.error(`isoquic: worker ${id} has ended, another one takes its place: ${error?.message ?? 'no error'}`)
    },
  })
}
