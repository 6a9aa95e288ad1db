import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build as bundle } from 'esbuild'
import { beforeAll, expect, test } from 'vitest'
import { build, DIST, gzipSize, loadedAtOnce, readBuilt, staticImports } from './bundle.ts'
import { startWorkerd } from './workerd.ts'

const SINGLE_FILE = 'isoquic.min.js'
const PAGE_CLIENT = 'page-client.min.js'
const PAGE_CLIENT_LIMIT = 60 * 1024

beforeAll(build, 120_000)

const pageFiles = (): string[] => [
  SINGLE_FILE,
  PAGE_CLIENT,
  ...readdirSync(`${DIST}page-client`, 'utf8')
    .filter((name) => name.endsWith('.js'))
    .map((name) => `page-client/${name}`),
]

test('every door of the package has its module and its types', () => {
  const manifest: unknown = JSON.parse(readFileSync(`${DIST}../package.json`, 'utf8'))
  const targets = JSON.stringify(manifest).match(/\.\/(dist|src|transports)\/[^"]+/g) ?? []
  expect(targets.length).toBeGreaterThan(20)
  expect(targets.filter((path) => !existsSync(`${DIST}../${path}`))).toEqual([])
})

test('every engine of the choice in dist is built', () => {
  const targets = readBuilt('package.json').match(/\.\/src\/[^"]+/g) ?? []
  expect(targets.length).toBeGreaterThan(0)
  expect(targets.filter((path) => !existsSync(DIST + path))).toEqual([])
})

test('the single file imports nothing', () => {
  expect(staticImports(SINGLE_FILE)).toEqual([])
  expect(readBuilt(SINGLE_FILE)).not.toMatch(/\bimport\(/)
})

test('no bundle for pages knows Node', () => {
  for (const file of pageFiles()) {
    expect(readBuilt(file).match(/["'`]node:\w+|\bBuffer\b|(?<![.#\w])process\s*\.|\brequire\(/g), file).toBeNull()
  }
})

test('the page client weighs at most 60 KB with all that it loads at once', () => {
  const size = gzipSize(loadedAtOnce(PAGE_CLIENT))
  console.log(`page client: ${size} bytes gzip`)
  expect(size).toBeLessThanOrEqual(PAGE_CLIENT_LIMIT)
})

test('the page client loads curves on demand', () => {
  const withCurves = pageFiles().filter((file) => readBuilt(file).includes('noble-curves'))
  expect(loadedAtOnce(PAGE_CLIENT).filter((file) => withCurves.includes(file))).toEqual([])
  expect(withCurves.filter((file) => file.startsWith('page-client/'))).not.toEqual([])
})

test('the single file works in a plain Worker, which forbids timers and randomness on import and knows no Node', async () => {
  const parts = "export { pipe } from './transports/pipe.js'\nexport { devCertificate } from './src/api/dev.js'"
  const { outputFiles } = await bundle({
    stdin: { contents: parts, resolveDir: DIST },
    bundle: true,
    format: 'esm',
    conditions: ['workerd'],
    write: false,
  })
  const source = (name: string): string => readFileSync(fileURLToPath(new URL(name, import.meta.url)), 'utf8')
  const workerd = await startWorkerd(
    new Map([
      ['worker.mjs', source('worker.mjs')],
      ['echo.mjs', source('echo.mjs')],
      ['parts.mjs', outputFiles[0]?.text ?? ''],
      [SINGLE_FILE, readBuilt(SINGLE_FILE)],
    ]),
  )
  try {
    const response = await fetch(workerd.url)
    expect(await response.text()).toBe('echoed, process is undefined, Buffer is undefined')
  } finally {
    workerd.stop()
  }
})
