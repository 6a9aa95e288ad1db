/** A page with a connection in the datagrams of a WebTransport session. The session's server is Deno's, and hands them on to UDP. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type * as Dev from '../../src/api/dev.ts'
import { Program } from '../interop/processes.ts'
import { findOther } from '../support/runtimes.ts'
import { CASES, type Cell, NotInstalledError, type Outcomes, type Stage } from './contract.ts'
import { door } from './door.ts'
import { openPage } from './page.ts'

/** ms for the server to listen */
const LIMIT = 20_000

/** Deno's half: arguments are certificate, key and the port of UDP. */
const SERVER = `
const [cert, key, port] = Deno.args
const endpoint = new Deno.QuicEndpoint({ hostname: '127.0.0.1', port: 0 })
const listener = endpoint.listen({ cert, key, alpnProtocols: ['h3'] })
console.log('listening on ' + endpoint.addr.port)
const serve = async (connection) => {
  const session = await Deno.upgradeWebTransport(connection)
  await session.ready
  const udp = Deno.listenDatagram({ transport: 'udp', hostname: '127.0.0.1', port: 0 })
  const writer = session.datagrams.writable.getWriter()
  const back = async () => {
    for await (const [bytes] of udp) await writer.write(bytes)
  }
  back().catch(() => {})
  session.closed.catch(() => {}).finally(() => udp.close())
  const to = { transport: 'udp', hostname: '127.0.0.1', port: Number(port) }
  // Of what comes between two reads Deno keeps the last datagram alone, and more only in name: it must not wait for a send.
  for await (const bytes of session.datagrams.readable) udp.send(bytes, to).catch(() => {})
}
for (;;) serve(await listener.accept()).catch(() => {})
`

/** The page's program. */
const PROGRAM = `
import { connect } from 'isoquic'
import { webtransport } from 'isoquic/transports/webtransport'
import { sha256 } from './carriers.ts'
import { dialogue } from './dialogue.ts'

let session
globalThis.play = ({ url, pin, hash, ...facts }) => dialogue({
  ...facts,
  connect,
  options: { serverName: 'localhost', serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(hash) }] },
  async open() {
    session = new WebTransport(url, { serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(pin) }] })
    return await webtransport(session)
  },
  lose: () => session.close(),
  sha256,
})
`

async function run(stage: Stage): Promise<Outcomes> {
  const deno = findOther('Deno')
  if (deno === undefined) throw new NotInstalledError('Deno')
  const { devCertificate } = await door<typeof Dev>(stage.folder, './dev')
  const certificate = await devCertificate()
  const folder = mkdtempSync(join(tmpdir(), 'isoquic-webtransport-'))
  writeFileSync(join(folder, 'server.js'), SERVER)
  const facts = [certificate.certificate, certificate.privateKey, String(stage.server.port)]
  const flags = ['run', '--quiet', '--allow-all', '--unstable-net']
  const program = new Program({ command: deno, args: [...flags, join(folder, 'server.js'), ...facts] })
  try {
    const listening = /listening on (\d+)/
    await program.until(() => listening.test(program.output), LIMIT)
    const port = listening.exec(program.output)?.[1]
    if (port === undefined) throw new Error(`Deno does not listen: ${program.output}`)
    const page = await openPage(stage, 'chromium', await stage.bundle(PROGRAM, 'browser'))
    try {
      const reason = 'goodbye from WebTransport'
      const outcomes = await page.call<Outcomes>('play', {
        url: `https://127.0.0.1:${port}/`,
        pin: [...certificate.hash.value],
        hash: stage.server.hash,
        reason,
        cases: CASES,
        size: 300_000,
        loseSize: 1_000_000,
      })
      if (outcomes.close !== 'ok' || (await stage.server.heardClose(reason))) return outcomes
      return { ...outcomes, close: 'The server did not hear the reason' }
    } finally {
      await page.close()
    }
  } finally {
    await program.stop()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Lines of the matrix. */
export const cells: readonly Cell[] = [
  {
    runtime: 'Chromium',
    transport: 'WebTransport datagrams',
    peer: 'isoquic in Node',
    cases: CASES,
    notes: {
      handshake:
        'of WebTransport in Chromium alone: datagrams of a session have 1,024 bytes in Firefox, and QUIC needs 1,200',
    },
    run,
  },
]
