/** Goodput, CPU time and handshakes of isoquic's variants beside the other stacks: one connection over UDP on loopback, two processes. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeCredentials } from '../credentials.ts'
import { Subject } from '../measure.ts'
import type { Figures, PartResult, Settings } from '../parts.ts'
import type { Direction } from '../peers/transfers.ts'
import { installPeers, isInstalled, type PeerProgram, PROGRAMS } from '../programs.ts'
import {
  batches,
  collectorShare,
  comparison,
  costs,
  cpuPerPacket,
  goodput,
  handshakeRates,
  handshakes,
  MANY,
  type Results,
} from '../report.ts'
import { isoquicVariants } from '../variants.ts'

const MEGABYTE = 1_000_000

/** Moved each way before the rounds, so that every compiler has had its turn. */
const WARM_UP = 20 * MEGABYTE
/** Nobody is given less, however slow: a multiple of the streams that share it. */
const LEAST_BYTES = 1 * MEGABYTE
const LEAST_HANDSHAKES = 10

const DIRECTIONS: readonly Direction[] = ['download', 'upload']

/** A stack that takes part. */
export interface Entry {
  readonly subject: Subject
  readonly results: Results
}

/** Those that take part; whoever fails is named and leaves. */
export class Field {
  readonly entries: Set<Entry> = new Set()
  readonly missing: string[] = []
  readonly #gone: Results[] = []

  /** Runs `work` for each that is left. */
  async each(work: (entry: Entry) => Promise<void>): Promise<void> {
    for (const entry of [...this.entries]) {
      try {
        await work(entry)
      } catch (error) {
        this.entries.delete(entry)
        this.#drop(entry.results, error)
        await entry.subject.stop()
      }
    }
  }

  /** Keeps the rounds that there were. */
  #drop(results: Results, reason: unknown): void {
    this.#gone.push(results)
    const text = reason instanceof Error ? reason.message : String(reason)
    const what = results.transfers.length === 0 ? 'does not take part' : 'has not come to the end'
    this.missing.push(`${results.program.name} ${what}: ${text}`)
  }

  /** Starts a server and a client of each. */
  async start(programs: readonly PeerProgram[], folder: string): Promise<void> {
    const complaint = installPeers(programs)
    for (const program of programs) {
      try {
        if (!isInstalled(program)) throw new Error(complaint ?? 'it is not installed')
        const subject = await Subject.start(program, folder)
        this.entries.add({ subject, results: { program, transfers: [], handshakes: [] } })
      } catch (error) {
        this.#drop({ program, transfers: [], handshakes: [] }, error)
      }
    }
  }

  async stop(): Promise<void> {
    for (const { subject } of this.entries) await subject.stop()
  }

  /** What came of each; of those that left, what there was until then. */
  get results(): Results[] {
    return [...[...this.entries].map(({ results }) => results), ...this.#gone]
  }
}

/** All programs that are wanted: the variants of isoquic first. Bundles into `folder`. */
export async function programsFor(
  peers: readonly string[] | undefined,
  folder: string,
  among: (key: string) => boolean = () => true,
): Promise<{ programs: PeerProgram[]; missing: string[] }> {
  const isWanted = (key: string): boolean => among(key) && (peers === undefined || peers.includes(key))
  const { programs, missing } = await isoquicVariants(folder, isWanted)
  const others = PROGRAMS.filter(({ key }) => key !== 'isoquic' && isWanted(key))
  return { programs: [...programs, ...others], missing }
}

/** Credentials and a bundle of isoquic in a folder that lasts as long as `work`. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'isoquic-bench-'))
  try {
    await writeCredentials(folder)
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The whole, or the part of it that a slow stack is given, in hundreds. */
function part(whole: number, share: number, least: number): number {
  return Math.max(least, Math.round((whole * share) / MANY) * MANY)
}

async function round({ subject, results }: Entry, bytes: number, count: number, counts: boolean): Promise<void> {
  const { program } = subject
  const most = part(bytes, program.share, LEAST_BYTES)
  const move = async (direction: Direction, streams: number): Promise<void> => {
    const transfer = await subject.transfer(direction, streams === 1 ? most : most / 2, streams)
    if (counts) results.transfers.push(transfer)
  }
  await subject.connect()
  for (const direction of DIRECTIONS) await move(direction, 1)
  await subject.close()
  for (const direction of program.hasManyStreams === false ? [] : DIRECTIONS) {
    // Some stacks allow as many streams at first, and more only as time passes.
    await subject.connect()
    await move(direction, MANY)
    await subject.close()
  }
  if (program.hasHandshakes === false) return
  const made = await subject.handshakes(part(count, program.share, LEAST_HANDSHAKES))
  if (counts) results.handshakes.push(made)
}

/** Measures. */
export async function run(settings: Settings, say: (line: string) => void): Promise<PartResult> {
  const { rounds, bytes, quick, peers } = settings
  const field = new Field()
  return inFolder(async (folder) => {
    try {
      const { programs, missing } = await programsFor(peers, folder)
      field.missing.push(...missing)
      await field.start(programs, folder)
      const count = quick ? 50 : 200
      say('warming up')
      await field.each((entry) => round(entry, Math.min(bytes, WARM_UP), count / 2, false))
      for (let number = 1; number <= rounds; number++) {
        say(`round ${number} of ${rounds}`)
        await field.each((entry) => round(entry, bytes, count, true))
      }
      return resultOf(field, bytes)
    } finally {
      await field.stop()
    }
  })
}

function resultOf({ results, missing }: Field, bytes: number): PartResult {
  const megabytes = bytes / MEGABYTE
  const own = results.find(({ program }) => program.key === 'isoquic')
  const smaller = results.flatMap(({ program, transfers }) => {
    const given = (transfers[0]?.bytes ?? bytes) / MEGABYTE
    return given < megabytes ? [`${program.name} is given ${given} MB`] : []
  })
  const grids = [comparison(results), costs(results), handshakes(results), ...(own === undefined ? [] : [batches(own)])]
  const text = `One connection over UDP on loopback, ${megabytes} MB each way on one stream and half as much on ${MANY} streams at once (not of stacks that have one for a connection, or do not come to an end), the two ends in processes of their own; handshakes with ECDSA P-256 and the groups that each stack prefers (isoquic: X25519MLKEM768 where it has it, else X25519), four at a time. MTU: the largest UDP payload, 1,452 bytes unless told. CPU times include the kernel's.`
  return {
    sections: [
      {
        title: 'Goodput, CPU time and handshakes',
        text,
        grids: grids.filter(({ length }) => length > 0),
        notes: [...smaller, ...missing],
      },
    ],
    figures: figuresOf(results),
    numbers: {
      stacks: results.map(({ program, ...rounds }) => ({ name: program.name, ...rounds })),
      missing,
    },
  }
}

function figuresOf(all: readonly Results[]): Figures {
  const figures: Record<string, readonly number[]> = {}
  for (const results of all) {
    const { key } = results.program
    for (const direction of DIRECTIONS) {
      figures[`${key} ${direction}`] = goodput(results, direction, 1)
    }
    figures[`${key} handshakes`] = handshakeRates(results)
    figures[`${key} gc`] = collectorShare(results)
    for (const end of ['sender', 'receiver'] as const) {
      figures[`${key} ${end} cpu`] = cpuPerPacket(results, (transfer) => transfer[end])
    }
  }
  return figures
}
