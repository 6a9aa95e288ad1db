/** Figures over time as text: an area, a line over it, and marks below, in block characters or in ASCII. */
import type { SeriesPoint } from '../qlog/series.ts'
import type { Look } from './paint.ts'

/** What a plot shows. */
export interface Plot {
  readonly title: string
  /** Filled from 0 up to the least figure of each column, and faintly up to the greatest. */
  readonly area: readonly SeriesPoint[]
  /** Drawn over the area, by the last figure of each column. */
  readonly line: readonly SeriesPoint[]
  /** Columns with such points have a mark below. */
  readonly marks: readonly SeriesPoint[]
  readonly markName: string
  /** ms */
  readonly duration: number
  readonly height: number
  /** Whether the plot begins at 0, even where all figures are far from it. */
  readonly isFromZero: boolean
  /** A figure with its unit. */
  format(value: number): string
}

/** The figures at the bottom and at the top of a plot, and what a row stands for. */
interface Scale {
  readonly base: number
  readonly top: number
  readonly step: number
}

/** Columns for the figures at the left. */
const MARGIN = 10

/** Figures of one column. */
interface Column {
  readonly least: number | undefined
  readonly most: number | undefined
  readonly last: number | undefined
}

/** The lines of a plot. */
export function drawPlot(plot: Plot, look: Look): string[] {
  const width = look.width - MARGIN - 1
  const area = columnsOf(plot.area, plot.duration, width)
  const line = columnsOf(plot.line, plot.duration, width)
  const scale = scaleOf([...area, ...line], plot)
  const { base, top } = scale
  const cells = Array.from({ length: plot.height }, (_, row) =>
    area.map((column) => areaCell(column, plot.height - 1 - row, scale, look)),
  )
  drawLine(cells, line, scale, look)
  const { axis, corner, tick } = look.isAscii ? ASCII : UNICODE
  const rows = cells.map((row, index) => {
    const isLabelled = index === 0 || index === Math.floor(plot.height / 2)
    const label = isLabelled ? plot.format(base + ((top - base) * (plot.height - index)) / plot.height) : ''
    return `${label.padStart(MARGIN - 1)} ${isLabelled ? tick : axis}${row.join('')}`.trimEnd()
  })
  return [
    plot.title,
    ...rows,
    `${plot.format(base).padStart(MARGIN - 1)} ${corner}${timeAxis(plot.duration, width, look)}`,
    timeLabels(plot.duration, width),
    ...markRow(plot, width, look),
  ]
}

const UNICODE = { axis: '│', corner: '└', tick: '┤', bar: '─', tickDown: '┬', mark: '×' } as const
const ASCII = { axis: '|', corner: '+', tick: '+', bar: '-', tickDown: '+', mark: 'x' } as const

