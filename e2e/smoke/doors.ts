/** The doors of the built package, each bundled alone as a user's bundler does it. */
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
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

/** A bundle: its text, and the kernels that it imports as modules beside it. */
export interface Bundle {
  readonly text: string
  readonly kernels: ReadonlyMap<string, Uint8Array>
}

/** One door with all that it needs. Rejects where something cannot be found, such as a module of Node. */
export async function bundleDoor(door: string, condition: 'browser' | 'workerd'): Promise<Bundle> {
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
    outdir: ROOT,
    write: false,
    ...KERNELS,
  })
  return bundleOf(outputFiles)
}

/** How esbuild takes the kernels that Workers import: as files beside the bundle. */
export const KERNELS = { loader: { '.wasm': 'copy' }, assetNames: '[name]' } as const

/** What esbuild wrote, with an `outdir` and {@link KERNELS}. */
export function bundleOf(files: readonly { path: string; text: string; contents: Uint8Array }[]): Bundle {
  const kernels = files.filter(({ path }) => path.endsWith('.wasm'))
  return {
    text: files.find(({ path }) => path.endsWith('.js'))?.text ?? '',
    kernels: new Map(kernels.map(({ path, contents }) => [basename(path), contents])),
  }
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
