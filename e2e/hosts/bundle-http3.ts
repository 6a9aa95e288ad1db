/** HTTP/3 and WebTransport in Node, Bun and Deno: one bundle for all of them, as a client of Node here, and as a server of it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type * as Udp from '../../transports/udp.ts'
import { Program } from '../interop/processes.ts'
import { findNode, findOther } from '../support/runtimes.ts'
import { type Cell, NotInstalledError, type Outcomes, type Stage } from './contract.ts'
import { door } from './door.ts'
import type { ForServices } from './http3-dialogue.ts'
import { http3Cell, playFromNode } from './http3-servers.ts'

/** ms for a program to play, or to listen. */
const LIMIT = 60_000

/** With ports and hash of servers as its argument it is the client, without one it is the server. Its word is a line of JSON. */
const PROGRAM = `
import { node } from 'isoquic/crypto/node'
import { devCertificate } from 'isoquic/dev'
import { createFetch, serve } from 'isoquic/http3'
import { bunUdp } from 'isoquic/transports/bun'
import { denoUdp } from 'isoquic/transports/deno'
import { udp } from 'isoquic/transports/udp'
import { WebTransport, WebTransportError, WebTransportServer } from 'isoquic/webtransport'
import { http3Dialogue, serveFetches, serveWebTransport } from './http3-dialogue.ts'

const doors = { createFetch, serve, WebTransport, WebTransportError, WebTransportServer }
const bind = 'Bun' in globalThis ? bunUdp : 'Deno' in globalThis ? denoUdp : udp
const socket = () => bind({ host: '127.0.0.1' })
const given = process.argv[2]
if (given === undefined) {
  const certificate = await devCertificate()
  const options = { certificate, crypto: node }
  const http3 = await serveFetches(doors, await socket(), options)
  const webtransport = await serveWebTransport(doors, await socket(), options)
  const portOf = ({ address }) => Number(address.split(':').at(-1))
  const ports = { http3: portOf(http3), webtransport: portOf(webtransport) }
  console.log(JSON.stringify({ ports, hash: [...certificate.hash.value] }))
} else {
  const { ports, hash } = JSON.parse(given)
  console.log(JSON.stringify(await http3Dialogue({ doors, ports, hash, open: socket, options: { crypto: node } })))
  process.exit()
}
`

/** A runtime that is there or not. */
interface Runtime {
  readonly name: string
  find(): string | undefined
}

/** Runs the program in a runtime, and gives what `use` makes of it. */
async function withProgram<T>(
  stage: Stage,
  { name, find }: Runtime,
  given: readonly string[],
  use: (program: Program) => Promise<T>,
): Promise<T> {
  const command = find()
  if (command === undefined) throw new NotInstalledError(name)
  const folder = mkdtempSync(join(tmpdir(), 'isoquic-http3-'))
  try {
    writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
    const path = join(folder, 'program.js')
    writeFileSync(path, `import process from 'node:process'\n${await stage.bundle(PROGRAM, 'default')}`)
    const flags = basename(command) === 'deno' ? ['run', '--quiet', '--allow-all', '--unstable-net'] : []
    const program = new Program({ command, args: [...flags, path, ...given] })
    try {
      return await use(program)
    } finally {
      await program.stop()
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** The program's word. */
async function wordOf<T>(program: Program): Promise<T> {
  const line = (): string | undefined => program.output.split('\n').find((each) => /^\{.*\}$/.test(each))
  await program.until(() => line() !== undefined, LIMIT)
  const word = line()
  if (word === undefined) throw new Error(`The program says: ${program.output.slice(-2000)}`)
  return JSON.parse(word) as T
}

async function asClient(stage: Stage, runtime: Runtime): Promise<Outcomes> {
  const { ports, hash } = await stage.http3()
  return await withProgram(stage, runtime, [JSON.stringify({ ports, hash })], (program) => wordOf<Outcomes>(program))
}

async function asServer(stage: Stage, runtime: Runtime): Promise<Outcomes> {
  const { udp } = await door<typeof Udp>(stage.folder, './transports/udp')
  return await withProgram(stage, runtime, [], async (program) => {
    const { ports, hash } = await wordOf<{ ports: ForServices<number>; hash: number[] }>(program)
    return await playFromNode(stage, { ports, hash, open: () => udp({ host: '127.0.0.1' }) })
  })
}

const RUNTIMES: readonly Runtime[] = [
  ...[20, 22, 24, 26].map((major) => ({ name: `Node ${major}`, find: () => findNode(major) })),
  { name: 'Deno', find: () => findOther('Deno') },
  { name: 'Bun', find: () => findOther('Bun') },
]

/** Lines of the matrix. */
export const cells: readonly Cell[] = [
  ...RUNTIMES.map((each) => http3Cell(each.name, 'UDP', 'isoquic in Node', (stage) => asClient(stage, each))),
  ...RUNTIMES.map((each) => http3Cell('Node', 'UDP', `isoquic in ${each.name}`, (stage) => asServer(stage, each))),
]
