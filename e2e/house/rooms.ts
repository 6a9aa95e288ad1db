/** The rules of the line of rooms, as functions that list what breaks them. */
import { codeOf, roomOf, type SourceFile } from './tree.ts'

/** The folders of `src/`, from left to right: a file imports from its own and from those to its left. */
export const ROOMS: readonly string[] = [
  'base',
  'wire',
  'crypto',
  'x509',
  'tls',
  'protection',
  'recovery',
  'streams',
  'connection',
  'endpoint',
  'http3',
  'webtransport',
  'qlog',
  'api',
  'simulator',
  'gateway',
  'hosts',
  'cli',
]

// The contracts with the world: every room may import them, they may import `base/` alone.
const CONTRACTS: readonly string[] = ['src/transport.ts', 'src/environment.ts']

// Where the host's own cryptography is called, and the one file through which TLS may be suspended.
const HOST_CODE = /^src\/crypto\/(node|web|wasm)\/|^src\/crypto\/eventually\.ts$/

const FORBIDDEN: readonly string[] = [
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
  'Date',
  'performance',
  'Buffer',
  'process',
  'console',
  'globalThis',
  'TextEncoder',
  'TextDecoder',
  'async',
  'await',
  'Promise',
  'PromiseLike',
]

/** What `file` imports against the line of rooms, one sentence each. */
export function wrongImports(file: SourceFile): string[] {
  return file.imports.flatMap(({ target, isRelative }) => {
    const reason = isRelative ? wrongRoom(file.path, target) : wrongPackage(file.path, target)
    return reason === undefined ? [] : [`${file.path} imports ${target}: ${reason}`]
  })
}

/** The words of host, clock, randomness and asynchrony that the core at `file` uses. */
export function forbiddenWords(file: SourceFile): string[] {
  if (!isCore(file.path) || HOST_CODE.test(file.path)) return []
  const code = codeOf(file.text)
  // A member or a property of that name (`#process(`, `{ process: … }`) is not the global.
  const words = FORBIDDEN.filter(
    (word) => new RegExp(`(?<![.#\\w])${word}\\b(?!\\s*\\??[:(])`).test(code) || called(code, word),
  )
  if (/\bMath\s*\.\s*random\b/.test(code)) words.push('Math.random')
  if (/(?<![.#\w])crypto\s*\.\s*(subtle|getRandomValues|randomUUID)\b/.test(code)) words.push('crypto')
  return words.map((word) => `${file.path} names ${word}`)
}

/** Import cycles that exist at run time, each as the list of its files. */
export function importCycles(files: readonly SourceFile[]): string[][] {
  const targets = new Map(
    files.map((file) => [file.path, file.imports.filter((i) => !i.isTypeOnly).map((i) => i.target)]),
  )
  const cycles: string[][] = []
  const done = new Set<string>()
  const trail: string[] = []
  const visit = (path: string): void => {
    const at = trail.indexOf(path)
    if (at >= 0) cycles.push(trail.slice(at))
    if (at >= 0 || done.has(path)) return
    trail.push(path)
    for (const target of targets.get(path) ?? []) visit(target)
    trail.pop()
    done.add(path)
  }
  for (const path of targets.keys()) visit(path)
  return cycles
}

// `setTimeout(…)` and the like, but neither a method's declaration nor a call of a member.
function called(code: string, word: string): boolean {
  return new RegExp(`(?<![.#\\w])${word}\\s*\\((?![^()]*\\)\\s*(?::[^={}]+)?\\{)`).test(code)
}

function isCore(path: string): boolean {
  const room = roomOf(path)
  return room !== undefined && room !== '' && ROOMS.indexOf(room) < ROOMS.indexOf('api')
}

function wrongRoom(from: string, to: string): string | undefined {
  if (CONTRACTS.includes(to)) return undefined
  const target = roomOf(to)
  if (from.startsWith('transports/')) {
    return to.startsWith('transports/') || target === 'base'
      ? undefined
      : 'a transport sees only src/transport.ts and base/'
  }
  if (CONTRACTS.includes(from)) return target === 'base' ? undefined : 'a contract sees only base/'
  const room = roomOf(from)
  if (target === undefined) {
    return to.startsWith('transports/') && (room === 'gateway' || room === 'hosts' || room === 'cli')
      ? undefined
      : 'outside the line of rooms'
  }
  if (target === '') return 'a door is not imported from inside'
  if (ROOMS.indexOf(target) < 0) return `${target} is not a room`
  if (room === 'tls' && target === 'wire') return 'TLS knows nothing of QUIC'
  if (room !== undefined && room !== '' && ROOMS.indexOf(target) > ROOMS.indexOf(room))
    return `${target} is right of ${room}`
  return undefined
}

function wrongPackage(from: string, to: string): string | undefined {
  if (to.startsWith('node:'))
    return isCore(from) && !from.startsWith('src/crypto/node/') ? 'the core knows no host' : undefined
  if (to.startsWith('@noble/')) return from.startsWith('src/') ? undefined : 'a transport has no cryptography'
  if (to === 'ws') return roomOf(from) === 'gateway' ? undefined : 'ws is an optional peer of the gateway alone'
  if (to.startsWith('#'))
    return roomOf(from) === 'api' || roomOf(from) === '' ? undefined : 'the engine is chosen in api/'
  return 'the library depends on @noble/* alone'
}
