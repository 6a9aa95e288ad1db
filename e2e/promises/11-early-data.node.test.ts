/**
 * Proves: a request goes out with the first flight of a resumed connection, in 0-RTT packets, is read before the handshake
 * is over, and is answered after one round trip; refused, it is sent again and arrives once. So with ourselves in virtual
 * time, and on UDP in both roles with quinn (Deno) and lsquic (Bun), which `npm test` installs; `npm run interop` adds
 * ngtcp2 and quiche.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { MemoryStore, QuicEndpoint } from '../../src/index.ts'
import type { ObserverFactory } from '../../src/wire/observer.ts'
import { PacketType } from '../../src/wire/packet-type.ts'
import { runCell } from '../interop/cell.ts'
import { writeCertificates } from '../interop/certificates.ts'
import { ISOQUIC, PEERS, type Peer } from '../interop/peers.ts'
import { PLANS } from '../interop/plans.ts'
import { findOther, providePinned } from '../support/runtimes.ts'
import { ALPN, arrivalsOf, inWorld, patterned, readAll, writeAll } from './world.fixtures.ts'

test('0-RTT interoperates', { timeout: 600_000 }, async () => {
  await withOurselves()
  await withOthers()
})

/** Accepted and refused, to the millisecond. */
async function withOurselves(): Promise<void> {
  const DELAY = 40
  const sessionStore = new MemoryStore()
  let isWelcome = true
  const server = { earlyData: true, acceptEarlyData: () => isWelcome }
  const options = { link: { delay: DELAY }, client: { sessionStore }, server }
  await inWorld(options, async ({ others, simulation, far }) => {
    await simulation.sleep(200)
    const request = patterned(4000)
    for (isWelcome of [true, false]) {
      let earlyPackets = 0
      const observer: ObserverFactory = () => ({
        packetSent: ({ type }) => {
          if (type === PacketType.zeroRtt) earlyPackets++
        },
      })
      const transport = simulation.transport({ node: 'client' })
      simulation.net.connect(transport.port, far.port, { delay: DELAY })
      const began = simulation.now
      const connection = new QuicEndpoint(transport, simulation.options).connect(far.localAddress, {
        alpn: [ALPN],
        serverCertificateHashes: [simulation.certificate.hash],
        sessionStore,
        observer,
        earlyData: true,
      })
      const stream = await connection.createBidirectionalStream()
      expect(simulation.now).toBe(began)
      const sent = writeAll(stream.writable, request)
      const { value: peer } = await others.next()
      const arrived = await arrivalsOf(peer)(stream)
      expect(await readAll(arrived.readable)).toEqual(request)
      const read = simulation.now - began
      const answer = writeAll(arrived.writable, request)
      expect(await readAll(stream.readable)).toEqual(request)
      const answered = simulation.now - began
      await Promise.all([sent, answer])
      expect(await connection.earlyDataAccepted).toBe(isWelcome)
      expect(await connection.ready).toMatchObject({ resumed: true, earlyDataAccepted: isWelcome })
      expect(earlyPackets).toBeGreaterThan(2)
      // One way there and one back; where it was refused, a round trip more.
      const wait = isWelcome ? 0 : 2 * DELAY
      expect(read).toBeGreaterThanOrEqual(DELAY + wait)
      expect(read).toBeLessThan(DELAY + wait + 10)
      expect(answered).toBeLessThan(2 * DELAY + wait + 15)
      await simulation.sleep(300)
      await connection.close()
    }
  })
}

/** The case `zerortt` of the interop table, which asks for resumption, acceptance, and 0-RTT packets on the wire. */
async function withOthers(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'isoquic-promise-'))
  try {
    const certs = join(folder, 'certs')
    mkdirSync(certs)
    writeCertificates(certs)
    const plan = { ...PLANS.zerortt, files: PLANS.zerortt.files.slice(0, 6) }
    for (const other of [pinned('quinn', 'Deno'), pinned('lsquic', 'Bun')]) {
      for (const [client, server] of [
        [ISOQUIC, other],
        [other, ISOQUIC],
      ] as const) {
        const place = mkdtempSync(join(folder, 'cell-'))
        const cell = { case: 'zerortt', client, server, folder: place, certs, hasTshark: false, plan } as const
        const { failure, output } = await runCell(cell)
        expect(failure, `${client.name} to ${server.name}: ${output}`).toBeUndefined()
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The peer of that name, run by the runtime that `npm test` installs. */
function pinned(name: string, runtime: 'Bun' | 'Deno'): Peer {
  const peer = PEERS.find((each) => each.name === name)
  if (findOther(runtime) === undefined) providePinned([])
  const command = findOther(runtime)
  if (peer === undefined || command === undefined) throw new Error(`${runtime} is missing, and ${name} with it`)
  return {
    ...peer,
    client: (assignment) => peer.client(assignment).map((launch) => ({ ...launch, command })),
    server: (assignment) => ({ ...peer.server(assignment), command }),
  }
}
