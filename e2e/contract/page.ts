/** `docs/contract.md`: every row of the contract with its test, what its log shows, and the stacks it was proven against. */
import type { Evidence } from './log.ts'
import type { NetworkName } from './networks.ts'
import { networksOf, type Row, type Section } from './row.ts'
import { type Cell, stacksOf } from './stacks.ts'

/** What one test of a row found. */
export interface Result {
  readonly what: string
  readonly claim: string
  readonly section: string
  readonly network: NetworkName
  readonly evidence: readonly Evidence[]
}

/** What is promised and not there yet. */
export interface Missing {
  readonly what: string
  readonly why: string
}

/** How the networks are called. */
const NAMES: Readonly<Record<NetworkName, string>> = {
  lossy: 'simulator',
  udp: 'UDP',
  pipe: 'pipe',
  forger: 'forger',
}

/** Where there is no row of what is promised and not there. */
const NOTHING_MISSING =
  'Nothing. Promise 16, HTTP/3 with the QPACK dynamic table, has no row, since it needs another stack: its test is in `e2e/promises`.'

/** Evidence of a row that the page shows. */
const MAX_SHOWN = 4

/** The page. @throws Error for a row without a result of each of its networks */
export function pageOf(
  sections: readonly Section[],
  missing: readonly Missing[],
  results: readonly Result[],
  cells: readonly Cell[],
): string {
  const count = sections.reduce((sum, { rows }) => sum + rows.length, 0)
  const parts = [
    '# The contract',
    'Written by `npm run contract` from the results of the tests in `e2e/contract`. Each row is one promise: the functions and options in',
    'question, the name of the test that proves it, and what that test asserted in its own qlog, as it stood there (`client`, `server`: whose',
    'log; the values are those of the run in the simulator). *simulator* is virtual time, 20 ms and 15 % loss each way unless the row says',
    'otherwise; the first datagram of the server is lost in every run, *losses by the test* are those beside it. *UDP* is sockets on loopback, *pipe* a transport in memory, *forger* a peer that has the keys and breaks the rules (`MisbehavingPeer` of',
    '`isoquic/simulator`). Beside isoquic itself, *stacks* are those of `npm run interop` that the row was proven against.',
    '',
    `${count} rows.`,
  ]
  for (const section of sections) {
    parts.push('', `## ${section.title}`, '', `Tests: \`${section.file}\`.`, '')
    parts.push('| function, option | test | its log shows | over | stacks |', '|---|---|---|---|---|')
    for (const each of section.rows) parts.push(lineOf(section, each, results, cells))
  }
  parts.push('', '## Not yet', '', ...(missing.length > 0 ? ['| what | why |', '|---|---|'] : [NOTHING_MISSING]))
  for (const { what, why } of missing) parts.push(`| ${cell(what)} | ${cell(why)} |`)
  return `${parts.join('\n')}\n`
}

function lineOf(section: Section, row: Row, results: readonly Result[], cells: readonly Cell[]): string {
  const found = networksOf(row).map((network) => {
    const result = results.find((each) => {
      return (
        each.section === section.title && each.claim === row.claim && each.what === row.what && each.network === network
      )
    })
    if (result === undefined) throw new Error(`There is no result of ${row.what} ${row.claim} over ${network}`)
    return result
  })
  const shown = [...new Set(found[0]?.evidence.map(evidenceText))]
  const rest = shown.length > MAX_SHOWN ? [`and ${shown.length - MAX_SHOWN} more`] : []
  const over = networksOf(row).map((network) => (network === 'lossy' ? `${NAMES.lossy}${lossOf(row)}` : NAMES[network]))
  const stacks = stacksOf(row.interop ?? [], cells)
  return `| ${[
    row.what,
    row.also === undefined ? row.claim : `${row.claim}; also \`${row.also[0]}\`: ${row.also[1]}`,
    [...shown.slice(0, MAX_SHOWN), ...rest].join('; '),
    row.because === undefined ? over.join(', ') : `${over.join(', ')}: ${row.because}`,
    stacks.length === 0 ? '' : `${stacks.join(', ')}: ${(row.interop ?? []).join(', ')}`,
  ]
    .map(cell)
    .join(' | ')} |`
}

/** What a link of the row's own loses by chance, where it has one. */
function lossOf({ link }: Row): string {
  if (link === undefined) return ''
  const { loss = 0 } = link
  return loss > 0 ? ` (${Math.round(loss * 1000) / 10} % loss)` : ' (losses by the test)'
}

/** ``client `quic:packet_sent stop_sending { error_code: 7 }` ``. */
export function evidenceText({ by, event, data }: Evidence): string {
  const members = Object.entries(data)
    .filter(([name]) => name !== 'frame_type')
    .map(([name, value]) => `${name}: ${short(value)}`)
  return `${by} \`${event}${members.length === 0 ? '' : ` { ${members.join(', ')} }`}\``
}

function short(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ')
}
