/** A row of the contract: what is promised, and the proof that plays it out on each network. */
import type { NetworkName, NetworkOptions } from './networks.ts'
import type { Scene } from './scene.ts'

/** Beside what is promised and its proof. */
export interface RowOptions extends NetworkOptions {
  /** Where it is proven. Default: under loss in virtual time, and over UDP. */
  readonly over?: readonly NetworkName[]
  /** Why one of the two is left out. */
  readonly because?: string
  /** Cases of `npm run interop` that show it against other stacks. */
  readonly interop?: readonly string[]
  /** Another test that proves more of it: a file and the name of a test. */
  readonly also?: readonly [file: string, test: string]
}

/** One row. */
export interface Row extends RowOptions {
  /** The functions and options in question, in Markdown. */
  readonly what: string
  /** What is promised of them: a sentence, and the name of the test. */
  readonly claim: string
  readonly proof: (scene: Scene) => Promise<void>
}

/** A section of the contract. */
export interface Section {
  readonly title: string
  /** Its file, from the root of the repository. */
  readonly file: string
  readonly rows: readonly Row[]
}

/** A row. */
export function row(what: string, claim: string, proof: Row['proof'], options: RowOptions = {}): Row {
  return { what, claim, proof, ...options }
}

/** The networks of a row. */
export function networksOf({ over = ['lossy', 'udp'] }: Row): readonly NetworkName[] {
  return over
}

/** The name of the test of a row on a network. */
export function testName({ what, claim }: Row, network: NetworkName): string {
  return `${what} ${claim} (${network})`
}
