/**
 * isoquic on several versions of Node and with other datagrams, as programs beside the other stacks. All versions run the same file, in
 * which the sources and their packages are bundled: Node 20 runs no TypeScript.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { build } from 'esbuild'
import { findNode, providePinned } from '../e2e/support/runtimes.ts'
import { type PeerProgram, ROOT } from './programs.ts'

/** A way to run isoquic. */
interface Variant {
  /** Of Node. */
  readonly major: number
  /** Of the command line: `isoquic` and this. */
  readonly suffix: string
  /** Of the tables. */
  readonly title: string
  readonly options?: readonly string[]
  /** Of Node. */
  readonly flags?: readonly string[]
  /** Whether its handshakes are measured: they are the same with larger datagrams. */
  readonly hasHandshakes: boolean
}

/** The majors of Node that isoquic is measured on. */
export const MAJORS: readonly number[] = [24, 20, 26]

/** What `node:ffi` wants. */
const FFI: readonly string[] = ['--experimental-ffi', '--no-warnings']

const plain = (major: number): Variant => ({
  major,
  suffix: major === MAJORS[0] ? '' : `-${major}`,
  title: '',
  hasHandshakes: true,
})
const large = (mtu: number): Variant => ({
  major: 24,
  suffix: `-${mtu}`,
  title: `, MTU ${mtu.toLocaleString('en')}`,
  options: ['--mtu', String(mtu)],
  hasHandshakes: false,
})
const offload = (mtu: number | undefined): Variant => ({
  major: 26,
  suffix: `-offload${mtu === undefined ? '' : `-${mtu}`}`,
  title: `, offload${mtu === undefined ? '' : `, MTU ${mtu.toLocaleString('en')}`}`,
  options: [...(mtu === undefined ? [] : ['--mtu', String(mtu)]), '--offload'],
  flags: FFI,
  hasHandshakes: false,
})

const VARIANTS: readonly Variant[] = [
  ...MAJORS.map(plain),
  large(8900),
  large(65_000),
  offload(undefined),
  offload(8900),
  offload(65_000),
]

/** What the command line calls them. */
export const VARIANT_KEYS: readonly string[] = VARIANTS.map(({ suffix }) => `isoquic${suffix}`)

/** The variants that can run here; and which cannot, and why. Bundles into `folder`. */
export async function isoquicVariants(
  folder: string,
  wanted: (key: string) => boolean,
): Promise<{ programs: PeerProgram[]; missing: string[] }> {
  const chosen = VARIANTS.filter(({ suffix }) => wanted(`isoquic${suffix}`))
  const missing: string[] = []
  if (chosen.some(({ major }) => findNode(major) === undefined)) providePinned([20, 26])
  const script = await bundlePeer(folder)
  const programs = chosen.flatMap(({ major, suffix, title, options = [], flags = [], hasHandshakes }) => {
    const node = findNode(major)
    if (node === undefined) {
      missing.push(`isoquic, Node ${major}${title} does not take part: there is no Node ${major}`)
      return []
    }
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim().slice(1)
    const command = [node, ...flags, script] as const
    const name = `isoquic, Node ${version}${title}`
    return [{ key: `isoquic${suffix}`, name, command, share: 1, options, needs: node, hasHandshakes }]
  })
  return { programs, missing }
}

/** isoquic's peer with all that it imports, as JavaScript. */
async function bundlePeer(folder: string): Promise<string> {
  await build({
    entryPoints: [join(ROOT, 'bench/peers/isoquic.ts')],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'es2022',
    conditions: ['isoquic-source'],
    external: ['node:*'],
  })
  return join(folder, 'isoquic.mjs')
}
