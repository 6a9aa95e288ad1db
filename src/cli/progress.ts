/** Numbers as people read them, and a bar that shows how far something has come. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const

/** Bytes with a unit, three digits: `12.3 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000
    unit += 1
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2
  return `${value.toFixed(digits)} ${UNITS[unit]}`
}

/** Milliseconds as `0:07`, `12:34` or `1:02:03`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000))
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60]
  const shown = parts[0] === 0 ? parts.slice(1) : parts
  return shown.map((part, index) => (index === 0 ? String(part) : String(part).padStart(2, '0'))).join(':')
}

/** Where the bar is drawn. */
export interface ProgressOutput {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** How long what was measured last counts towards the rate, ms. */
const RATE_WINDOW = 3000

/** How often a terminal is drawn on, and a log written to, ms. */
const TERMINAL_INTERVAL = 100
const LOG_INTERVAL = 2000

/** A progress bar with rate and time left; on anything but a terminal, a line now and then. */
export class Progress {
  readonly #label: string
  readonly #output: ProgressOutput
  readonly #now: () => number
  readonly #start: number
  /** Bytes in all; `undefined`: not known. */
  total: number | undefined
  #bytes = 0
  #drawnAt = -Infinity
  #samples: { readonly at: number; readonly bytes: number }[] = []

  constructor(label: string, total: number | undefined, output: ProgressOutput, now: () => number) {
    this.#label = label
    this.total = total
    this.#output = output
    this.#now = now
    this.#start = now()
    this.#samples.push({ at: this.#start, bytes: 0 })
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#bytes
  }

  /** `count` bytes more have come. */
  add(count: number): void {
    this.#bytes += count
    const now = this.#now()
    if (now - this.#drawnAt < (this.#output.isTTY === true ? TERMINAL_INTERVAL : LOG_INTERVAL)) return
    this.#samples.push({ at: now, bytes: this.#bytes })
    while (this.#samples.length > 2 && now - (this.#samples[0]?.at ?? now) > RATE_WINDOW) this.#samples.shift()
    this.#draw(now)
  }

  /** All has come: the last line, with the rate of the whole. */
  finish(): void {
    const now = this.#now()
    this.#samples = [{ at: this.#start, bytes: 0 }]
    this.total ??= this.#bytes
    this.#draw(now, true)
  }

  /** Gives the line of the terminal back, unfinished. */
  abandon(): void {
    if (this.#output.isTTY === true && this.#drawnAt > -Infinity) this.#output.write('\n')
  }

  #draw(now: number, last = false): void {
    this.#drawnAt = now
    const line = progressLine(
      {
        label: this.#label,
        bytes: this.#bytes,
        total: this.total,
        rate: this.#rate(now),
        elapsed: now - this.#start,
      },
      this.#output.isTTY === true ? (this.#output.columns ?? 80) - 1 : 100,
    )
    if (this.#output.isTTY === true) this.#output.write(`\r${line}\x1b[K${last ? '\n' : ''}`)
    else this.#output.write(`${line}\n`)
  }

  /** bytes per ms */
  #rate(now: number): number {
    const first = this.#samples[0]
    return first === undefined || now <= first.at ? 0 : (this.#bytes - first.bytes) / (now - first.at)
  }
}

/** What a line of progress shows; times in ms, `rate` in bytes per ms. */
export interface ProgressState {
  readonly label: string
  readonly bytes: number
  readonly total: number | undefined
  readonly rate: number
  readonly elapsed: number
}

/** One line of at most `width` characters. */
export function progressLine(state: ProgressState, width: number): string {
  const { label, bytes, total, rate, elapsed } = state
  const speed = `${formatBytes(rate * 1000)}/s`
  if (total === undefined)
    return `${label}  ${formatBytes(bytes)}  ${speed}  ${formatDuration(elapsed)}`.slice(0, width)
  const share = total === 0 ? 1 : Math.min(1, bytes / total)
  const left =
    bytes >= total ? `in ${formatDuration(elapsed)}` : `${rate > 0 ? formatDuration((total - bytes) / rate) : '?'} left`
  const words = `${String(Math.floor(share * 100)).padStart(3)} %  ${formatBytes(bytes)} of ${formatBytes(total)}  ${speed}  ${left}`
  const room = Math.min(40, width - label.length - words.length - 6)
  if (room < 8) return `${label}  ${words}`.slice(0, width)
  const filled = Math.round(share * room)
  return `${label}  [${'█'.repeat(filled)}${'░'.repeat(room - filled)}]  ${words}`
}
