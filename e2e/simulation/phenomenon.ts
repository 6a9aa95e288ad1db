/** What a standing simulation is. */
import type { Duration } from '../../src/base/time.ts'
import type { Controller } from './controllers.ts'

/** Something that happens to networks and hosts, and a transfer that has to live through it. */
export interface Phenomenon {
  /** The name of its file. */
  readonly name: string
  /**
   * Simulates it once; the same seed and controller make the same run.
   * @returns virtual ms from the first packet until the last byte was read
   * @throws Error naming the seed, for whatever is not as it has to be
   */
  run(seed: number, controller: Controller): Duration
}
