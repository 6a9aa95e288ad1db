/**
 * What is published: ESM modules with their types, for bundlers and Node; `isoquic.min.js`, one file with the noble engine, the
 * same bytes for every runtime; and the clients for pages, of QUIC and of WebTransport, whose curves are chunks of their own
 * that a page loads where it lacks them.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import terser from '@rollup/plugin-terser'
import esbuild from 'rollup-plugin-esbuild'
import { shortNames } from './rollup.names.mjs'

const manifest = JSON.parse(readFileSync('package.json', 'utf8'))
const SOURCE = 'isoquic-source'
const DOORS = Object.values(manifest.exports).flatMap((entry) => entry[SOURCE] ?? [])
// What stands in for a door where its host is not, or another one is.
const ABSENT = [
  ...new Set(
    Object.values(manifest.exports).flatMap(({ browser, workerd }) =>
      [browser, workerd].flatMap((path) => path?.replace('./dist/', './').replace(/\.js$/, '.ts') ?? []),
    ),
  ),
]
// Programs that others start, as threads.
const SCRIPTS = ['./src/cli/serve-worker.ts']
const COMMANDS = Object.values(manifest.bin).map((path) => path.replace('./dist/', './').replace(/\.js$/, '.ts'))
// A condition may have conditions of its own.
const ENGINES = [
  ...new Set(Object.values(manifest.imports['#crypto']).flatMap((path) => (path.default ? Object.values(path) : path))),
]

const typescript = (options) => esbuild({ target: 'es2022', tsconfig: false, ...options })
const minify = (options) =>
  terser({
    module: true,
    ecma: 2020,
    compress: { passes: 3, sequences: false, unsafe_arrows: true, unsafe_methods: true },
    ...options,
  })
// Names shortened file by file repeat themselves more than those of the whole, and so compress better: 3 % of the page client.
const bundled = (...conditions) => [
  nodeResolve({ exportConditions: conditions }),
  withoutChecks(),
  typescript({ minifyIdentifiers: true }),
]

/** What tests alone call is left out of the artefacts. */
const withoutChecks = () => ({
  name: 'without-checks',
  transform(code, id) {
    if (!id.endsWith('.ts')) return undefined
    // With as many lines as before, so that the source map holds.
    const blank = (text) => text.replace(/[^\n]/g, '')
    return { code: code.replace(/^ {2}checkInvariants\(\): void \{\n[\s\S]*?^ {2}\}$/gm, blank), map: null }
  },
})

/** Short names for the properties that nobody outside a page client can see: 3 % of it. */
const withShortNames = (declarations) => {
  const props = {}
  const collect = {
    name: 'short-names',
    renderStart() {
      const modules = [...this.getModuleIds()].map((id) => ({ id, code: this.getModuleInfo(id).code ?? '' }))
      const own = modules.filter(({ id }) => id.endsWith('.ts'))
      const foreign = modules.filter(({ id }) => !id.endsWith('.ts'))
      const codes = (of) => of.map(({ code }) => code)
      // What is loaded on demand is asked for by the names of its exports.
      const infos = modules.map(({ id }) => this.getModuleInfo(id))
      const exported = infos.flatMap(({ dynamicImporters, exports }) => (dynamicImporters.length > 0 ? exports : []))
      const others = [...codes(foreign), exported.join(' ')]
      for (const [name, short] of shortNames(declarations, codes(own), others)) {
        props[`$${name}`] = short
      }
    },
  }
  const mangle = { properties: { only_cache: true } }
  return [collect, minify({ mangle, nameCache: { props: { props } } })]
}

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

/** The kernels that Workers import are beside the modules as they are beside the sources. */
const kernels = () => ({
  name: 'kernels',
  resolveId: (id) => (id.endsWith('.wasm') ? { id, external: true } : undefined),
  writeBundle() {
    for (const path of globSync('src/**/*.wasm')) copyFileSync(path, `dist/${path}`)
  },
})

/** A client for pages: an entry, and what it loads on demand below the folder of its name. */
const pageBundle = (name) => ({
  input: { [`${name}.min`]: `./src/${name}.ts` },
  // The chunks import from the entry itself: a file less.
  preserveEntrySignatures: 'allow-extension',
  plugins: [...bundled('browser'), ...withShortNames(`dist/src/${name}.d.ts`)],
  output: {
    dir: 'dist',
    // Two modules are called signatures: noble's and the host's.
    chunkFileNames: ({ name: chunk, facadeModuleId }) =>
      `${name}/${facadeModuleId?.includes('/web/') ? 'web-' : ''}${chunk}-[hash].min.js`,
    sourcemap: true,
    sourcemapExcludeSources: true,
  },
})

rmSync('dist', { recursive: true, force: true })

export default [
  {
    input: [
      ...DOORS,
      ...ABSENT,
      ...COMMANDS,
      ...SCRIPTS,
      ...ENGINES,
      './src/page-client.ts',
      './src/page-webtransport.ts',
    ],
    external: /^(node:|@noble\/|#|ws$)/,
    plugins: [typescript(), kernels(), types()],
    output: {
      dir: 'dist',
      // What is built chooses its engine among what is built.
      paths: { '#crypto': '#built-crypto', '#udp': '#built-udp' },
      preserveModules: true,
      preserveModulesRoot: '.',
      sourcemap: true,
      sourcemapExcludeSources: true,
      entryFileNames: '[name].js',
    },
  },
  {
    input: './src/index.ts',
    plugins: [...bundled(), minify()],
    output: { file: 'dist/isoquic.min.js', inlineDynamicImports: true, sourcemap: true, sourcemapExcludeSources: true },
  },
  pageBundle('page-client'),
  pageBundle('page-webtransport'),
]
