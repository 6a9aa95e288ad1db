/**
 * `npm run profile`: where the time of a transfer goes: isoquic over UDP on loopback between two processes, both under V8's profiler.
 * It writes `docs/profile.md`, which is committed with each change to the hot path, and what it allocates from `path-costs.ts`.
 *
 *   --megabytes N   each way, 200 if left out
 *   --print         prints the page in place of writing it
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { table } from '../src/cli/table.ts'
import { writeCredentials } from './credentials.ts'
import { describeMachine } from './machine.ts'
import { type Profiles, Subject } from './measure.ts'
import { measurePath, type Site } from './path-costs.ts'
import type { FunctionTime } from './profile.ts'
import { PROGRAMS, ROOT } from './programs.ts'
import { whereTheTimeGoes } from './report.ts'
import { short } from './statistics.ts'

const { values } = parseArgs({
  options: { megabytes: { type: 'string', default: '200' }, print: { type: 'boolean', default: false } },
})

const BYTES = Number(values.megabytes) * 1_000_000

const page = `${introduction()}

## Over UDP

${code(
  whereTheTimeGoes(await profile())
    .map(table)
    .join('\n\n'),
)}

## Without sockets

${withoutSockets()}
`
if (values.print) console.log(page)
else writeFileSync(join(ROOT, 'docs/profile.md'), page)

async function profile(): Promise<Profiles[]> {
  const [program] = PROGRAMS
  if (program === undefined) throw new Error('There is nothing to profile')
  const folder = mkdtempSync(join(tmpdir(), 'isoquic-profile-'))
  let subject: Subject | undefined
  try {
    await writeCredentials(folder)
    subject = await Subject.start(program, folder)
    await subject.connect()
    const profiles: Profiles[] = []
    await subject.transfer('download', BYTES / 4)
    await subject.transfer('upload', BYTES / 4)
    for (const direction of ['download', 'upload'] as const) profiles.push(await subject.profile(direction, BYTES))
    await subject.close()
    return profiles
  } finally {
    await subject?.stop()
    rmSync(folder, { recursive: true })
  }
}

function introduction(): string {
  return `# Where the time goes

\`npm run profile\` writes this page, and each change to the hot path commits it anew: one connection, one stream, ${values.megabytes} MB each way
over UDP on loopback between two processes, datagrams of 1,452 bytes, Node ${process.versions.node}. ${describeMachine(loadavg()[0] ?? 0)}
Shares tell more than microseconds: those grow with whatever else the machine does. V8 names the function on its stack; what it has
inlined there counts for it.`
}

function withoutSockets(): string {
  const plan = { bytes: BYTES / 2, rounds: 5, streams: 0, allocations: true, profile: true }
  const { packetsPerSeal, receiver, sender } = measurePath(plan)
  const rows = Object.entries({ sender, receiver }).map(([end, { allocated = 0, cpu, external = 0 }]) => [
    end,
    short(median(cpu)),
    short(allocated),
    short(external),
  ])
  const costs = table([['per packet', 'CPU µs', 'bytes on the heap', 'bytes of buffers'], ...rows])
  return `Two endpoints in one process, \`npm run path -- --allocations\`: packet protection included, ${short(packetsPerSeal)} packets a seal.

${code(costs)}

${code(dearest('sender', sender.functions))}

${code(dearest('receiver', receiver.functions))}

${code(largest('sender', sender.sites))}

${code(largest('receiver', receiver.sites))}`
}

function dearest(end: string, functions: readonly FunctionTime[] = []): string {
  const rows = functions.map(({ line, microseconds, name, url }) => [
    `${name} ${line > 0 ? `${url}:${line}` : url}`.trim(),
    short(microseconds),
  ])
  return table([[`the ${end}'s dearest functions`, 'µs/packet'], ...rows])
}

function largest(end: string, sites: readonly Site[] = []): string {
  const rows = sites.map(({ bytes, name, place }) => [`${name} ${place}`, short(bytes)])
  return table([[`where the ${end} allocates`, 'bytes/packet'], ...rows])
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0
}

function code(text: string): string {
  return `\`\`\`\n${text}\n\`\`\``
}
