/**
 * Packs the package as it is published, installs it into a folder of its own, compiles a user's file against its types, and
 * uses it there on the runtimes given as arguments: Node, Bun, Deno. Then come the tools that judge and bundle packages.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { closingLine, readClosingLine } from '../support/closing-line.ts'
import { ROOT } from '../support/steps.ts'
import { PACKAGING } from './packaging.ts'
import { install } from './packed.ts'

const COMPILER_OPTIONS = {
  target: 'es2023',
  lib: ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable', 'esnext.disposable'],
  module: 'nodenext',
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  typeRoots: [join(ROOT, 'node_modules/@types')],
}
/** The users' files, and the types each of them has beside the package's. */
const USERS = { anywhere: [], node: ['node'] }

const installed = install()
const { consumer } = installed
for (const file of ['smoke.mjs', 'echo.mjs', 'imports.mjs', 'web.mjs'])
  copyFileSync(join(ROOT, 'e2e/smoke', file), join(consumer, file))
try {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  const programs = process.argv.slice(2)
  for (const program of programs.length > 0 ? programs : [process.execPath]) {
    const { passed, failed, skipped } = useModules(program)
    counts.passed += passed
    counts.failed += failed
    counts.skipped += skipped
  }
  for (const [user, types] of Object.entries(USERS)) counts[compiles(user, types) ? 'passed' : 'failed']++
  for (const [sentence, check] of PACKAGING) {
    const complaints = await check(installed).catch((error) => [String(error)])
    console.log(complaints.length === 0 ? `ok: ${sentence}` : `FAILED: ${sentence}\n${complaints.join('\n')}`)
    counts[complaints.length === 0 ? 'passed' : 'failed']++
  }
  console.log(`\n${closingLine(counts)}`)
  process.exitCode = counts.failed > 0 ? 1 : 0
} finally {
  rmSync(consumer, { recursive: true, force: true })
}

function useModules(program: string): { passed: number; failed: number; skipped: number } {
  const [version] = execFileSync(program, ['--version'], { encoding: 'utf8' }).split('\n')
  console.log(`The package on ${basename(program)} ${version}`)
  const args = basename(program) === 'deno' ? ['run', '--allow-all', '--unstable-net', 'smoke.mjs'] : ['smoke.mjs']
  const { stdout } = spawnSync(program, args, {
    cwd: consumer,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 180_000,
  })
  console.log(stdout)
  return readClosingLine(stdout) ?? { passed: 0, failed: 1, skipped: 0 }
}

function compiles(user: string, types: readonly string[]): boolean {
  copyFileSync(join(ROOT, `e2e/smoke/consumer/${user}.ts`), join(consumer, `${user}.ts`))
  const config = { compilerOptions: { ...COMPILER_OPTIONS, types }, files: [`${user}.ts`] }
  writeFileSync(join(consumer, 'tsconfig.json'), JSON.stringify(config))
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [compiler], { cwd: consumer, stdio: 'inherit' })
  console.log(status === 0 ? `ok: types for ${user}` : `FAILED: types for ${user}`)
  return status === 0
}
