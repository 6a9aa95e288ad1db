/** Programs that are run and surely ended: each in a process group of its own, its output kept. */
import { type ChildProcess, spawn } from 'node:child_process'

/** What to start. */
export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** A fact that a program reported as one line of JSON. */
export interface Reported {
  readonly event: string
  readonly [name: string]: unknown
}

const LIVING = new Set<Program>()

/** ms between SIGTERM and SIGKILL. */
const GRACE = 2000

/** Bytes of output that are kept, the last ones. */
const KEPT_OUTPUT = 4 << 20

/** One program. */
export class Program {
  readonly name: string
  /** Its exit code; -1 where a signal ended it or it could not be started. */
  readonly exit: Promise<number>
  readonly #child: ChildProcess
  #output = ''
  #hasEnded = false

  constructor(launch: Launch) {
    this.name = launch.command
    const child = spawn(launch.command, launch.args, {
      env: { ...process.env, ...launch.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    this.#child = child
    LIVING.add(this)
    const keep = (bytes: Buffer): void => {
      this.#output = (this.#output + bytes.toString()).slice(-KEPT_OUTPUT)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    this.exit = new Promise((resolve) => {
      const end = (code: number): void => {
        this.#hasEnded = true
        LIVING.delete(this)
        resolve(code)
      }
      child.once('error', (error) => {
        this.#output += error.message
        end(-1)
      })
      child.once('close', (code) => end(code ?? -1))
    })
  }

  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Standard output and error, as they came. */
  get output(): string {
    return this.#output
  }

  /** The facts reported so far. */
  get reports(): Reported[] {
    return this.#output
      .split('\n')
      .filter((line) => line.startsWith('{"event":'))
      .flatMap((line) => {
        try {
          return [JSON.parse(line) as Reported]
        } catch {
          return []
        }
      })
  }

  /** Waits until `isTrue`; `false` when the program ends or `timeout` (ms) passes before. */
  async until(isTrue: () => boolean, timeout: number): Promise<boolean> {
    for (const end = performance.now() + timeout; performance.now() < end; ) {
      if (isTrue()) return true
      if (this.#hasEnded) return isTrue()
      await pause(10)
    }
    return isTrue()
  }

  /** The exit code; -1 if it had to be ended after `timeout` ms. */
  async within(timeout: number): Promise<number> {
    const timer = setTimeout(() => void this.stop('SIGKILL'), timeout)
    const code = await this.exit
    clearTimeout(timer)
    return code
  }

  /** Ends the program and all that it started. */
  async stop(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.signal(signal)
    const timer = setTimeout(() => this.signal('SIGKILL'), GRACE)
    await this.exit
    clearTimeout(timer)
    // What the program started may outlive it.
    this.signal('SIGKILL')
  }

  /** Signals the whole group. */
  signal(signal: 'SIGTERM' | 'SIGINT' | 'SIGKILL'): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, signal)
    } catch {
      // The group is gone.
    }
  }
}

/** Ends whatever still runs, without waiting. */
export function endAll(): void {
  for (const program of LIVING) program.signal('SIGKILL')
}

/** Fulfils after `ms`. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
