/**
 * `node bench/size.ts`: gzip sizes of what `npm run build` left in `dist`: of the page client what a page loads at once, and
 * what it loads on demand; of `isoquic.min.js` the whole.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { table } from '../src/cli/table.ts'

const DIST = fileURLToPath(new URL('../dist/', import.meta.url))
const IMPORT = /(?:from|import)\s*["'](\.[^"']+)["']/g
const DYNAMIC = /import\(\s*["'](\.[^"']+)["']\s*\)/g
/** Bytes after gzip that the page client may have. */
const LIMIT = 60_000

/** What `files` import at once, directly and through each other, themselves first. */
function closure(files: readonly string[]): Set<string> {
  const found = new Set(files)
  for (const file of found)
    for (const [, path = ''] of textOf(file).matchAll(IMPORT)) found.add(join(dirname(file), path))
  return found
}

function onDemand(files: ReadonlySet<string>): Set<string> {
  const entries = [...files].flatMap((file) =>
    [...textOf(file).matchAll(DYNAMIC)].map(([, path = '']) => join(dirname(file), path)),
  )
  return new Set([...closure(entries)].filter((file) => !files.has(file)))
}

function textOf(file: string): string {
  return readFileSync(file, 'utf8')
}

function sizes(file: string): { plain: number; gzip: number } {
  const bytes = readFileSync(file)
  return { plain: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length }
}

function rowsOf(title: string, files: ReadonlySet<string>): string[][] {
  const all = [...files].map((file) => ({ name: relative(DIST, file), ...sizes(file) }))
  const sum = (key: 'plain' | 'gzip'): string => `${all.reduce((total, file) => total + file[key], 0)}`
  return [
    [title, sum('plain'), sum('gzip')],
    ...(all.length > 1 ? all.map(({ name, plain, gzip }) => [`  ${name}`, `${plain}`, `${gzip}`]) : []),
  ]
}

const page = join(DIST, 'page-client.min.js')
const whole = join(DIST, 'isoquic.min.js')
if (!existsSync(page) || !existsSync(whole)) {
  console.error('There is no build: npm run build makes it')
  process.exitCode = 1
} else {
  const atOnce = closure([page])
  const client = [...atOnce].reduce((sum, file) => sum + sizes(file).gzip, 0)
  const rows = [
    ...rowsOf('page client, at once', atOnce),
    ...rowsOf('page client, on demand', onDemand(atOnce)),
    ...rowsOf('isoquic.min.js', new Set([whole])),
  ]
  console.log(table([['', 'bytes', 'gzip'], ...rows]))
  console.log(`\nThe page client is ${(client / 1000).toFixed(1)} kB after gzip; its limit is ${LIMIT / 1000}`)
}
