/** The servers of HTTP/3 and WebTransport in this process, and clients that ask others. All on the package as it is installed. */
import type * as Dev from '../../src/api/dev.ts'
import type * as Http3 from '../../src/http3.ts'
import type * as Web from '../../src/webtransport.ts'
import type * as Udp from '../../transports/udp.ts'
import { type Cell, HTTP3_CASES, type Http3Servers, type Outcomes, type Stage } from './contract.ts'
import { door } from './door.ts'
import {
  type ForServices,
  type Http3DialogueParts,
  type Http3Doors,
  http3Dialogue,
  serveFetches,
  serveWebTransport,
} from './http3-dialogue.ts'

/** Starts them; `folder` is where the package is installed. */
export async function startHttp3(folder: string): Promise<Http3Servers & { close(): Promise<void> }> {
  const doors = await openDoors(folder)
  const { udp } = await door<typeof Udp>(folder, './transports/udp')
  const { devCertificate } = await door<typeof Dev>(folder, './dev')
  const certificate = await devCertificate()
  const http3 = await serveFetches(doors, await udp({ host: '127.0.0.1' }), { certificate })
  const webtransport = await serveWebTransport(doors, await udp({ host: '127.0.0.1' }), { certificate })
  const servers = { http3: http3.quic, webtransport: webtransport.quic }
  return {
    ports: { http3: portOf(http3.address), webtransport: portOf(webtransport.address) },
    hash: [...certificate.hash.value],
    doors,
    addTransport: (service, transport) => servers[service].addTransport(transport),
    close: async () => void (await Promise.all([http3.close(), webtransport.close()])),
  }
}

/** Plays the dialogue from this process. */
export async function playFromNode(
  stage: Stage,
  parts: Pick<Http3DialogueParts, 'hash' | 'ports' | 'open'>,
): Promise<Outcomes> {
  const { doors } = await stage.http3()
  return await http3Dialogue({ ...parts, doors })
}

/** The server's port in `host:port`. */
export function portOf(address: string): number {
  return Number(address.split(':').at(-1))
}

/** The ports that carriers have which lead to no port. */
export const NO_PORTS: ForServices<number> = { http3: 443, webtransport: 443 }

/** A line of the table of HTTP/3, with all its cases. */
export function http3Cell(
  runtime: string,
  transport: string,
  peer: string,
  run: (stage: Stage) => Promise<Outcomes>,
): Cell {
  return { table: 'HTTP/3', runtime, transport, peer, cases: HTTP3_CASES, run }
}

async function openDoors(folder: string): Promise<Http3Doors> {
  const { createFetch, serve } = await door<typeof Http3>(folder, './http3')
  const { WebTransport, WebTransportError, WebTransportServer } = await door<typeof Web>(folder, './webtransport')
  return { createFetch, serve, WebTransport, WebTransportError, WebTransportServer }
}
