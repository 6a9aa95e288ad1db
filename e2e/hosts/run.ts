/**
 * `npm run e2e`: the matrix of runtimes, transports and cases, played on the packed tarball, printed, and kept in
 * `docs/e2e-matrix.md`. Words after `--` choose lines by what they contain: `npm run e2e -- Firefox webrtc`. With `--check`
 * the page is compared instead of written; with `--packed=FOLDER` the tarball is installed there already.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { table } from '../../src/cli/table.ts'
import { provide } from '../interop/install.ts'
import { endAll } from '../interop/processes.ts'
import { closingLine, failedLine } from '../support/closing-line.ts'
import { provideBrowsers, providePinned } from '../support/runtimes.ts'
import { type Cell, NotInstalledError, type Outcomes, type Stage } from './contract.ts'
import { failures, marks, nameOf, type Played, page, tables } from './matrix.ts'
import { openStage } from './stage.ts'

const PAGE = fileURLToPath(new URL('../../docs/e2e-matrix.md', import.meta.url))

/** ms for one cell. */
const LIMIT = 90_000

/** Modules that may export `cells`, in the order of the table. */
const MODULES = /^(page|worker|bundle)-.*\.ts$/

async function main(words: readonly string[]): Promise<number> {
  const wanted = words.filter((word) => !word.startsWith('--')).map((word) => word.toLowerCase())
  const cells = (await findCells()).filter((cell) => {
    const name = nameOf(cell).toLowerCase()
    return wanted.every((word) => name.includes(word))
  })
  const missing = [...provideBrowsers(), ...providePinned([20, 22, 26])]
  provide(['ngtcp2-server'])
  for (const name of missing) console.log(`${name} is missing and could not be installed`)
  const stage = await openStage(words.find((word) => word.startsWith('--packed='))?.slice('--packed='.length))
  const played: Played[] = []
  try {
    console.log(`isoquic.min.js of the tarball: SHA-256 ${stage.singleFile.sha256}\n`)
    for (const cell of cells) played.push(await play(cell, stage))
  } finally {
    endAll()
    await stage.close()
  }
  const absent = played.filter(({ isAbsent }) => isAbsent)
  const failed = failures(played.filter(({ isAbsent }) => !isAbsent || process.env['CI'] === 'true'))
  for (const rows of tables(played)) console.log(`\n${table(rows)}\n`)
  for (const words of failed) console.log(failedLine(words))
  const isWhole = wanted.length === 0 && failed.length === 0 && absent.length === 0
  const isOutOfStep = isWhole && !keepPage(played, words.includes('--check'))
  if (isOutOfStep) console.log(failedLine('docs/e2e-matrix.md is not in step: npm run e2e writes it'))
  const counts = {
    passed: played.flatMap(marks).filter((mark) => mark === 'ok').length,
    failed: failed.length + (isOutOfStep ? 1 : 0),
    skipped: absent.flatMap(({ cell }) => cell.cases).length,
  }
  console.log(`\n${closingLine(counts)}`)
  return counts.failed === 0 && counts.passed > 0 ? 0 : 1
}

/** Writes the page, or only looks at it; `false`: it says something else. */
function keepPage(played: readonly Played[], isCheck: boolean): boolean {
  const text = page(played)
  if (!isCheck) writeFileSync(PAGE, text)
  return readFileSync(PAGE, 'utf8') === text
}

async function findCells(): Promise<Cell[]> {
  const names = readdirSync(new URL('.', import.meta.url)).filter((name) => MODULES.test(name))
  const modules = await Promise.all(names.sort().map((name) => import(new URL(name, import.meta.url).href)))
  return modules.flatMap(({ cells }: { cells?: readonly Cell[] }) => cells ?? [])
}

async function play(cell: Cell, stage: Stage): Promise<Played> {
  const started = performance.now()
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing came of it in ${LIMIT / 1000} s`)), LIMIT)
  })
  let outcomes: Outcomes
  let isAbsent = false
  try {
    outcomes = await Promise.race([cell.run(stage), late])
  } catch (error) {
    isAbsent = error instanceof NotInstalledError
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error)
    outcomes = Object.fromEntries(cell.cases.map((name) => [name, words]))
  } finally {
    clearTimeout(timer)
  }
  const seconds = (performance.now() - started) / 1000
  const played: Played = { cell, outcomes, seconds, isAbsent }
  const [first] = failures([played])
  console.log(
    `${nameOf(cell)}: ${first === undefined ? 'ok' : first.slice(nameOf(cell).length + 2)} (${seconds.toFixed(1)} s)`,
  )
  return played
}

process.exit(await main(process.argv.slice(2)))