/** Fillings of a cell from the bottom, in eighths. */
const EIGHTHS = ['', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/** Figures by column; a column without any goes on with the last of those before. */
function columnsOf(points: readonly SeriesPoint[], duration: number, width: number): Column[] {
  const columns: { least: number | undefined; most: number | undefined; last: number | undefined }[] = []
  for (let index = 0; index < width; index++) columns.push({ least: undefined, most: undefined, last: undefined })
  for (const { last, least, most, time } of points) {
    const column = columns[columnAt(time, duration, width)]
    if (column === undefined) continue
    column.least = Math.min(column.least ?? least, least)
    column.most = Math.max(column.most ?? most, most)
    column.last = last
  }
  let before: number | undefined
  for (const column of columns) {
    if (column.last === undefined) column.least = column.most = column.last = before
    before = column.last
  }
  return columns
}

function columnAt(time: number, duration: number, width: number): number {
  return duration <= 0 ? 0 : Math.min(width - 1, Math.max(0, Math.floor((time / duration) * width)))
}

function areaCell({ least, most }: Column, row: number, { base, step }: Scale, look: Look): string {
  const filled = ((least ?? base) - base) / step - row
  const shaded = ((most ?? base) - base) / step - row
  if (look.isAscii) return filled >= 0.5 ? look.paint('#', 'area') : shaded >= 0.5 ? look.paint(':', 'area') : ' '
  const eighths = Math.min(8, Math.floor(filled * 8 + 0.5))
  // A cell that is partly filled shows no shade: one character says one thing.
  if (eighths > 0) return look.paint(EIGHTHS[eighths] ?? '█', 'area')
  return shaded >= 0.5 ? look.paint('░', 'area') : ' '
}

/** Draws from column to column, with corners where the line changes its row. */
function drawLine(cells: string[][], columns: readonly Column[], { base, step }: Scale, look: Look): void {
  const height = cells.length
  const glyphs = look.isAscii
    ? { flat: '-', upright: '|', up: ['+', '+'], down: ['+', '+'] }
    : { flat: '─', upright: '│', up: ['╯', '╭'], down: ['╮', '╰'] }
  let before: number | undefined
  columns.forEach(({ last }, index) => {
    if (last === undefined) return
    const row = height - 1 - Math.min(height - 1, Math.max(0, Math.floor((last - base) / step)))
    const put = (at: number, glyph: string | undefined): void => {
      const cell = cells[at]
      if (cell !== undefined) cell[index] = look.paint(glyph ?? glyphs.flat, 'line')
    }
    if (before === undefined || before === row) put(row, glyphs.flat)
    else {
      const [from, to] = row < before ? glyphs.up : glyphs.down
      put(before, from)
      put(row, to)
      for (let at = Math.min(row, before) + 1; at < Math.max(row, before); at++) put(at, glyphs.upright)
    }
    before = row
  })
}

function scaleOf(columns: readonly Column[], { height, isFromZero }: Plot): Scale {
  const top = ceiling(Math.max(0, ...columns.map(({ most = 0 }) => most)))
  const least = Math.min(top, ...columns.map((column) => column.least ?? top))
  // Half of the plot would be filled: it begins in the middle then.
  const base = !isFromZero && least > top / 2 ? top / 2 : 0
  return { base, top, step: (top - base) / height }
}

const STEPS = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10] as const

/** The next of {@link STEPS} times a power of ten. */
function ceiling(value: number, steps: readonly number[] = STEPS): number {
  if (!(value > 0)) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  return (steps.find((each) => each * power >= value * (1 - 1e-9)) ?? 10) * power
}

/** Columns apart that labels of the time must be. */
const LABEL_DISTANCE = 16

/** Round times in the order of their columns. */
function ticksOf(duration: number, width: number): (readonly [time: number, column: number])[] {
  const step = ceiling((Math.max(duration, 1e-3) * LABEL_DISTANCE) / width, [1, 2, 2.5, 5, 10])
  const ticks: (readonly [number, number])[] = []
  for (let index = 0; index * step <= duration; index++) {
    ticks.push([index * step, columnAt(index * step, duration, width)])
  }
  return ticks
}

function timeAxis(duration: number, width: number, look: Look): string {
  const { bar, tickDown } = look.isAscii ? ASCII : UNICODE
  const ticks = new Set(ticksOf(duration, width).map(([, column]) => column))
  return Array.from({ length: width }, (_, index) => (index > 0 && ticks.has(index) ? tickDown : bar)).join('')
}

function timeLabels(duration: number, width: number): string {
  let text = ''
  for (const [time, column] of ticksOf(duration, width)) {
    const label = duration >= 1000 ? `${Number((time / 1000).toFixed(2))} s` : `${Number(time.toFixed(3))} ms`
    const start = column === 0 ? 0 : Math.min(width - label.length, column - Math.floor(label.length / 2))
    text = text.padEnd(start) + label
  }
  return ' '.repeat(MARGIN + 1) + text
}

function markRow({ duration, markName, marks }: Plot, width: number, look: Look): string[] {
  if (marks.length === 0) return []
  const columns = new Set(marks.map(({ time }) => columnAt(time, duration, width)))
  const { mark } = look.isAscii ? ASCII : UNICODE
  const cells = Array.from({ length: width }, (_, index) => (columns.has(index) ? mark : ' ')).join('')
  return [`${markName.padStart(MARGIN)} ${look.paint(cells.trimEnd(), 'bad')}`]
}

/** ms with a unit that fits. */
export function formatMs(ms: number): string {
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`
  if (ms >= 1000) return `${(ms / 1000).toFixed(2)} s`
  if (ms >= 100) return `${ms.toFixed(0)} ms`
  return ms === 0 ? '0 ms' : `${ms.toFixed(ms >= 10 ? 1 : 2)} ms`
}
