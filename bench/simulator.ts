/**
 * `node bench/simulator.ts [minutes]`: how much faster than real time the simulator is, in ten virtual minutes or as many as it is
 * told; with the checksum, and with real protection. `npm run bench -- --only simulator` does the same in rounds.
 */
import { table } from '../src/cli/table.ts'
import { simulatorGrid, simulatorSpeeds } from './simulator-speed.ts'

const minutes = Number(process.argv[2] ?? 10)
console.log(table(simulatorGrid(await simulatorSpeeds(minutes, 1, () => {}))))
