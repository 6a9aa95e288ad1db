/**
 * What is published: ESM modules with their types, for bundlers and Node; `isoquic.min.js`, one file with the noble engine, the
 * same bytes for every runtime; and the page client, whose curves are chunks of their own that a page loads where it lacks them.
 */
import { execFileSync } from 'node:child_process'
import { globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import terser from '@rollup/plugin-terser'
import esbuild from 'rollup-plugin-esbuild'

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const SOURCE = 'isoquic-source'
const DOORS = Object.values(manifest.exports).flatMap((entry) => entry[SOURCE] ?? [])
const COMMANDS = Object.values(manifest.bin).map((path) => path.replace('./dist/', './').replace(/\.js$/, '.ts'))
const ENGINES = [...new Set(Object.values(manifest.imports['#crypto']))]

const typescript = (options) => esbuild({ target: 'es2022', tsconfig: false, ...options })
const minify = () => terser({ module: true, ecma: 2020, compress: { passes: 3 } })
// Names shortened file by file repeat themselves more than those of the whole, and so compress better: 3 % of the page client.
const bundled = (...conditions) => [
  nodeResolve({ exportConditions: conditions }),
  typescript({ minifyIdentifiers: true }),
  minify(),
]

/** In `dist` the engine is chosen as in the sources, among the built files: a package.json of its own says which. */
const engineChoice = () => ({
  name: 'engine-choice',
  generateBundle() {
    const built = JSON.stringify(manifest.imports).replaceAll('.ts"', '.js"')
    const source = JSON.stringify({ type: 'module', sideEffects: false, imports: JSON.parse(built) }, null, 2)
    this.emitFile({ type: 'asset', fileName: 'package.json', source })
  },
})

/** The types beside the modules, with the imports of the modules. */
const types = () => ({
  name: 'types',
  writeBundle() {
    execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', '--project', 'tsconfig.build.json'], {
      stdio: 'inherit',
    })
    for (const path of globSync('dist/{src,transports}/**/*.d.ts')) {
      writeFileSync(
        path,
        readFileSync(path, 'utf8').replace(/((?:from|import\()\s*['"]\.[^'"]+)\.ts(?=['"])/g, '$1.js'),
      )
    }
  },
})

rmSync('dist', { recursive: true, force: true })

export default [
  {
    input: [...DOORS, ...COMMANDS, ...ENGINES, './src/page-client.ts'],
    external: /^(node:|@noble\/|#)/,
    plugins: [typescript(), engineChoice(), types()],
    output: {
      dir: 'dist',
      preserveModules: true,
      preserveModulesRoot: '.',
      sourcemap: true,
      sourcemapExcludeSources: true,
      entryFileNames: '[name].js',
    },
  },
  {
    input: './src/index.ts',
    plugins: bundled(),
    output: { file: 'dist/isoquic.min.js', inlineDynamicImports: true, sourcemap: true, sourcemapExcludeSources: true },
  },
  {
    input: { 'page-client.min': './src/page-client.ts' },
    plugins: bundled('browser'),
    output: {
      dir: 'dist',
      chunkFileNames: 'page-client/[name]-[hash].min.js',
      sourcemap: true,
      sourcemapExcludeSources: true,
    },
  },
]
