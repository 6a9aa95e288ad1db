/** A folder outside of the repository in which `isoquic` is installed as its users have it: the sources, by the name of the package. */
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { transform } from 'esbuild'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const SOURCE = 'isoquic-source'

/** Node 22 finds TypeScript remarkable. */
const FLAGS: readonly string[] = [`--conditions=${SOURCE}`, '--disable-warning=ExperimentalWarning']

/** Only Node 24 and newer know `await using`; for older ones it is compiled away. */
const KNOWS_USING = Number(process.versions.node.split('.')[0]) >= 24

/** What fragments may take for given, as the words around them say. */
const GIVEN = `
declare const connection: import('isoquic').QuicConnection
declare const stream: import('isoquic').QuicStream
declare const server: import('isoquic').QuicServer
declare const transport: import('isoquic').DatagramTransport
declare const bytes: Uint8Array
`

const OPTIONS = {
  target: 'es2023',
  lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable', 'esnext.disposable'],
  module: 'nodenext',
  moduleDetection: 'force',
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  erasableSyntaxOnly: true,
  allowImportingTsExtensions: true,
  customConditions: [SOURCE],
  skipLibCheck: true,
  noEmit: true,
}

/** How a program ended. */
export interface Run {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** The folder. */
export class Workspace {
  readonly #folder = mkdtempSync(join(tmpdir(), 'isoquic-docs-'))
  #files = 0

  constructor() {
    mkdirSync(join(this.#folder, 'node_modules'))
    symlinkSync(ROOT, join(this.#folder, 'node_modules/isoquic'), 'junction')
    symlinkSync(join(ROOT, 'node_modules/@types'), join(this.#folder, 'node_modules/@types'), 'junction')
    this.#write('package.json', JSON.stringify({ private: true, type: 'module' }))
    this.#write('tsconfig.json', JSON.stringify({ compilerOptions: OPTIONS, include: ['*.ts'] }))
    this.#write('given.d.ts', GIVEN)
  }

  /** Adds a TypeScript file; its name in the folder. */
  add(code: string): string {
    this.#files += 1
    const name = `snippet-${this.#files}.ts`
    this.#write(name, code)
    return name
  }

  /** Compiles everything: what is wrong with each file, by its name. Faults of the library itself are told by other tests. */
  async compile(): Promise<ReadonlyMap<string, readonly string[]>> {
    const { stdout, stderr } = await this.#execute([join(ROOT, 'node_modules/typescript/bin/tsc'), '--pretty', 'false'])
    if (stderr !== '') throw new Error(stderr)
    const faults = new Map<string, string[]>()
    for (const [, name = '', line, words] of stdout.matchAll(/^(snippet-\d+\.ts)\((\d+),\d+\): error (.*)$/gm)) {
      faults.set(name, [...(faults.get(name) ?? []), `line ${line}: ${words}`])
    }
    return faults
  }

  /** Runs a file of the folder, or of the repository by its path from the root. */
  async run(file: string, ...args: string[]): Promise<Run> {
    const path = file.includes('/') ? join(ROOT, file) : join(this.#folder, file)
    return await this.#execute([...FLAGS, await this.#runnable(path), ...args])
  }

  /** Removes the folder. */
  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }

  async #runnable(path: string): Promise<string> {
    const text = readFileSync(path, 'utf8')
    if (KNOWS_USING || !text.includes('await using')) return path
    const { code } = await transform(text, { loader: 'ts', target: 'es2022' })
    return this.#write(`${basename(path, '.ts')}.mjs`, code)
  }

  #execute(args: readonly string[]): Promise<Run> {
    return new Promise((resolve, reject) => {
      const options = { cwd: this.#folder, timeout: 30_000 }
      execFile(process.execPath, args, options, (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== 'number') return reject(error)
        resolve({ exitCode: Number(error?.code ?? 0), stdout, stderr })
      })
    })
  }

  #write(name: string, text: string): string {
    const path = join(this.#folder, name)
    writeFileSync(path, text)
    return path
  }
}
