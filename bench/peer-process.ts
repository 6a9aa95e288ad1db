/** The processes of a peer as the orchestrator sees them: a line of JSON out, a line of JSON back. */
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import type { Command } from './peers/harness.ts'

/** ms after which a process that does not answer is given up. */
const PATIENCE = 120_000

/** Nobody waits for the last words of a process longer, in ms. */
const FAREWELL = 2_000

/** Runtimes look for newer versions of themselves, and colour what they say, unless they are told not to. */
const QUIET = { DENO_NO_UPDATE_CHECK: '1', NO_COLOR: '1' }

/** A running server or client, which is given commands of the kind `C`. */
export class PeerProcess<C = Command> {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #reader: Interface
  #complaint = ''

  constructor(
    [file, ...args]: readonly [string, ...string[]],
    role: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ) {
    const child = spawn(file, [...args, ...role], {
      env: { ...process.env, ...QUIET, ...environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#child = child
    this.#reader = createInterface({ input: child.stdout })
    this.#lines = this.#reader[Symbol.asyncIterator]()
    child.stdin.on('error', () => {})
    child.on('error', (error) => {
      this.#complaint += error.message
    })
    child.stderr.on('data', (text: Uint8Array) => {
      this.#complaint = (this.#complaint + text).slice(-4000)
    })
  }

  /** The next line it prints. @throws Error with what it said on stderr, where there is none */
  async next<T>(): Promise<T> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`No answer in ${PATIENCE / 1000} s. ${this.#lastWords()}`)), PATIENCE)
    })
    try {
      const { value, done } = await Promise.race([this.#lines.next(), late])
      if (done === true) throw new Error(`The process ended. ${this.#lastWords()}`)
      const answer = JSON.parse(value) as T & { readonly error?: string }
      if (answer.error !== undefined) throw new Error(`${answer.error} ${this.#lastWords()}`.trim())
      return answer
    } finally {
      clearTimeout(timer)
    }
  }

  ask<T>(command: C): Promise<T> {
    this.#child.stdin?.write(`${JSON.stringify(command)}\n`)
    return this.next<T>()
  }

  /** Lets it end; makes it end where it does not. */
  async stop(): Promise<void> {
    const child = this.#child
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()))
    const timer = setTimeout(() => child.kill('SIGKILL'), FAREWELL)
    child.stdin?.end()
    await gone
    clearTimeout(timer)
    this.#reader.close()
  }

  #lastWords(): string {
    const lines = this.#complaint.split('\n').filter((line) => line.trim() !== '')
    return (lines.find((line) => /error/i.test(line)) ?? lines.at(-1) ?? '').trim().slice(0, 300)
  }
}
