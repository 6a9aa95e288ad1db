/** The line every test step ends with, `N passed, N failed`: written and read here. */

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
