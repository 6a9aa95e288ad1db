import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { build, DIST, gzipSize, loadedAtOnce, readBuilt, staticImports } from './bundle.ts'

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
    expect(readBuilt(file).match(/["'`]node:\w+|\bBuffer\b|\bprocess\b|\brequire\(/g), file).toBeNull()
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
