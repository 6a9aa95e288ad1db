/**
 * Proves: fields that messages have in common cross the network once, in both directions, and messages that refer to them are
 * read (RFC 9204 §3.2). So with ourselves on UDP, by the bytes that a connection moves with and without a table; and with
 * lsquic (Bun) and Chromium, whose files must come over one connection, and, where tshark can be asked, with entries in the
 * tables of both sides that the other side acknowledged the use of. `npm run interop` adds nghttp3, ls-qpack and neqo.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { devCertificate } from '../../src/api/dev.ts'
import { createFetch, serve } from '../../src/http3.ts'
import { udp } from '../../transports/udp.ts'
import { writeCertificates } from '../interop/certificates.ts'
import { runHttp3Cell } from '../interop/http3/cell.ts'
import { HTTP3_PEERS, type Http3Peer, ISOQUIC } from '../interop/http3/peers.ts'
import { HTTP3_PLANS } from '../interop/http3/plans.ts'
import { readResults } from '../interop/results.ts'
import { launchOptions } from '../support/browsers.ts'
import { findOther, providePinned } from '../support/runtimes.ts'

/** Nothing that the static table or Huffman's code would make much shorter. */
const LONG = Array.from({ length: 60 }, (_, index) => `{${(index * 7919).toString(36)}}~`).join('')

const REQUESTS = 30

test('HTTP/3 with the QPACK dynamic table interoperates', { timeout: 600_000 }, async () => {
  const [sent, received] = await exchange({})
  const [plainSent, plainReceived] = await exchange({ qpackMaxTableCapacity: 0 })
  const saved = (REQUESTS - 5) * LONG.length
  expect([plainSent - sent > saved, plainReceived - received > saved], `${sent} ${plainSent}`).toEqual([true, true])
  await withOthers()
  remembersOthers()
})

/** Bytes that a client has sent and received after requests that have most of their fields in common, as their answers do. */
async function exchange(settings: { readonly qpackMaxTableCapacity?: number }): Promise<readonly [number, number]> {
  const certificate = await devCertificate()
  const answer = (request: Request): Response => {
    expect(request.headers.get('x-long')).toBe(LONG)
    return new Response('done', { headers: { 'x-answer': LONG } })
  }
  await using server = await serve(await udp({ host: '127.0.0.1' }), { certificate, ...settings }, answer)
  const transport = (): ReturnType<typeof udp> => udp({ host: '127.0.0.1' })
  const pins = [certificate.hash]
  await using fetch = createFetch({ transport, serverCertificateHashes: pins, earlyData: false, ...settings })
  for (let index = 0; index < REQUESTS; index++) {
    const response = await fetch(`https://${server.address}/${index}`, { headers: { 'x-long': LONG } })
    expect([response.headers.get('x-answer'), await response.text()]).toEqual([LONG, 'done'])
  }
  const connections = [...fetch.client.connections]
  expect(connections).toHaveLength(1)
  const stats = await connections[0]?.getStats()
  return [stats?.quic.bytesSent ?? 0, stats?.quic.bytesReceived ?? 0]
}

/** The case `qpack` of the interop table. */
async function withOthers(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'isoquic-promise-'))
  try {
    const certs = join(folder, 'certs')
    mkdirSync(certs)
    writeCertificates(certs)
    const bun = pinnedBun()
    const chromium = launchOptions('chromium') === undefined ? [] : [peerOf('chromium')]
    for (const [client, server] of [
      [bun, ISOQUIC],
      [ISOQUIC, bun],
      ...chromium.map((each) => [each, ISOQUIC]),
    ] as const) {
      if (client === undefined || server === undefined) continue
      const place = mkdtempSync(join(folder, 'cell-'))
      const hasTshark = existsSync('/usr/bin/tshark')
      const cell = { case: 'qpack', client, server, folder: place, certs, hasTshark, plan: HTTP3_PLANS.qpack } as const
      const { failure, output } = await runHttp3Cell(cell)
      expect(failure, `${client.name} to ${server.name}: ${output}`).toBeUndefined()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What was recorded of the wire: at least two stacks, in either role, had used both tables. */
function remembersOthers(): void {
  const isUsed =
    /the client's table: [1-9]\d* inserted, [1-9]\d* sections; the server's table: [1-9]\d* inserted, [1-9]/
  const { cells } = readResults().http3
  for (const role of ['client', 'server']) {
    const used = cells.filter((cell) => cell.case === 'qpack' && cell.role === role && isUsed.test(cell.note ?? ''))
    expect(used.length, `isoquic as ${role}`).toBeGreaterThanOrEqual(2)
  }
}

function peerOf(name: string): Http3Peer {
  const peer = HTTP3_PEERS.find((each) => each.name === name)
  if (peer === undefined) throw new Error(`There is no peer ${name}`)
  return peer
}

/** Bun, as `npm test` installs it. */
function pinnedBun(): Http3Peer {
  const { client, server, ...peer } = peerOf('bun')
  if (findOther('Bun') === undefined) providePinned([])
  const command = findOther('Bun')
  if (command === undefined || client === undefined || server === undefined) throw new Error('Bun is missing')
  return {
    ...peer,
    client: (assignment) => ({ ...client(assignment), command }),
    server: (assignment) => ({ ...server(assignment), command }),
  }
}
