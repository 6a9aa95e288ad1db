/** The doors of the built package, each bundled alone as a user's bundler does it. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** The doors that hold modules, such as `isoquic/dev`. */
export function doors(): string[] {
  const { exports, name }: { exports: object; name: string } = JSON.parse(readFileSync(`${ROOT}package.json`, 'utf8'))
  return Object.keys(exports)
    .filter((door) => door !== './package.json')
    .map((door) => name + door.slice(1))
}

/** One door with all that it needs. Rejects where something cannot be found, such as a module of Node. */
export async function bundleDoor(door: string, condition: 'browser' | 'workerd'): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: `export * from '${door}'`, resolveDir: ROOT },
    bundle: true,
    format: 'esm',
    conditions: [condition],
    platform: 'neutral',
    mainFields: ['module', 'main'],
    external: ['node:*', 'cloudflare:*'],
    legalComments: 'none',
    logLevel: 'error',
    write: false,
  })
  return outputFiles[0]?.text ?? ''
}

/** A Worker that imports each of `names`, modules beside it, while it is evaluated, and tells what they export. */
export function importer(names: readonly string[]): string {
  const imports = names.map((name, index) => `import * as door${index} from './${name}'`)
  const table = names.map((_, index) => `Object.keys(door${index}).length`)
  return `${imports.join('\n')}
const counts = [${table.join(', ')}]
const host = typeof process + ' ' + typeof Buffer
export default { fetch: () => Response.json({ counts, host }) }
`
}
