/**
 * Seeds for tests: many by default, one to replay. Where there are environment variables, ISOQUIC_SEED names the only seed to
 * run, and ISOQUIC_SEEDS how many.
 */
import type { Time } from '../base/time.ts'

/** Where {@link seeds} looks for its variables. */
export type SeedVariables = Readonly<Record<string, string | undefined>>

/**
 * The seeds of one test: 1 to `count`, or as many as ISOQUIC_SEEDS says; ISOQUIC_SEED alone where it is set.
 * @param variables default: those of the process, where there is one
 * @throws RangeError for a variable that is no number
 */
export function seeds(count: number, variables: SeedVariables = processVariables()): readonly number[] {
  const one = variables['ISOQUIC_SEED']
  if (one !== undefined && one !== '') return [whole('ISOQUIC_SEED', one)]
  const many = variables['ISOQUIC_SEEDS']
  const wanted = many === undefined || many === '' ? count : whole('ISOQUIC_SEEDS', many)
  return Array.from({ length: wanted }, (_, index) => index + 1)
}

/**
 * Runs `body` for each of {@link seeds}.
 * @throws Error naming the seed that failed, with what it threw as its `cause`
 */
export function forSeeds(count: number, body: (seed: number) => void): void {
  for (const seed of seeds(count)) {
    try {
      body(seed)
    } catch (error) {
      throw new Error(atSeed(seed, error), { cause: error })
    }
  }
}

/** As {@link forSeeds}, for tests that wait. Rejects as that throws. */
export async function forSeedsAsync(count: number, body: (seed: number) => Promise<void>): Promise<void> {
  for (const seed of seeds(count)) {
    try {
      await body(seed)
    } catch (error) {
      throw new Error(atSeed(seed, error), { cause: error })
    }
  }
}

/** What went wrong, with the words that replay it; once, however many frames it passes. */
export function atSeed(seed: number, error: unknown, now?: Time): string {
  const text = error instanceof Error ? error.message : String(error)
  if (text.startsWith(PREFIX)) return text
  return `${PREFIX}${seed}${now === undefined ? '' : ` at ${now.toFixed(3)} ms`}: ${text}`
}

const PREFIX = 'With ISOQUIC_SEED='

function whole(name: string, text: string): number {
  const value = Number(text)
  if (!(Number.isInteger(value) && value >= 0)) throw new RangeError(`${name} must be a whole number, got ${text}`)
  return value
}

/** Browsers and bare Workers have none. */
function processVariables(): SeedVariables {
  const host = globalThis as { readonly process?: { readonly env?: SeedVariables } }
  return host.process?.env ?? {}
}
