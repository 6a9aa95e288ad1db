/**
 * `npm run bench`: isoquic beside other stacks, in one run of interleaved rounds: goodput, CPU time and handshakes over UDP on
 * loopback on several versions of Node, latency under load, the core alone, packet protection, many streams and connections, hosts
 * without UDP, HTTP/3, the simulator; and what all that must show. It asserts nothing but that all bytes arrive. A part that fails
 * says why, and the rest goes on.
 *
 *   --quick         one round of 20 MB in place of five of 200 MB, and less of everything else
 *   --rounds N      --megabytes N
 *   --only A,B      parts: stacks, latency, handshakes, path, udp, workers, crypto, scale, hosts, http, simulator
 *   --peers A,B     programs: isoquic and its variants such as isoquic-26 or isoquic-offload, matrixai, bun, deno, tls; of HTTP
 *                   isoquic, bun, caddy, https, http2
 *   --json          the numbers of every round on stdout, in place of tables
 *   --write         writes docs/benchmarks.md too
 */
import { writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { HTTP_KEYS } from './http/programs.ts'
import { describeMachine } from './machine.ts'
import { benchmarksPage, goalsSection } from './page.ts'
import { runPart } from './part-runner.ts'
import { PARTS, type PartResult, type Settings } from './parts.ts'
import { PROGRAMS, ROOT } from './programs.ts'
import { asText, type Section } from './section.ts'
import { VARIANT_KEYS } from './variants.ts'

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    megabytes: { type: 'string' },
    peers: { type: 'string' },
    only: { type: 'string' },
  },
})

/** The names of a list, all of which must be known. */
function named(option: 'peers' | 'only', known: readonly string[]): string[] | undefined {
  const names = values[option]?.split(',')
  for (const name of names ?? []) {
    if (known.includes(name)) continue
    console.error(`--${option} names ${name}; there are ${[...new Set(known)].join(', ')}`)
    process.exit(2)
  }
  return names
}

const peers = named('peers', [...VARIANT_KEYS, ...PROGRAMS.map(({ key }) => key), ...HTTP_KEYS])
const only = named(
  'only',
  PARTS.map(({ name }) => name),
)
const settings: Settings = {
  quick: values.quick,
  rounds: Number(values.rounds ?? (values.quick ? 1 : 5)),
  bytes: Number(values.megabytes ?? (values.quick ? 20 : 200)) * 1_000_000,
  peers,
}

if (values.write && only !== undefined) {
  console.error('--write wants all parts, so it goes without --only')
  process.exit(2)
}

const machine = describeMachine(loadavg()[0] ?? 0)
const began = performance.now()
const results = new Map<string, PartResult>()
const sections: Section[] = []

function show(section: Section): void {
  sections.push(section)
  if (!values.json) console.log(`\n${asText(section)}`)
}

if (!values.json) console.log(machine)
for (const part of PARTS) {
  if (only?.includes(part.name) === false) continue
  try {
    const result = await runPart(part, settings)
    results.set(part.name, result)
    for (const section of result.sections) show(section)
  } catch (error) {
    process.exitCode = 1
    const reason = error instanceof Error ? error.message : String(error)
    show({ title: `No numbers of ${part.name}`, grids: [], notes: [reason] })
  }
}
const minutes = (performance.now() - began) / 60_000
const figures = Object.assign({}, ...[...results.values()].map((result) => result.figures ?? {}))
const goals = goalsSection(figures, only !== undefined)
if (values.json) {
  const numbers = Object.fromEntries([...results].map(([name, result]) => [name, result.numbers]))
  console.log(JSON.stringify({ machine, settings, minutes, figures, numbers }, undefined, 2))
} else {
  if ((goals.grids[0]?.length ?? 0) > 1) console.log(`\n${asText(goals)}`)
  console.log(`\n${minutes.toFixed(1)} minutes`)
}
if (values.write) {
  const page = benchmarksPage({ machine, settings, minutes, goals, sections })
  writeFileSync(join(ROOT, 'docs/benchmarks.md'), page)
}
