/** Runs of phenomena whose failures say how to have them again. */
import type { Duration } from '../../src/base/time.ts'
import type { Controller } from './controllers.ts'
import type { Phenomenon } from './phenomenon.ts'

/** As `phenomenon.run`. @throws Error with the command that replays the run */
export function replayed(phenomenon: Phenomenon, seed: number, controller: Controller): Duration {
  try {
    return phenomenon.run(seed, controller)
  } catch (error) {
    throw replayable(error, phenomenon.name, seed, controller)
  }
}

/** `error` with the command that replays its run. */
export function replayable(error: unknown, name: string, seed: number, controller: Controller): Error {
  const command = `ISOQUIC_SEED=${seed} npm run simulate -- --only ${name} --controller ${controller.name}`
  return new Error(`${error instanceof Error ? error.message : String(error)}\n${name}, again: ${command}`, {
    cause: error,
  })
}
