/** Several workers behind one port, beside one. */
import type { PartResult, Settings } from '../parts.ts'
import { short, show } from '../statistics.ts'
import { measureWorkers, type Rates, type WorkersResult } from '../workers.ts'

const WORKERS: readonly number[] = [1, 2]

/** ms of each measurement. */
const DURATION = { quick: 1000, full: 2000 }

/** Measures. */
export async function run({ rounds, quick }: Settings, say: (line: string) => void): Promise<PartResult> {
  const numbers: WorkersResult[] = []
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`)
    numbers.push(await measureWorkers(WORKERS, quick ? DURATION.quick : DURATION.full))
  }
  const rows = WORKERS.map((workers) => {
    const of = (kind: keyof Rates, unit: number): string =>
      show(
        numbers
          .flatMap(({ rates }) => rates.filter((one) => one.workers === workers))
          .map((one) => one[kind].rate / unit),
      )
    return [String(workers), of('download', 1_000_000), of('handshakes', 1), of('work', 1)]
  })
  const last = numbers.at(-1)
  const notes =
    last === undefined
      ? []
      : [
          `A datagram of 1,200 bytes, sent and received, takes ${short(last.datagrams.plain)} µs of CPU, ${short(last.datagrams.kept)} where workers share the port, and ${short(last.datagrams.handedOver)} where another worker has received it.`,
        ]
  const text =
    'Worker threads behind one UDP port, eight clients in two processes: downloads of 20 MB, connections with a request and an answer of one byte, and answers for which the server hashes 2 MiB.'
  const grid = [['workers', 'download MB/s', 'connections a second', 'answers that take work, a second'], ...rows]
  return { sections: [{ title: 'Several workers behind one port', text, grids: [grid], notes }], numbers }
}
