/** One thread of `npm run simulate`: does the tasks it is sent, one after the other. */
import { parentPort } from 'node:worker_threads'
import type { Answer } from './crew.ts'
import { perform, type Task } from './tasks.ts'

parentPort?.on('message', async (task: Task) => {
  const answer: Answer = await perform(task).then(
    (outcome) => ({ outcome }),
    (error: unknown) => ({ error }),
  )
  parentPort?.postMessage(answer)
})
