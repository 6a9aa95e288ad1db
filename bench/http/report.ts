/** The section of HTTP. */
import { timesOf } from '../report.ts'
import type { Grid, Section } from '../section.ts'
import { ratio, show } from '../statistics.ts'
import {
  AT_ONCE,
  type BodyRound,
  type HttpNumbers,
  type HttpProfile,
  type HttpResults,
  type RequestRound,
} from './measure.ts'

type Column = readonly [title: string, values: (results: HttpResults) => number[]]

const rate = ({ count, milliseconds }: RequestRound): number => (count / milliseconds) * 1000
const goodput = ({ bytes, milliseconds }: BodyRound): number => bytes / milliseconds / 1000
const bodies = ({ download, upload }: HttpResults): BodyRound[] => [...download, ...upload]

/** Numbers beside those of the first row. */
const RATES: readonly Column[] = [
  ['1 in flight, requests/s', ({ alone }) => alone.map(rate)],
  [`${AT_ONCE} in flight, requests/s`, ({ atOnce }) => atOnce.map(rate)],
  ['download MB/s', ({ download }) => download.map(goodput)],
  ['upload MB/s', ({ upload }) => upload.map(goodput)],
]

const FACTS: readonly Column[] = [
  ['p50 ms', ({ atOnce }) => atOnce.map(({ p50 }) => p50)],
  ['p99 ms', ({ atOnce }) => atOnce.map(({ p99 }) => p99)],
  ['CPU s/1,000: server', ({ atOnce }) => atOnce.map(({ cpu, count }) => cpu.server / count / 1000)],
  ['client', ({ atOnce }) => atOnce.map(({ cpu, count }) => cpu.client / count / 1000)],
  ['CPU ms/MB: server', (all) => bodies(all).map(({ cpu, bytes }) => (cpu.server / bytes) * 1000)],
  ['client', (all) => bodies(all).map(({ cpu, bytes }) => (cpu.client / bytes) * 1000)],
]

/** The tables, and who is missing. */
export function httpSection({ results, profiles, missing }: HttpNumbers, text: string): Section {
  const [base] = results
  const grids: Grid[] = []
  if (base !== undefined) {
    const head = (columns: readonly string[]): string[] => ['server', 'client', ...columns]
    const rates = results.map((each) => [
      each.server,
      each.client,
      ...RATES.flatMap(([, values]) => [show(values(each)), ratio(values(each), values(base))]),
    ])
    grids.push([head(RATES.flatMap(([title]) => [title, ''])), ...rates])
    const facts = results.map((each) => [
      each.server,
      each.client,
      ...FACTS.map(([, values]) => show(values(each).filter((value) => !Number.isNaN(value)))),
      connections(each),
    ])
    grids.push([head([...FACTS.map(([title]) => title), 'connections']), ...facts])
  }
  for (const profile of profiles) {
    const [categories = []] = whereItGoes(profile)
    const [[, ...head] = [], ...rows] = categories
    grids.push([[`isoquic, ${profile.title}: where the time goes`, ...head], ...rows])
  }
  return { title: 'HTTP', text, grids, notes: missing }
}

/** The most that there were with many requests in flight. */
function connections({ atOnce }: HttpResults): string {
  const told = atOnce.flatMap(({ connections: count }) => count ?? [])
  return told.length === 0 ? '–' : String(Math.max(...told))
}

function whereItGoes({ unit, count, cpu, server, client }: HttpProfile): Grid[] {
  return timesOf([
    { name: 'server', unit, times: server, cpu: cpu.server / count },
    { name: 'client', unit, times: client, cpu: cpu.client / count },
  ])
}
