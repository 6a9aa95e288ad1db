/** The script of a worker in the tests. */
import { runWorker } from './worker-script.fixtures.ts'

await runWorker()
