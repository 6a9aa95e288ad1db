/**
 * `node bench/simulator.ts [minutes]`: how much faster than real time the simulator is, in ten virtual minutes or as many as it is
 * told; with the checksum, and with real protection. `npm run bench -- --only simulator` is the same.
 */
import { simulatorSpeed } from './simulator-speed.ts'

console.log(await simulatorSpeed(Number(process.argv[2] ?? 10)))
