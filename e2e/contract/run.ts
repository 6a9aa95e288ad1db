/**
 * `npm run contract`: runs the tests of the contract and writes `docs/contract.md` from what they found. Nothing is written where a
 * test fails.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MISSING } from './missing.ts'
import { pageOf, type Result } from './page.ts'
import { SECTIONS } from './sections.ts'
import { readCells } from './stacks.ts'

/** Vitest's report in JSON, as far as it is read. */
interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly status: string; readonly meta?: { readonly contract?: Result } }[]
  }[]
}

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const PAGE = join(ROOT, 'docs/contract.md')

const folder = mkdtempSync(join(tmpdir(), 'isoquic-contract-'))
try {
  const output = join(folder, 'results.json')
  const vitest = join(ROOT, 'node_modules/vitest/vitest.mjs')
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${output}`]
  const files = SECTIONS.map(({ file }) => file.replace(/\.ts$/, '.node.test.ts'))
  const { status } = spawnSync(process.execPath, [vitest, 'run', '--project', 'node', ...reporters, ...files], {
    cwd: ROOT,
    stdio: 'inherit',
  })
  if (status === 0) {
    const { testResults } = JSON.parse(readFileSync(output, 'utf8')) as Report
    const results = testResults
      .flatMap(({ assertionResults }) => assertionResults)
      .flatMap(({ status, meta }) => (status === 'passed' && meta?.contract !== undefined ? [meta.contract] : []))
    writeFileSync(PAGE, pageOf(SECTIONS, MISSING, results, readCells()))
    console.log(`${PAGE}: ${results.length} results`)
  } else process.exitCode = 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}
