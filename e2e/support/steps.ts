/** Runs the steps of the tests as processes of their own, two at a time, shows their output, and counts what they report. */
import { spawn } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { type Counts, readClosingLine, readFailures, readVectorsLine } from './closing-line.ts'

/** The root of the repository. */
export const ROOT: string = fileURLToPath(new URL('../../', import.meta.url))

/** A program and its arguments. */
export type Command = readonly [program: string, ...args: string[]]

/** What a step runs, by its name. */
export type Step = readonly [name: string, command: Command]

/** What a step came to. */
export interface StepResult extends Counts {
  readonly name: string
  readonly seconds: number
  /** Of the skipped tests, those that the absence of the vectors skipped. */
  readonly withoutVectors: number
  /** What failed, a line each. */
  readonly failures: readonly string[]
}

// Far more than any step takes on two cores: what still runs then hangs, and is heard of while the whole may still run.
const LIMIT = 15 * 60_000

// Most steps keep one core busy. With more of them beside each other than that, what runs in real time would feel the crowd.
const LANES = Math.min(2, availableParallelism())

// Hundreds of processes load the same TypeScript. What Node made of it is kept for the next one, which then starts in half the time.
const COMPILE_CACHE = join(ROOT, 'node_modules/.cache/node-compile')

// What Vitest's plugin for workerd says of every file, and means nothing.
const NOISE = /node:inspector|node%3Ainspector/

/** How a program ended: what it wrote to its standard output, and to its standard error. */
interface Ended {
  readonly code: number
  readonly output: string
  readonly complaints: string
}

/** Runs `steps`, the first ones first, no more beside each other than the machine has cores for. The results are in the order of `steps`. */
export async function runSteps(steps: readonly Step[]): Promise<StepResult[]> {
  const results: StepResult[] = []
  const waiting = steps.entries()
  const lane = async (): Promise<void> => {
    for (const [index, step] of waiting) results[index] = await runStep(step, steps.length > 1 ? `${step[0]} | ` : '')
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return results
}

/** A step without a closing line counts as one test; one that fails has at least one failure. Every line shown begins with `prefix`. */
async function runStep([name, command]: Step, prefix: string): Promise<StepResult> {
  console.log(`\n== ${name} ==`)
  const started = Date.now()
  const { code, output, complaints } = await run(command, prefix)
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

function run([program, ...args]: Command, prefix: string): Promise<Ended> {
  return new Promise((resolve) => {
    // The scripts a step starts find the same Node as the step itself.
    const PATH = `${dirname(program)}:${join(ROOT, 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`
    const colour = process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}
    const child = spawn(program, args, {
      cwd: ROOT,
      env: { NODE_COMPILE_CACHE: COMPILE_CACHE, ...process.env, ...colour, PATH },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    let output = ''
    let complaints = ''
    const timer = setTimeout(() => {
      output += `\nStopped after ${LIMIT / 60_000} minutes\n`
      console.error(`${prefix}Stopped after ${LIMIT / 60_000} minutes`)
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    }, LIMIT)
    createInterface({ input: child.stdout }).on('line', (line) => {
      output += `${line}\n`
      console.log(prefix + line)
    })
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (NOISE.test(line)) return
      complaints += `\n${line}`
      console.error(prefix + line)
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
