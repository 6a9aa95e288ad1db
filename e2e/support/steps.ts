/** Runs one step of the tests as a process of its own, shows its output, and counts what it reports. */
import { spawn } from 'node:child_process'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { type Counts, readClosingLine, readFailures, readVectorsLine } from './closing-line.ts'

/** The root of the repository. */
export const ROOT: string = fileURLToPath(new URL('../../', import.meta.url))

/** A program and its arguments. */
export type Command = readonly [program: string, ...args: string[]]

/** What a step came to. */
export interface StepResult extends Counts {
  readonly name: string
  readonly seconds: number
  /** Of the skipped tests, those that the absence of the vectors skipped. */
  readonly withoutVectors: number
  /** What failed, a line each. */
  readonly failures: readonly string[]
}

// Far more than any step takes on two cores: what still runs then hangs.
const LIMIT = 30 * 60_000

// What Vitest's plugin for workerd says of every file, and means nothing.
const NOISE = /node:inspector|node%3Ainspector/

/** How a program ended: what it wrote to its standard output, and to its standard error. */
interface Ended {
  readonly code: number
  readonly output: string
  readonly complaints: string
}

/** Runs `command`. A step without a closing line counts as one test; one that fails has at least one failure. */
export async function runStep(name: string, [program, ...args]: Command): Promise<StepResult> {
  console.log(`\n== ${name} ==`)
  const started = Date.now()
  const { code, output, complaints } = await run(program, args)
  const counts = readClosingLine(output) ?? { passed: code === 0 ? 1 : 0, failed: 0, skipped: 0 }
  if (code !== 0 && counts.failed === 0) counts.failed = 1
  return {
    name,
    seconds: Math.round((Date.now() - started) / 1000),
    withoutVectors: readVectorsLine(output),
    failures: counts.failed > 0 ? readFailures(output + complaints) : [],
    ...counts,
  }
}

function run(program: string, args: readonly string[]): Promise<Ended> {
  return new Promise((resolve) => {
    // The scripts a step starts find the same Node as the step itself.
    const PATH = `${dirname(program)}:${join(ROOT, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`
    const colour = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}
    const child = spawn(program, args, {
      cwd: ROOT,
      env: { ...process.env, ...colour, PATH },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    let output = ''
    let complaints = ''
    const timer = setTimeout(() => {
      output += `\nStopped after ${LIMIT / 60_000} minutes\n`
      console.error(`Stopped after ${LIMIT / 60_000} minutes`)
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    }, LIMIT)
    child.stdout.on('data', (bytes: Uint8Array) => {
      output += bytes.toString()
      process.stdout.write(bytes)
    })
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (NOISE.test(line)) return
      complaints += `\n${line}`
      console.error(line)
    })
    child.on('error', (error) => {
      clearTimeout(timer)
      console.error(error.message)
      resolve({ code: 1, output, complaints: error.message })
    })
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve({
        code: code ?? 1,
        output: stripVTControlCharacters(output),
        complaints: stripVTControlCharacters(complaints),
      })
    })
  })
}
