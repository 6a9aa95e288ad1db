/** A process of `path-costs.ts`: `path-process.ts cpu|heap|profile PLAN` measures one part of the plan and prints it as JSON. */
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { getHeapStatistics } from 'node:v8'
import { HotPath, heapMeterCost, type Spent } from './hot-path.ts'
import type { EndCosts, PartialCosts, PathPart, PathPlan, Site } from './path-costs.ts'
import { type FunctionTime, startProfileBelow, startSamplingBelow } from './profile.ts'
import { ROOT } from './programs.ts'

const part = process.argv[2] as PathPart
const plan = JSON.parse(process.argv[3] ?? '') as PathPlan

/** Sites and functions that are told. */
const SHOWN = 10

/** Bytes that make the engine's code as quick as it gets. */
const WARM_UP = 60_000_000

/** Bytes of young objects after which they are collected, between turns. */
const GARBAGE = 24 * 1024 * 1024

const ROOTS = ['sendingTurn', 'receivingTurn']

/** What one round came to. */
interface Round {
  readonly packets: number
  readonly answers: number
  readonly packetsPerSeal: number
  readonly sender: Spent
  readonly receiver: Spent
}

function round(path: HotPath): Round {
  const before = path.counts
  path.spent()
  path.move(plan.bytes)
  const after = path.counts
  const packets = after.packets - before.packets
  return {
    packets,
    answers: after.answers - before.answers,
    packetsPerSeal: packets / (after.seals - before.seals),
    ...path.spent(),
  }
}

function open(afterTurn?: () => void): HotPath {
  const path = new HotPath(part === 'heap' ? 'heap' : 'cpu', plan.streams, afterTurn)
  path.move(WARM_UP)
  return path
}

function report(rounds: readonly Round[], costs: (end: 'sender' | 'receiver') => Partial<EndCosts>): void {
  const sum = (pick: (round: Round) => number): number => rounds.reduce((total, each) => total + pick(each), 0)
  const result: PartialCosts = {
    packets: sum(({ packets }) => packets) / rounds.length,
    answers: sum(({ answers }) => answers) / rounds.length,
    packetsPerSeal: sum(({ packetsPerSeal }) => packetsPerSeal) / rounds.length,
    sender: costs('sender'),
    receiver: costs('receiver'),
  }
  console.log(JSON.stringify(result))
}

function measureCpu(): void {
  const path = open()
  const rounds = Array.from({ length: plan.rounds }, () => round(path))
  report(rounds, (end) => ({ cpu: rounds.map((each) => each[end].cpu / each.packets) }))
}

async function measureHeap(): Promise<void> {
  let collected = 0
  let turns = 0
  const path = open(() => {
    turns += 1
    if (getHeapStatistics().used_heap_size - collected < GARBAGE) return
    globalThis.gc?.({ type: 'minor', execution: 'sync' })
    collected = getHeapStatistics().used_heap_size
  })
  turns = 0
  const measured = round(path)
  const own = (heapMeterCost() * turns) / 2
  const stop = await startSamplingBelow(ROOTS)
  const sampled = round(path)
  const sites = await stop()
  report([measured], (end) => ({
    allocated: Math.max(0, measured[end].heap - own) / measured.packets,
    external: measured[end].external / measured.packets,
    sites: (sites[end === 'sender' ? 0 : 1] ?? []).slice(0, SHOWN).map(
      ({ bytes, line, name, url }): Site => ({
        name,
        place: `${place(url)}:${line}`,
        bytes: bytes / sampled.packets,
      }),
    ),
  }))
}

async function measureProfile(): Promise<void> {
  const path = open()
  const stop = await startProfileBelow(ROOTS)
  const rounds = Array.from({ length: plan.rounds }, () => round(path))
  const packets = rounds.reduce((total, each) => total + each.packets, 0)
  const times = await stop()
  // Samples count what passes on the clock: on a busy machine that is more than the function takes.
  const busy = (end: 'sender' | 'receiver', all: readonly FunctionTime[]): number =>
    rounds.reduce((total, each) => total + each[end].cpu, 0) / all.reduce((total, each) => total + each.microseconds, 0)
  report(rounds, (end) => {
    const all = times[end === 'sender' ? 0 : 1] ?? []
    const share = busy(end, all) / packets
    const functions = all
      .slice(0, SHOWN)
      .map((time) => ({ ...time, url: place(time.url), microseconds: time.microseconds * share }))
    return { functions }
  })
}

/** The file as the repository calls it. */
function place(url: string): string {
  return url.startsWith('file:') ? relative(ROOT, fileURLToPath(url)) : url
}

if (part === 'heap') await measureHeap()
else if (part === 'profile') await measureProfile()
else measureCpu()
