/** What is built for publishing, as the tests look at it: which files a bundle loads at once, and what they weigh. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { parseAst } from 'rollup/parseAst'

/** Where `npm run build` writes. */
export const DIST: string = fileURLToPath(new URL('../../dist/', import.meta.url))

/** The variable that says that {@link DIST} is of these sources: whoever set it has built them a moment ago. */
export const IS_BUILT = 'ISOQUIC_IS_BUILT'

/** Builds everything, unless that was done. */
export function build(): void {
  if (process.env[IS_BUILT] === 'true') return
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const rollup = ['node_modules/rollup/dist/bin/rollup', '--config', '--silent']
  execFileSync(process.execPath, rollup, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] })
}

/** The text of a built file. */
export function readBuilt(file: string): string {
  return readFileSync(DIST + file, 'utf8')
}

/** What a built file imports at once, by its path in `dist` or its bare name. */
export function staticImports(file: string): string[] {
  return parseAst(readBuilt(file)).body.flatMap((statement) => {
    const source = 'source' in statement ? statement.source : undefined
    const specifier = source && 'value' in source ? String(source.value) : undefined
    if (specifier === undefined) return []
    return [specifier.startsWith('.') ? posix.join(posix.dirname(file), specifier) : specifier]
  })
}

/** `file` and all that comes with it before it runs. */
export function loadedAtOnce(file: string): string[] {
  const loaded = new Set([file])
  for (const each of loaded) for (const imported of staticImports(each)) loaded.add(imported)
  return [...loaded]
}

/** Bytes of `files` as a server sends them, each compressed with gzip. */
export function gzipSize(files: readonly string[]): number {
  return files.reduce((bytes, file) => bytes + gzipSync(readBuilt(file), { level: 9 }).length, 0)
}
