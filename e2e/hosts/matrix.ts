/** The matrix as people read it: on the terminal, and as `docs/e2e-matrix.md`. */
import { type AnyCase, CASES, type Cell, HTTP3_CASES, type Outcomes } from './contract.ts'

/** A cell that was played. */
export interface Played {
  readonly cell: Cell
  readonly outcomes: Outcomes
  readonly seconds: number
  /** Something that it needs is not installed. */
  readonly isAbsent: boolean
}

const TABLES = ['QUIC', 'HTTP/3'] as const

/** One of the two tables. */
export type Table = (typeof TABLES)[number]

const COLUMNS: Readonly<Record<Table, readonly AnyCase[]>> = { QUIC: CASES, 'HTTP/3': HTTP3_CASES }

/** How a cell is called. */
export function nameOf({ runtime, transport, peer, table }: Cell): string {
  return `${table === undefined ? '' : `${table}: `}${runtime}, ${transport}, ${peer}`
}

/** What is shown for each case of a cell. */
export function marks({ cell, outcomes, isAbsent }: Played): string[] {
  return COLUMNS[cell.table ?? 'QUIC'].map((name) => {
    if (!cell.cases.includes(name)) return '–'
    if (outcomes[name] === 'ok') return 'ok'
    return isAbsent ? 'absent' : 'FAILED'
  })
}

/** Every case that was to be played and did not go well, with the reason. */
export function failures(played: readonly Played[]): string[] {
  return played.flatMap(({ cell, outcomes }) =>
    cell.cases
      .filter((name) => outcomes[name] !== 'ok')
      .map((name) => `${nameOf(cell)}: ${name}: ${outcomes[name] ?? 'not reached'}`),
  )
}

/** What was played of each table. */
function parts(played: readonly Played[]): readonly (readonly [Table, readonly Played[]])[] {
  return TABLES.map((name) => [name, played.filter(({ cell }) => (cell.table ?? 'QUIC') === name)] as const)
}

/** The tables of which something was played: a head, and rows in the order in which they were played. */
export function tables(played: readonly Played[]): readonly string[][][] {
  return parts(played).flatMap(([name, some]) => (some.length === 0 ? [] : [rows(name, some)]))
}

function rows(name: Table, played: readonly Played[]): string[][] {
  const body = played.map((each) => [each.cell.runtime, each.cell.transport, each.cell.peer, ...marks(each)])
  return [['runtime', 'transport', 'peer', ...COLUMNS[name]], ...body]
}

/** Why cases are not played, and what there is to know of others, each sentence once with the peers it is about. */
function remarks(played: readonly Played[]): string[] {
  const peers = new Map<string, Set<string>>()
  for (const { cell } of played) {
    for (const [name, words] of Object.entries({ ...cell.cannot, ...cell.notes })) {
      const sentence = `${name}: ${words}`
      peers.set(sentence, (peers.get(sentence) ?? new Set()).add(cell.peer))
    }
  }
  return [...peers].map(([sentence, names]) => `${[...names].join(', ')}: ${sentence}`)
}

/** A table and what there is to say of it. */
function section(name: Table, played: readonly Played[]): string {
  const [head = [], ...body] = rows(name, played)
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const lines = [line(head), `|${head.map(() => '---').join('|')}|`, ...body.map(line)]
  const list = remarks(played).map((remark) => `- ${remark}`)
  return [...lines, ...(list.length === 0 ? [] : ['', ...list])].join('\n')
}

/** The page of the documentation. It holds no times and no versions, so that it changes only where the matrix does. */
export function page(played: readonly Played[]): string {
  const [quic = '', http3 = ''] = parts(played).map(([name, some]) => section(name, some))
  return `# Hosts and transports

\`npm run e2e\` plays these and writes this page; \`npm test\` plays them too, and fails where the page is not in step. The library is the one of the
packed tarball. The cases: the handshake is complete and confirmed · data goes both ways and is compared by SHA-256 · datagrams come back ·
a close arrives with code and reason, from either side · the carrier dies in the middle of a transfer, and \`migrate()\` takes the connection to
another one. A dash: not played.

${quic}

Servers that others wrote run as their authors made them; they speak UDP and know of no gateway. In the rows of \`isoquic.min.js\` the runtime loads
that file, the same bytes everywhere, whose SHA-256 \`npm run e2e\` prints, and is handed engine and transport.

## HTTP/3 and WebTransport

\`isoquic/http3\` and \`isoquic/webtransport\` at both ends; the runtime is the client, the peer the server. The cases: \`fetch\` gets answers of \`serve\` ·
bodies of 5 MB are streamed up and down and compared by SHA-256 · in sessions of WebTransport, streams of both kinds, opened by either side, carry
data, and are reset and stopped with codes by either · datagrams come back · a close arrives with code and reason, from either side, and a refusal does.

${http3}

Node, Bun and Deno run one and the same bundle, as client and as server, and so do the pages. QuickJS in Wasm is not among them: it has no \`Request\`,
no \`Response\` and no streams of the Web, which these two are made of; QUIC itself, above, needs none.
`
}
