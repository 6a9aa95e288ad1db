/** Three live plots over one axis of time, drawn with uPlot. */
import uPlot from 'uplot'
import type { Sample } from './recorder.ts'

/** s that the plots show. */
const SPAN = 15

interface Line {
  readonly label: string
  readonly of: keyof Sample
  /** The name of a CSS variable. */
  readonly color: string
  readonly fill?: string
}

interface PlotKind {
  readonly title: string
  readonly unit: (value: number) => string
  readonly lines: readonly Line[]
}

const short = (value: number): string => (value > 0 && value < 10 ? value.toFixed(1) : String(Math.round(value)))
const bytes = (value: number): string =>
  value >= 1e6 ? `${(value / 1e6).toFixed(1)} MB` : `${Math.round(value / 1e3)} kB`

const KINDS: readonly PlotKind[] = [
  {
    title: 'Congestion window',
    unit: bytes,
    lines: [
      { label: 'window', of: 'congestionWindow', color: '--blue' },
      { label: 'in flight', of: 'bytesInFlight', color: '--violet', fill: '--violet-soft' },
    ],
  },
  {
    title: 'Round trip',
    unit: (value) => `${short(value)} ms`,
    lines: [
      { label: 'latest', of: 'latestRtt', color: '--amber-dim' },
      { label: 'smoothed', of: 'smoothedRtt', color: '--amber' },
    ],
  },
  {
    title: 'Throughput',
    unit: (value) => `${short(value)} Mbit/s`,
    lines: [
      { label: 'sent', of: 'sent', color: '--green', fill: '--green-soft' },
      { label: 'received', of: 'received', color: '--cyan', fill: '--cyan-soft' },
    ],
  },
]

/** The plots of one connection, in `parent`. */
export class Plots {
  readonly #parent: HTMLElement
  readonly #samples: Sample[] = []
  readonly #theme = matchMedia('(prefers-color-scheme: dark)')
  #plots: { readonly kind: PlotKind; readonly plot: uPlot; readonly values: readonly HTMLElement[] }[] = []

  constructor(parent: HTMLElement) {
    this.#parent = parent
    this.#build()
    this.#theme.addEventListener('change', () => this.#build())
    new ResizeObserver(() => this.#resize()).observe(parent)
  }

  /** Begins anew. */
  clear(): void {
    this.#samples.length = 0
  }

  /** Adds a point, and draws. */
  add(sample: Sample): void {
    this.#samples.push(sample)
    while ((this.#samples[0]?.time ?? 0) < sample.time - SPAN - 1) this.#samples.shift()
    for (const { kind, plot, values } of this.#plots) {
      const times = this.#samples.map(({ time }) => time)
      plot.setData([times, ...kind.lines.map(({ of }) => this.#samples.map((each) => each[of]))])
      kind.lines.forEach(({ of }, index) => {
        const value = values[index]
        if (value !== undefined) value.textContent = kind.unit(sample[of])
      })
    }
  }

  #build(): void {
    for (const { plot } of this.#plots) plot.destroy()
    this.#parent.replaceChildren()
    this.#plots = KINDS.map((kind) => {
      const card = document.createElement('section')
      card.className = 'plot'
      const head = document.createElement('header')
      const title = document.createElement('h3')
      title.textContent = kind.title
      head.append(title)
      const values = kind.lines.map(({ label, color }) => {
        const key = document.createElement('span')
        key.className = 'key'
        key.style.setProperty('--color', `var(${color})`)
        const value = document.createElement('b')
        key.append(label, ' ', value)
        head.append(key)
        return value
      })
      const canvas = document.createElement('div')
      card.append(head, canvas)
      this.#parent.append(card)
      return { kind, values, plot: new uPlot(this.#options(kind, canvas), [[], ...kind.lines.map(() => [])], canvas) }
    })
    this.#resize()
  }

  #options(kind: PlotKind, canvas: HTMLElement): uPlot.Options {
    const style = getComputedStyle(document.documentElement)
    const color = (name: string): string => style.getPropertyValue(name).trim()
    const axis = {
      stroke: color('--quiet'),
      font: `11px ${style.getPropertyValue('--sans')}`,
      grid: { stroke: color('--line'), width: 1 },
      ticks: { show: false },
    }
    return {
      width: canvas.clientWidth || 600,
      height: 150,
      cursor: { show: false },
      legend: { show: false },
      padding: [8, 12, 0, 0],
      scales: {
        x: { time: false, range: (_plot, _low, high) => [Math.max(0, high - SPAN), Math.max(SPAN, high)] },
        y: { range: (_plot, _low, high) => [0, Math.max(high * 1.15, 1)] },
      },
      axes: [
        { ...axis, size: 26, space: 80, values: (_plot, splits) => splits.map((value) => `${value} s`) },
        { ...axis, size: 70, space: 40, values: (_plot, splits) => splits.map(kind.unit) },
      ],
      series: [
        {},
        ...kind.lines.map(
          (line): uPlot.Series => ({
            stroke: color(line.color),
            width: 1.75,
            points: { show: false },
            ...(line.fill !== undefined && { fill: color(line.fill) }),
          }),
        ),
      ],
    }
  }

  #resize(): void {
    for (const { plot } of this.#plots) {
      const width = plot.root.parentElement?.clientWidth ?? 0
      if (width > 0) plot.setSize({ width, height: 150 })
    }
  }
}
