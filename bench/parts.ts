/** The parts of the bench. Each runs in a process of its own, so that none disturbs another, and one that fails leaves the rest. */
import type { Section } from './section.ts'

/** How much is measured, the same for all parts. */
export interface Settings {
  readonly rounds: number
  /** A look in place of numbers to keep. */
  readonly quick: boolean
  /** Of a transfer. */
  readonly bytes: number
  /** Programs that may take part; all where it is `undefined`. */
  readonly peers?: readonly string[] | undefined
}

/** The numbers that goals speak of: a value for each round. */
export type Figures = Readonly<Record<string, readonly number[]>>

/** What came of a part. */
export interface PartResult {
  readonly sections: readonly Section[]
  readonly figures?: Figures
  /** All there is, for `--json`. */
  readonly numbers: unknown
}

/** Measures. */
export type RunPart = (settings: Settings, say: (line: string) => void) => Promise<PartResult>

/** A part by the name that the command line has for it. */
export interface Part {
  readonly name: string
  /** Arguments of Node. */
  readonly flags?: readonly string[]
  /** Minutes after which it is given up. */
  readonly patience: number
  load(): Promise<RunPart>
}

/** All of them, in the order of the page. */
export const PARTS: readonly Part[] = [
  { name: 'stacks', patience: 20, load: async () => (await import('./parts/stacks.ts')).run },
  { name: 'latency', patience: 6, load: async () => (await import('./parts/latency.ts')).run },
  { name: 'handshakes', patience: 6, load: async () => (await import('./parts/handshakes.ts')).run },
  { name: 'path', patience: 6, load: async () => (await import('./parts/path.ts')).run },
  { name: 'udp', patience: 6, load: async () => (await import('./parts/udp.ts')).run },
  { name: 'workers', patience: 6, load: async () => (await import('./parts/workers.ts')).run },
  { name: 'crypto', patience: 6, load: async () => (await import('./parts/crypto.ts')).run },
  { name: 'scale', patience: 12, load: async () => (await import('./parts/scale.ts')).run },
  { name: 'hosts', patience: 6, load: async () => (await import('./parts/hosts.ts')).run },
  { name: 'http', patience: 10, load: async () => (await import('./parts/http.ts')).run },
  { name: 'simulator', patience: 6, load: async () => (await import('./parts/simulator.ts')).run },
]
