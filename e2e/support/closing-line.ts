/** The lines by which a test step says what came of it: one for each failure, and the last, `N passed, N failed`. Written and read here. */

/** The numbers of a closing line. */
export interface Counts {
  passed: number
  failed: number
  skipped: number
}

/** `N passed, N failed`, and `, N skipped` when there are any. */
export function closingLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`
}

const FAILED = 'FAILED: '

/** Longer lines are cut: the whole of it stands where the failure happened. */
const LONGEST = 400

/** Lines of a step that failed and named no failure. */
const LAST = 20

/** The line that names a failure, in one line whatever `words` are. */
export function failedLine(words: string): string {
  const line = FAILED + words.trim().replace(/\s*\n\s*/g, ' · ')
  return line.length > LONGEST ? `${line.slice(0, LONGEST - 1)}…` : line
}

/** What `output` says that failed; where it names nothing, its last lines. */
export function readFailures(output: string): string[] {
  const lines = output.split('\n').filter((line) => line.trim() !== '')
  const named = lines.filter((line) => line.startsWith(FAILED))
  return named.length > 0 ? named : lines.slice(-LAST)
}

/** The line that says how many tests the absence of the vectors skipped. */
export function vectorsLine(skipped: number): string {
  return `${skipped} skipped because the test vectors are absent (ISOQUIC_VECTORS names their folder)`
}

/** The counts of the last closing line in `output`, if it has one. */
export function readClosingLine(output: string): Counts | undefined {
  const line = [...output.matchAll(/^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/gm)].at(-1)
  return line && { passed: Number(line[1]), failed: Number(line[2]), skipped: Number(line[3] ?? 0) }
}

/** How many tests `output` says the absence of the vectors skipped. */
export function readVectorsLine(output: string): number {
  return Number(/^(\d+) skipped because the test vectors/m.exec(output)?.[1] ?? 0)
}
