/** What the tools say that judge and use packages: publint, attw, the compiler in both ways to resolve, Vite, wrangler. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { build } from 'vite'
import { launchOptions } from '../support/browsers.ts'
import { ROOT } from '../support/steps.ts'
import { doors, type Installed } from './packed.ts'
import { runInPage } from './page.ts'
import { startWorkerd, type WorkerModules } from './workerd.ts'

/** A check, by the sentence that holds when it returns no complaint. */
export type Check = readonly [sentence: string, complaints: (installed: Installed) => Promise<readonly string[]>]

/** All of them, in the order in which they run. */
export const PACKAGING: readonly Check[] = [
  ['publint has nothing to say', publintComplaints],
  ['attw finds the types of every door, and none of them wrong', attwComplaints],
  ['the types of every door compile with moduleResolution node16', (installed) => compile(installed, 'node16')],
  ['the types of every door compile with moduleResolution bundler', (installed) => compile(installed, 'bundler')],
  ['a page built by Vite echoes and fetches, with no engine of Node in it', vite],
  ['a Worker bundled by wrangler echoes and fetches, without nodejs_compat', wrangler],
]

async function publintComplaints({ tarball }: Installed): Promise<string[]> {
  const bytes = readFileSync(tarball)
  const { messages, pkg } = await publint({
    pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) },
    strict: true,
  })
  return messages.map((message) => formatMessage(message, pkg) ?? message.code)
}

async function attwComplaints({ tarball }: Installed): Promise<string[]> {
  const analysis = await checkPackage(createPackageFromTarballData(readFileSync(tarball)))
  if (analysis.types === false) return ['The package has no types']
  return analysis.problems.filter(isOfModules).map((problem) => JSON.stringify(problem))
}

/** The package is of modules alone: what looks for CommonJS, or for files without an exports map as Node 10 did, finds none. */
function isOfModules(problem: { readonly kind: string; readonly resolutionKind?: string }): boolean {
  return problem.resolutionKind !== 'node10' && problem.kind !== 'CJSResolvesToESM'
}

async function compile({ consumer }: Installed, moduleResolution: 'node16' | 'bundler'): Promise<string[]> {
  const imports = doors().map((door, index) => `import * as door${index} from '${door}'`)
  const uses = doors().map((_, index) => `door${index}`)
  writeFileSync(
    join(consumer, 'doors.ts'),
    `${imports.join('\n')}\nexport const doors: object[] = [${uses.join(', ')}]\n`,
  )
  const compilerOptions = {
    target: 'es2022',
    lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable', 'esnext.disposable'],
    module: moduleResolution === 'bundler' ? 'esnext' : 'node16',
    moduleResolution,
    strict: true,
    skipLibCheck: false,
    noEmit: true,
    types: ['node', 'ws'],
    typeRoots: [join(ROOT, 'node_modules/@types')],
  }
  writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['doors.ts'] }))
  return complaintsOf(consumer, join(ROOT, 'node_modules/typescript/bin/tsc'))
}

function complaintsOf(folder: string, ...command: string[]): string[] {
  try {
    execFileSync(process.execPath, command, { cwd: folder, encoding: 'utf8', stdio: 'pipe', env: QUIET })
    return []
  } catch (error) {
    return [String(Object(error).stdout), String(Object(error).stderr)].filter((text) => text !== '')
  }
}

const QUIET = { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: 'true' }

// What the user of a bundler writes: the echo of the documentation, `fetch` and a session over pipes, by the names of the package alone.
const ECHO = `import { connect, listen } from 'isoquic'
import { devCertificate } from 'isoquic/dev'
import { createFetch, serve } from 'isoquic/http3'
import { pipe } from 'isoquic/transports/pipe'
import { WebTransport, WebTransportServer } from 'isoquic/webtransport'
import { echo } from './echo.mjs'
import { fetchAndSession } from './web.mjs'
export const echoed = async () => {
  const [near, far] = pipe()
  await echo({ connect, listen }, devCertificate, far, near, 'localhost:443')
  const doors = { createFetch, serve, WebTransport, WebTransportServer }
  await fetchAndSession(doors, devCertificate, async () => pipe())
  return 'echoed'
}`

async function vite({ consumer }: Installed): Promise<string[]> {
  writeFileSync(join(consumer, 'page.mjs'), ECHO)
  const lib = { entry: join(consumer, 'page.mjs'), formats: ['es' as const], fileName: 'page' }
  await build({ root: consumer, logLevel: 'error', configFile: false, build: { lib, outDir: 'vite' } })
  const read = (path: string): string => readFileSync(join(consumer, 'vite', path), 'utf8')
  const complaints = /["'`]node:\w/.test(read('page.js')) ? ['The page imports a module of Node'] : []
  for (const browser of ['chromium', 'firefox'] as const) {
    if (launchOptions(browser) === undefined) continue
    const script = "import('/page.js').then(({ echoed }) => echoed())"
    const { result } = await runInPage(browser, read, script)
    if (result !== 'echoed') complaints.push(`${browser}: ${result}`)
  }
  return complaints
}

/** What wrangler would upload: the Worker, and the modules beside it. */
function uploaded(folder: string): WorkerModules {
  const kernels = readdirSync(folder).filter((name) => name.endsWith('.wasm'))
  const worker = ['worker.js', readFileSync(join(folder, 'worker.js'), 'utf8')] as const
  return new Map<string, string | Uint8Array>([
    worker,
    ...kernels.map((name) => [name, readFileSync(join(folder, name))] as const),
  ])
}

async function wrangler({ consumer }: Installed): Promise<string[]> {
  const worker = `${ECHO}\nexport default { fetch: async () => new Response(await echoed().catch((error) => error.stack)) }\n`
  writeFileSync(join(consumer, 'worker.mjs'), worker)
  const config = { name: 'consumer', main: 'worker.mjs', compatibility_date: '2026-07-01' }
  writeFileSync(join(consumer, 'wrangler.json'), JSON.stringify(config))
  const program = join(createRequire(import.meta.url).resolve('wrangler/package.json'), '../bin/wrangler.js')
  const complaints = complaintsOf(consumer, program, 'deploy', '--dry-run', '--outdir', 'wrangler')
  if (complaints.length > 0) return complaints
  const workerd = await startWorkerd(uploaded(join(consumer, 'wrangler')))
  try {
    const text = await (await fetch(workerd.url)).text()
    return text === 'echoed' ? [] : [text]
  } finally {
    workerd.stop()
  }
}
