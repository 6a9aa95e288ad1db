/** Hosts without UDP: pages, workerd, two endpoints over the pipe. */
import { measureHosts } from '../hosts/measure.ts'
import { hostsSection } from '../hosts/report.ts'
import type { PartResult, Settings } from '../parts.ts'

/** Of a transfer, at most: a page is slower. */
const MOST_BYTES = 20_000_000

/** Measures. */
export async function run({ rounds, bytes }: Settings, say: (line: string) => void): Promise<PartResult> {
  say('pages, workerd and the gateway')
  const numbers = await measureHosts(rounds, Math.min(bytes, MOST_BYTES))
  if (numbers === undefined) throw new Error('Chromium is not installed')
  const toMegabytes = (rates: readonly number[]): number[] => rates.map((megabits) => megabits / 8)
  return {
    sections: [hostsSection(numbers)],
    figures: { 'within page': toMegabytes(numbers.withinPage), 'within worker': toMegabytes(numbers.withinWorker) },
    numbers,
  }
}
