/** Runs a part of the bench in a process of its own. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Part, PartResult, Settings } from './parts.ts'

const MINUTE = 60_000

/** What came of it. @throws (rejects with) Error when the process ends without a result, or takes longer than its patience */
export function runPart({ name, flags = [], patience }: Part, settings: Settings): Promise<PartResult> {
  const program = fileURLToPath(new URL('part-process.ts', import.meta.url))
  const child = fork(program, [name, JSON.stringify(settings)], { execArgv: [...flags], stdio: 'inherit' })
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error(`It was given up after ${patience} minutes`))
    }, patience * MINUTE)
    child.on('message', (message: PartResult | { readonly error: string }) => {
      if ('error' in message) reject(new Error(message.error))
      else resolve(message)
    })
    child.on('exit', (code, signal) => {
      clearTimeout(timer)
      reject(new Error(`Its process ended with ${signal ?? code}`))
    })
  })
}
