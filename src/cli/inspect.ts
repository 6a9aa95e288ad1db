/** `isoquic inspect FILE`: what happened in a qlog, of whichever stack: a summary, a timeline of packets, and plots. */
import { createReadStream } from 'node:fs'
import { pipeline, Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { QlogDecoder } from '../qlog/decoder.ts'
import { QlogError, type QlogWarning } from '../qlog/read-error.ts'
import { QlogSummarizer } from '../qlog/summary.ts'
import type { QlogSummary } from '../qlog/summary-types.ts'
import type { QlogTraceHead } from '../qlog/trace-reader.ts'
import { type Command, parseWords, text, UsageError } from './command.ts'
import { type Look, lookFor, lookOf } from './paint.ts'
import { drawPlot, formatMs } from './plot.ts'
import { formatBytes } from './progress.ts'
import { headline, summaryLines } from './summary-text.ts'
import { FILTER_WORDS, filterOf, lineOf, showLine, TimelineExcerpt, type TimelineFilter } from './timeline.ts'

const DEFAULT_LIMIT = 40

const HELP = `isoquic inspect FILE.sqlog [options]: tells what happened in a qlog file of any QUIC stack; - is standard input

  --packets WORDS lines of the timeline to show, words with commas between:
                  ${FILTER_WORDS}
  --limit N       lines of the timeline, first and last ones, default ${DEFAULT_LIMIT}; all, or 0 for none
  --from MS       the timeline begins there, ms since the first event
  --to MS         and ends there
  --no-plots      summary and timeline alone
  --json          the summary as JSON, with the figures of the plots
  --width N       characters in a line, default those of the terminal
  --ascii         no characters beyond ASCII

NO_COLOR=1 in the environment turns colours off. Files compressed by gzip are read as they are.

Example:
  isoquic inspect 5f70bf18_client.sqlog --packets lost,sent --limit 100`

const WARNINGS = 5

/** Inspects logs. */
export const inspectCommand: Command = {
  name: 'inspect',
  summary: 'tell what happened in a qlog file',
  help: HELP,
  async run(words) {
    const { values, positionals } = parseWords(words, {
      packets: { type: 'string' },
      limit: { type: 'string' },
      from: { type: 'string' },
      to: { type: 'string' },
      'no-plots': { type: 'boolean' },
      json: { type: 'boolean' },
      width: { type: 'string' },
      ascii: { type: 'boolean' },
    })
    const [path, ...more] = positionals
    if (path === undefined || more.length > 0) throw new UsageError('Name one qlog file: isoquic inspect FILE.sqlog')
    const limit = limitOf(text(values, 'limit'))
    const from = number(text(values, 'from'), '--from', 0)
    const filter = filterOf(text(values, 'packets'), from, number(text(values, 'to'), '--to', Infinity))
    const known = lookFor(process.stdout, process.env)
    const width = number(text(values, 'width'), '--width', known.width)
    if (width < 60 || width > 1000) throw new UsageError(`--width must be from 60 to 1000, got ${width}`)
    const look = lookOf({ ...known, width, isAscii: known.isAscii || values['ascii'] === true })
    const file = await inspected(path, filter, limit)
    // Whoever reads the first lines alone, as `head` does, need not hear of an error.
    const leave = (): void => process.exit(0)
    process.stdout.once('error', leave)
    if (values['json'] === true) console.log(jsonOf(file))
    else console.log(textOf(file, look, limit, values['no-plots'] !== true))
    await new Promise<void>((resolve) => process.stdout.write('', () => resolve()))
    process.stdout.off('error', leave)
    return 0
  },
}

/** What is told of one trace. */
interface InspectedTrace {
  readonly summary: QlogSummary
  readonly timeline: TimelineExcerpt
}

interface InspectedFile {
  readonly schema: string
  readonly title: string | undefined
  readonly traces: readonly InspectedTrace[]
  readonly warnings: readonly QlogWarning[]
  readonly skipped: number
}

/** Reads the file once, as it comes, and keeps what will be shown. */
async function inspected(path: string, filter: TimelineFilter, limit: number): Promise<InspectedFile> {
  const reading = new Reading(filter, limit)
  try {
    for await (const chunk of bytesOf(path)) reading.take(chunk)
    return reading.finish()
  } catch (error) {
    const name = path === '-' ? 'Standard input' : path
    if (error instanceof QlogError) {
      throw new Error(`${name} is no qlog file: ${error.message} (line ${error.line}, byte ${error.offset})`)
    }
    throw new Error(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** The bytes of a file, or of standard input; gzip is taken off. */
async function* bytesOf(path: string): AsyncGenerator<Uint8Array> {
  const source: AsyncIterable<Uint8Array> = path === '-' ? process.stdin : createReadStream(path)
  const pieces = source[Symbol.asyncIterator]()
  const first = await pieces.next()
  if (first.done === true) return
  const whole = (async function* (): AsyncGenerator<Uint8Array> {
    yield first.value
    for (let next = await pieces.next(); next.done !== true; next = await pieces.next()) yield next.value
  })()
  const isZipped = first.value[0] === 0x1f && first.value[1] === 0x8b
  // The pipeline's error reaches whoever reads its end.
  yield* isZipped ? pipeline(Readable.from(whole), createGunzip(), () => {}) : whole
}

/** A file as it is read. */
class Reading {
  readonly #decoder = new QlogDecoder()
  readonly #filter: TimelineFilter
  readonly #limit: number
  readonly #traces: InspectedTrace[] = []
  readonly #warnings: QlogWarning[] = []
  #skipped = 0
  #schema = ''
  #title: string | undefined = undefined
  #summarizer = new QlogSummarizer()
  #timeline: TimelineExcerpt
  #start: number | undefined = undefined

  constructor(filter: TimelineFilter, limit: number) {
    this.#filter = filter
    this.#limit = limit
    this.#timeline = new TimelineExcerpt(limit)
  }

  take(chunk: Uint8Array): void {
    this.#add(this.#decoder.decode(chunk))
  }

  finish(): InspectedFile {
    this.#add(this.#decoder.finish())
    const traces = this.#traces
    return { schema: this.#schema, title: this.#title, traces, warnings: this.#warnings, skipped: this.#skipped }
  }

  #add(parts: ReturnType<QlogDecoder['decode']>): void {
    for (const part of parts) {
      if (part.kind === 'event') {
        this.#start ??= part.event.time
        this.#summarizer.add(part.event)
        const line = this.#limit === 0 ? undefined : lineOf(part.event, this.#start, this.#filter)
        if (line !== undefined) this.#timeline.add(line)
      } else if (part.kind === 'file') {
        this.#schema = part.schema
        this.#title = part.title
      } else if (part.kind === 'trace') {
        this.#summarizer = new QlogSummarizer()
        this.#timeline = new TimelineExcerpt(this.#limit)
        this.#start = undefined
      } else if (part.kind === 'trace-end') this.#end(part.trace)
      else {
        this.#skipped += 1
        if (this.#warnings.length < WARNINGS) this.#warnings.push(part.warning)
      }
    }
  }

  #end(head: QlogTraceHead): void {
    this.#traces.push({ summary: this.#summarizer.summary(head), timeline: this.#timeline })
  }
}

// ── Output ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function jsonOf({ schema, skipped, title, traces, warnings }: InspectedFile): string {
  return JSON.stringify(
    { schema, title, traces: traces.map(({ summary }) => summary), skipped, warnings },
    undefined,
    2,
  )
}

function textOf(file: InspectedFile, look: Look, limit: number, hasPlots: boolean): string {
  const lines: string[] = []
  for (const { summary, timeline } of file.traces) {
    if (lines.length > 0) lines.push('')
    lines.push(headline(summary, file.title, look), ...summaryLines(summary, look), '')
    if (limit !== 0) lines.push(...timelineLines(timeline, look), '')
    if (hasPlots) lines.push(...plotLines(summary, look))
  }
  if (file.traces.length === 0) lines.push('The file holds no trace')
  lines.push(...warningLines(file, look))
  while (lines.at(-1) === '') lines.pop()
  return lines.join('\n')
}

function timelineLines(timeline: TimelineExcerpt, look: Look): string[] {
  const { first, last, left } = timeline.lines()
  if (timeline.count === 0) return [look.paint('  The timeline has no such lines', 'faint')]
  const more = left === 0 ? [] : [look.paint(`${' '.repeat(12)}.. ${left} more; --limit all shows them`, 'faint')]
  const header = look.paint(`${'ms'.padStart(11)}   packet           bytes  frames`, 'faint')
  return [header, ...first.map((line) => showLine(line, look)), ...more, ...last.map((line) => showLine(line, look))]
}

function plotLines({ duration, series }: QlogSummary, look: Look): string[] {
  const lines: string[] = []
  if (series.congestionWindow.length > 0 || series.bytesInFlight.length > 0) {
    const flight = look.paint('bytes in flight', 'area')
    const plot = {
      title: `${look.paint('congestion window', 'line')} over ${flight}`,
      area: series.bytesInFlight,
      line: series.congestionWindow,
      marks: series.losses,
      markName: 'lost',
      duration,
      height: 10,
      isFromZero: true,
      format: formatBytes,
    }
    lines.push(...drawPlot(plot, look), '')
  }
  if (series.rtt.length > 0) {
    const title = `${look.paint('smoothed RTT', 'line')} over ${look.paint('RTT', 'area')}`
    const plot = { area: series.rtt, line: series.smoothedRtt, marks: [], markName: '', duration, height: 8 }
    lines.push(...drawPlot({ ...plot, title, isFromZero: false, format: formatMs }, look), '')
  }
  return lines
}

function warningLines({ skipped, warnings }: InspectedFile, look: Look): string[] {
  if (skipped === 0) return []
  const shown = warnings.map(({ line, message, offset }) => `  line ${line}, byte ${offset}: ${message}`)
  const more = skipped > warnings.length ? [`  and ${skipped - warnings.length} more`] : []
  return [
    look.paint(skipped === 1 ? '1 thing was passed over:' : `${skipped} things were passed over:`, 'bad'),
    ...shown,
    ...more,
  ]
}

/** @throws UsageError */
function limitOf(given: string | undefined): number {
  if (given === 'all') return Infinity
  const limit = number(given, '--limit', DEFAULT_LIMIT)
  if (!Number.isInteger(limit)) throw new UsageError(`--limit must be a whole number or all, got ${given}`)
  return limit
}

/** @throws UsageError */
function number(given: string | undefined, option: string, fallback: number): number {
  if (given === undefined) return fallback
  const value = Number(given)
  if (given.trim() === '' || !(value >= 0)) throw new UsageError(`${option} must be a number from 0 on, got ${given}`)
  return value
}
