/** Serves the page on localhost, and hands letters from page to page: all the signalling there is. With `--check` two headless pages talk. */
import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'

const { values } = parseArgs({
  options: { check: { type: 'boolean', default: false }, port: { type: 'string', default: '8081' } },
})

/** ms after which who waits for a letter is told to ask again. */
const PATIENCE = 20_000

/** Letters, and bytes of one, that are kept. */
const MAX_LETTERS = 1000
const MAX_LETTER = 100_000

/** By addressee: the letters that wait, or who waits for one. */
const letters = new Map<string, string[]>()
const readers = new Map<string, ServerResponse>()

function deliver(name: string, letter: string): void {
  const reader = readers.get(name)
  readers.delete(name)
  if (reader !== undefined) reader.writeHead(200, { 'content-type': 'application/json' }).end(letter)
  else if (letters.size < MAX_LETTERS) letters.set(name, [...(letters.get(name) ?? []).slice(-9), letter])
}

function read(name: string, response: ServerResponse): void {
  readers.get(name)?.writeHead(204).end()
  readers.set(name, response)
  const timer = setTimeout(() => leave(), PATIENCE)
  const leave = (): void => {
    clearTimeout(timer)
    if (readers.get(name) !== response) return
    readers.delete(name)
    response.writeHead(204).end()
  }
  response.on('close', leave)
  const [first, ...rest] = letters.get(name) ?? []
  letters.delete(name)
  if (rest.length > 0) letters.set(name, rest)
  if (first !== undefined) deliver(name, first)
}

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL('page/main.ts', import.meta.url))],
  bundle: true,
  format: 'esm',
  target: 'es2022',
  // The first leads `isoquic` to the sources, in a checkout that has not been built.
  conditions: ['isoquic-source', 'browser'],
  write: false,
})
const code = outputFiles[0]?.text ?? ''

const server = createServer(async (request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  const [, name] = /^\/letters\/([0-9a-f]{64})$/.exec(pathname) ?? []
  if (name !== undefined && request.method === 'POST') {
    let letter = ''
    for await (const chunk of request.setEncoding('utf8')) if (letter.length < MAX_LETTER) letter += chunk
    deliver(name, letter)
    response.writeHead(204).end()
  } else if (name !== undefined) read(name, response)
  else if (pathname === '/') {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
    response.end(readFileSync(new URL('page/index.html', import.meta.url)))
  } else if (pathname === '/main.js') {
    response.writeHead(200, { 'content-type': 'text/javascript; charset=utf-8' }).end(code)
  } else response.writeHead(404).end()
})
await new Promise<void>((resolve) => server.listen(values.check ? 0 : Number(values.port), '127.0.0.1', resolve))
const origin = `http://localhost:${(server.address() as AddressInfo).port}`

if (values.check) {
  const { check } = await import('./check.ts')
  await check(origin)
  process.exit()
}
console.log(`Open ${origin}: its page invites a guest. Ctrl+C ends it.`)
