/** The implementations of HTTP that are compared, and which server meets which client. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { type PeerProgram, PROGRAMS, ROOT } from '../programs.ts'

const script = (name: string): string => join(ROOT, 'bench/http/peers', `${name}.ts`)

const bun = PROGRAMS.find(({ key }) => key === 'bun')

/** An implementation. */
export type HttpProgram = Pick<PeerProgram, 'key' | 'name' | 'command'>

const inNode = (key: string, name: string): HttpProgram => ({ key, name, command: [process.execPath, script(key)] })

const ISOQUIC = inNode('isoquic', 'isoquic')
const CADDY = inNode('caddy', 'Caddy (quic-go)')
const HTTPS = inNode('https', 'Node https (HTTP/1.1)')
const HTTP2 = inNode('http2', 'Node http2')
const BUN: HttpProgram = { key: 'bun', name: 'Bun (lsquic)', command: [bun?.command[0] ?? 'bun', script('bun')] }

/** A server and a client. */
export interface HttpPair {
  readonly server: HttpProgram
  readonly client: HttpProgram
}

/** All pairs; isoquic with itself comes first. */
export const HTTP_PAIRS: readonly HttpPair[] = [
  { server: ISOQUIC, client: ISOQUIC },
  { server: CADDY, client: ISOQUIC },
  { server: BUN, client: ISOQUIC },
  { server: ISOQUIC, client: BUN },
  { server: BUN, client: BUN },
  { server: HTTPS, client: HTTPS },
  { server: HTTP2, client: HTTP2 },
]

/** What the command line calls them. */
export const HTTP_KEYS: readonly string[] = [ISOQUIC, BUN, CADDY, HTTPS, HTTP2].map(({ key }) => key)

/** The stack's program that is to be installed for a pair, where it is one of `npm`. */
export function neededOf({ server, client }: HttpPair): PeerProgram | undefined {
  return server === BUN || client === BUN ? bun : undefined
}

/** What the pair lacks that npm does not bring; `undefined`: nothing. */
export function lackOf({ server }: HttpPair): string | undefined {
  if (server !== CADDY || spawnSync('caddy', ['version']).status === 0) return undefined
  return 'there is no program caddy (of Debian: apt-get install caddy)'
}
