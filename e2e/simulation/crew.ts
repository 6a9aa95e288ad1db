/** Threads that share tasks: each takes the next one when it is done. */
import { Worker } from 'node:worker_threads'
import type { Outcome, Task } from './tasks.ts'

/** What a thread answers; `error`: the task could not be done at all. */
export type Answer = { readonly outcome: Outcome } | { readonly error: unknown }

/** Threads. They keep the process alive until they are dismissed. */
export class Crew {
  readonly #idle: Worker[] = []
  readonly #all: Worker[] = []
  readonly #waiting: ((worker: Worker) => void)[] = []

  /** @param size threads */
  constructor(size: number) {
    for (let index = 0; index < size; index++) {
      const worker = new Worker(new URL('./thread.ts', import.meta.url))
      this.#all.push(worker)
      this.#idle.push(worker)
    }
  }

  /** Has the next idle thread do it. Rejects where the task is impossible, or its thread died. */
  async perform(task: Task): Promise<Outcome> {
    const worker = this.#idle.pop() ?? (await new Promise<Worker>((resolve) => void this.#waiting.push(resolve)))
    try {
      return await answered(worker, task)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#idle.push(worker)
      else next(worker)
    }
  }

  /** Ends all threads. */
  async dismiss(): Promise<void> {
    await Promise.all(this.#all.map((worker) => worker.terminate()))
  }
}

function answered(worker: Worker, task: Task): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const onMessage = (answer: Answer): void => {
      worker.off('error', reject)
      if ('outcome' in answer) resolve(answer.outcome)
      else reject(answer.error)
    }
    worker.once('message', onMessage)
    worker.once('error', reject)
    worker.postMessage(task)
  })
}
