/** Bun's HTTP/3: `Bun.serve({ http3: true })` and `fetch(url, { protocol: 'http3' })`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import process from 'node:process'

const get = (name) => process.env[name] ?? ''
const certs = (name) => readFileSync(join(get('CERTS'), name), 'utf8')
const testCase = get('TESTCASE')

/** Requests at a time: with as many as a server allows streams, it opens further connections. */
const PARALLEL = testCase === 'qpack' ? 1 : 25

function report(event, facts = {}) {
  console.log(JSON.stringify({ event, ...facts }))
}

function save(name, bytes) {
  const path = join(get('DOWNLOADS'), name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
}

function serve() {
  const server = globalThis.Bun.serve({
    hostname: '127.0.0.1',
    port: Number(get('PORT')),
    http3: true,
    tls: { cert: certs('cert.pem'), key: certs('priv.key') },
    // Seconds.
    idleTimeout: 60,
    async fetch(request) {
      const name = basename(new URL(request.url).pathname)
      if (request.method === 'PUT') {
        save(name, new Uint8Array(await request.arrayBuffer()))
        return new Response(null, { status: 204 })
      }
      const file = globalThis.Bun.file(join(get('WWW'), name))
      if (!(await file.exists())) return new Response(null, { status: 404 })
      return new Response(await file.arrayBuffer(), {
        headers: { 'content-type': file.type, 'x-interop': 'the same in each of the answers' },
      })
    },
  })
  report('listening', { address: `127.0.0.1:${server.port}` })
}

async function fetchOne(url) {
  const name = basename(url.pathname)
  const response = await fetch(url, {
    protocol: 'http3',
    ...(testCase === 'qpack' && { headers: { 'x-interop': 'the same in each of the requests' } }),
    ...(testCase === 'upload' && { method: 'PUT', body: readFileSync(join(get('WWW'), name)) }),
  })
  if (!response.ok) throw new Error(`${url} was answered with status ${response.status}`)
  const content = new Uint8Array(await response.arrayBuffer())
  if (testCase !== 'upload') save(name, content)
}

async function fetchAll() {
  const waiting = get('REQUESTS')
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => new URL(word))
  const worker = async () => {
    for (let url = waiting.shift(); url !== undefined; url = waiting.shift()) await fetchOne(url)
  }
  await Promise.all(Array.from({ length: PARALLEL }, worker))
}

try {
  if (get('ROLE') === 'server') serve()
  else {
    await fetchAll()
    process.exit(0)
  }
} catch (error) {
  console.error(error)
  process.exit(1)
}
