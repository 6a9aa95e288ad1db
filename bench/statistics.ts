/** Medians and spreads of few numbers. */

/** Of the values of several rounds. */
export interface Spread {
  readonly median: number
  readonly lowest: number
  readonly highest: number
}

/** `undefined` for no values. */
export function spread(values: readonly number[]): Spread | undefined {
  const sorted = [...values].sort((a, b) => a - b)
  const [lowest] = sorted
  const highest = sorted.at(-1)
  const low = sorted[(sorted.length - 1) >> 1]
  const high = sorted[sorted.length >> 1]
  if (lowest === undefined || highest === undefined || low === undefined || high === undefined) return undefined
  return { median: (low + high) / 2, lowest, highest }
}

/** Three significant digits, whole numbers from 100 on. */
export function short(value: number): string {
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

/** The median, and where there are several values the lowest and highest. */
export function show(values: readonly number[]): string {
  const found = spread(values)
  if (found === undefined) return '–'
  const { median, lowest, highest } = found
  return values.length === 1 ? short(median) : `${short(median)} (${short(lowest)}–${short(highest)})`
}

/** Medians divided. */
export function ratio(values: readonly number[], base: readonly number[]): string {
  const one = spread(values)?.median
  const other = spread(base)?.median
  return one === undefined || other === undefined || other === 0 ? '–' : `${(one / other).toFixed(2)}×`
}
