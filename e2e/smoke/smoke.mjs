/** Uses the installed package as its users do: every door opens, and bytes come back over UDP and through the pipe. Plain JavaScript for Node 20, Bun and Deno. */
import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { echo } from './echo.mjs'
import { fetchAndSession } from './web.mjs'

/** What the runtime wants to hear before the name of a program. */
const RUN = 'Deno' in globalThis ? ['run', '--allow-all', '--unstable-net'] : []

let passed = 0
let failed = 0

async function check(name, run) {
  let timer
  try {
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new Error('nothing happened for 20 seconds')), 20_000)
    })
    await Promise.race([run(), late])
    passed++
    console.log(`ok: ${name}`)
  } catch (error) {
    failed++
    console.log(`FAILED: ${name}`)
    console.log(error)
  } finally {
    clearTimeout(timer)
  }
}

async function echoOverUdp(api) {
  const { devCertificate } = await import('isoquic/dev')
  const { udp } = await import('isoquic/transports/udp')
  const server = await udp({ host: '127.0.0.1', port: 0 })
  const client = await udp({ host: '127.0.0.1', port: 0 })
  await echo(api, devCertificate, server, client, server.localAddress)
}

const home = createRequire(import.meta.url).resolve('isoquic/package.json')
const manifest = JSON.parse(await readFile(home, 'utf8'))
for (const door of Object.keys(manifest.exports)) {
  if (door === './package.json') continue
  await check(`import ${manifest.name}${door.slice(1)}`, async () => {
    const module = await import(manifest.name + door.slice(1))
    if (Object.keys(module).length === 0) throw new Error('it exports nothing')
  })
}
await check('importing every door begins nothing, and leaves the global scope as it was', async () => {
  const program = fileURLToPath(new URL('imports.mjs', import.meta.url))
  const said = execFileSync(process.execPath, [...RUN, program], { encoding: 'utf8', timeout: 18_000 })
  if (!/^[1-9]\d* doors, changed: \n$/.test(said)) throw new Error(`it said "${said}"`)
})
await check('echo over UDP with the engine of the runtime', async () => echoOverUdp(await import('isoquic')))
await check('echo over UDP with the single file', async () => echoOverUdp(await import('isoquic/isoquic.min.js')))

if ('Bun' in globalThis || 'Deno' in globalThis) {
  await check('echo over UDP with the sockets of the runtime', async () => {
    const { bunUdp } = await import('isoquic/transports/bun')
    const { denoUdp } = await import('isoquic/transports/deno')
    const { devCertificate } = await import('isoquic/dev')
    const bind = 'Bun' in globalThis ? bunUdp : denoUdp
    const server = await bind({ host: '127.0.0.1' })
    const client = await bind({ host: '127.0.0.1' })
    await echo(await import('isoquic'), devCertificate, server, client, server.localAddress)
  })
}

await check('fetch, serve and a session of WebTransport over UDP', async () => {
  const { devCertificate } = await import('isoquic/dev')
  const { udp } = await import('isoquic/transports/udp')
  const doors = { ...(await import('isoquic/http3')), ...(await import('isoquic/webtransport')) }
  const open = () => Promise.all([udp({ host: '127.0.0.1' }), udp({ host: '127.0.0.1' })])
  await fetchAndSession(doors, devCertificate, open)
})

await check('the command prints its help', async () => {
  const command = [...RUN, join(home, '..', manifest.bin.isoquic), '--help']
  const help = execFileSync(process.execPath, command, { encoding: 'utf8' })
  if (!help.includes('isoquic')) throw new Error(`it printed "${help}"`)
})

console.log(`\n${passed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)
