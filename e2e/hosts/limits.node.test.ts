/** What Workers do not allow, in workerd itself: the error names the limit. */
import { build } from 'esbuild'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startWorkerd, type Workerd } from '../smoke/workerd.ts'
import { ROOT } from '../support/steps.ts'

/** A Worker with an attempt in its global scope, and one to an address that its network does not allow. */
const PROGRAM = `
import { connect as connectTcp } from 'cloudflare:sockets'
import { cloudflareSocket } from 'isoquic/transports/cloudflare-socket'

const words = (error) => [error.name, error.limit, error.cause?.message].join(': ')
const open = (proxy) => cloudflareSocket({ connect: connectTcp, proxy, target: '127.0.0.1:2' })
const attempt = (proxy) => open(proxy).then(() => 'connected', words)
const early = attempt('http://127.0.0.1:1')

export default {
  fetch: async (request) => new Response(await (new URL(request.url).pathname === '/early' ? early : attempt('http://192.0.2.1:80'))),
}
`

let workerd: Workerd
beforeAll(async () => {
  const { outputFiles } = await build({
    stdin: { contents: PROGRAM, resolveDir: ROOT },
    bundle: true,
    format: 'esm',
    conditions: ['isoquic-source', 'workerd'],
    external: ['cloudflare:*'],
    logLevel: 'error',
    write: false,
  })
  workerd = await startWorkerd(new Map([['worker.mjs', outputFiles[0]?.text ?? '']]))
})
afterAll(() => workerd.stop())

const ask = async (path: string): Promise<string> => await (await fetch(new URL(path, workerd.url))).text()

test('a socket in the global scope is refused by name', async () => {
  expect(await ask('/early')).toMatch(
    /^WorkerLimitError: global scope: Disallowed operation called within global scope/,
  )
})

test('an address that the runtime does not let us reach is refused by name', async () => {
  expect(await ask('/')).toMatch(/^WorkerLimitError: connect: /)
})
