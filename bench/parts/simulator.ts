/** How fast the simulator is. */
import type { PartResult, Settings } from '../parts.ts'
import { simulatorGrid, simulatorSpeeds } from '../simulator-speed.ts'

/** Virtual minutes of each kind. */
const MINUTES = { quick: 1, full: 2 }

/** Measures. */
export async function run({ rounds, quick }: Settings, say: (line: string) => void): Promise<PartResult> {
  const minutes = quick ? MINUTES.quick : MINUTES.full
  const numbers = await simulatorSpeeds(minutes, rounds, say)
  const text = `${minutes} virtual minutes of a 10 Mbit/s link, 40 ms of round trip, 0.1 % loss, one bulk transfer.`
  return { sections: [{ title: 'The simulator', text, grids: [simulatorGrid(numbers)] }], numbers }
}
