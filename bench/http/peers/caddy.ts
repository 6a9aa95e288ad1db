/**
 * Caddy, which is quic-go, as a server. It serves downloads from a file. It keeps no uploads: as everywhere it hands them to an
 * application behind it, over HTTP/1.1 without TLS; this process is the application.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { pieces } from '../../peers/transfers.ts'
import { runHttpPeer, type Served, SMALL } from '../harness.ts'

/** ms of CPU time that Linux counts at a time. */
const TICK = 10

let caddy: ChildProcess | undefined
let home = ''

function caddyfile(port: number, folder: string, application: number): string {
  const download = '/{http.request.uri.query.bytes}'
  return `{
	admin off
	auto_https off
	servers {
		protocols h1 h2 h3
	}
}
https://localhost:${port}, https://127.0.0.1:${port} {
	bind 127.0.0.1
	tls ${join(folder, 'leaf.pem')} ${join(folder, 'leaf.key')}
	respond /small "${SMALL}"
	handle /download {
		rewrite * ${download}
		root * ${home}
		file_server
	}
	reverse_proxy /upload 127.0.0.1:${application}
}
`
}

async function startApplication({ sink }: Served): Promise<number> {
  const server = createServer((incoming, outgoing) => {
    incoming.on('data', (chunk: Uint8Array) => sink.add(chunk))
    incoming.on('end', () => outgoing.writeHead(204).end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** One that was free a moment ago. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}

/** Fulfils when it says that it serves. @throws (rejects with) Error with its last words */
function serving(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let words = ''
    child.stderr?.on('data', (text: Uint8Array) => {
      words = (words + text).slice(-4000)
      if (words.includes('serving initial configuration')) resolve()
    })
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`Caddy ended with ${code}: ${words.trim().split('\n').at(-1)}`)))
  })
}

await runHttpPeer({
  async serve(_, served) {
    home = join(served.folder, 'caddy')
    mkdirSync(home, { recursive: true })
    const port = await freePort()
    const config = join(home, 'Caddyfile')
    writeFileSync(config, caddyfile(port, served.folder, await startApplication(served)))
    caddy = spawn('caddy', ['run', '--config', config], {
      env: { ...process.env, HOME: home },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    process.on('exit', () => caddy?.kill())
    await serving(caddy)
    return port
  },
  offer(bytes) {
    const file = openSync(join(home, String(bytes)), 'w')
    for (const piece of pieces(bytes)) writeSync(file, piece)
    closeSync(file)
  },
  furtherCpu() {
    if (process.platform !== 'linux' || caddy?.pid === undefined) return Number.NaN
    // proc(5): behind the name, which stands in brackets, utime and stime are the 12th and 13th.
    const facts = readFileSync(`/proc/${caddy.pid}/stat`, 'utf8')
    const fields = facts.slice(facts.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) * TICK * 1000
  },
})
