/** What workers of a cluster are made of: threads, or processes. The rest of a cluster knows neither. */
import { type ChildProcess, type ForkOptions, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { MessageChannel, Worker, type WorkerOptions, workerData } from 'node:worker_threads'
import type { ClusterPort } from './protocol.ts'

/** A worker as the primary has it. */
export interface StartedWorker {
  readonly port: ClusterPort
  /** Fulfils when it is gone: with the error that ended it, or `undefined`. Never rejects. */
  readonly gone: Promise<Error | undefined>
  /** Ends it at once, whatever it does. */
  kill(): void
}

/** Starts one worker, whose script calls `joinCluster`. */
export type StartWorker = () => StartedWorker

/** Under which name a thread gets its port. */
const PORT = 'isoquic cluster'

/** By which variable of its environment a process knows that it is a worker, and not somebody else's child. */
const MARK = 'ISOQUIC_CLUSTER_WORKER'

/**
 * Workers that are threads of this process.
 * @param script a module that calls `joinCluster`.
 * @param options of Node's `Worker`; data for it goes through `serveCluster`.
 */
export function threads(script: URL | string, options: Omit<WorkerOptions, 'workerData'> = {}): StartWorker {
  return () => {
    const { port1, port2 } = new MessageChannel()
    const transferList = [...(options.transferList ?? []), port2]
    const worker = new Worker(script, { ...options, workerData: { [PORT]: port2 }, transferList })
    let failure: Error | undefined
    worker.once('error', (error) => {
      failure = error instanceof Error ? error : new Error(String(error))
    })
    const gone = new Promise<Error | undefined>((resolve) => {
      worker.once('exit', (code) => {
        port1.close()
        resolve(failure ?? endOf('thread', code))
      })
    })
    return { port: port1 as unknown as ClusterPort, gone, kill: () => void worker.terminate() }
  }
}

/**
 * Workers that are processes of their own.
 * @param script a module that calls `joinCluster`.
 * @param options of Node's `fork`, and the arguments of the script.
 */
export function processes(
  script: URL | string,
  options: ForkOptions & { readonly args?: readonly string[] } = {},
): StartWorker {
  const { args = [], ...rest } = options
  const path = script instanceof URL ? fileURLToPath(script) : script
  return () => {
    const env = { ...(rest.env ?? process.env), [MARK]: '1' }
    const child = fork(path, [...args], { ...rest, env, serialization: 'advanced' })
    let failure: Error | undefined
    const gone = new Promise<Error | undefined>((resolve) => {
      child.on('error', (error) => {
        failure = error
        // One that was never started has no exit.
        if (child.pid === undefined) resolve(error)
      })
      child.once('exit', (code, signal) => resolve(failure ?? endOf('process', code ?? signal ?? 0)))
    })
    return { port: new ProcessPort(child), gone, kill: () => void child.kill('SIGKILL') }
  }
}

/** Takes the port that this worker was started with; `undefined`: it was not started as a worker. */
export function takeOwnPort(): ClusterPort | undefined {
  const port: unknown = (workerData as Readonly<Record<string, unknown>> | null | undefined)?.[PORT]
  if (port !== undefined) return port as ClusterPort
  if (process.env[MARK] === undefined || process.send === undefined) return undefined
  delete process.env[MARK]
  return new ProcessPort(process)
}

/** What of a child, or of this process as a child, is used. */
type ProcessEnd = Pick<ChildProcess, 'on' | 'off' | 'connected' | 'disconnect'> & {
  send?(message: unknown, done: (error: Error | null) => void): boolean
}

/** The channel of a child process, in the shape of a message port. */
class ProcessPort implements ClusterPort {
  readonly #end: ProcessEnd
  readonly #listeners = new Map<(event: Event) => void, (data: unknown) => void>()

  constructor(end: object) {
    this.#end = end as ProcessEnd
  }

  postMessage(message: unknown): void {
    // A message to one that is gone is lost, as in a port that is closed.
    if (this.#end.connected) this.#end.send?.(message, () => {})
  }

  addEventListener(type: string, listener: (event: Event) => void): void {
    const heard = (data: unknown): void => listener({ data } as unknown as Event)
    this.#listeners.set(listener, heard)
    this.#end.on(nameOf(type), heard)
  }

  removeEventListener(type: string, listener: (event: Event) => void): void {
    const heard = this.#listeners.get(listener)
    this.#listeners.delete(listener)
    if (heard !== undefined) this.#end.off(nameOf(type), heard)
  }

  close(): void {
    if (this.#end.connected) this.#end.disconnect()
  }
}

/** What processes call the events of a port. */
function nameOf(type: string): string {
  return type === 'close' ? 'disconnect' : type
}

function endOf(kind: string, code: number | string): Error | undefined {
  return code === 0 ? undefined : new Error(`The ${kind} ended with ${code}`)
}
