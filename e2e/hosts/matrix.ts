/** The matrix as people read it: on the terminal, and as `docs/e2e-matrix.md`. */
import { CASES, type Cell, type Outcomes } from './contract.ts'

/** A cell that was played. */
export interface Played {
  readonly cell: Cell
  readonly outcomes: Outcomes
  readonly seconds: number
  /** Something that it needs is not installed. */
  readonly isAbsent: boolean
}

const HEAD = ['runtime', 'transport', 'peer', ...CASES]

/** How a cell is called. */
export function nameOf({ runtime, transport, peer }: Cell): string {
  return `${runtime}, ${transport}, ${peer}`
}

/** What is shown for each case of a cell. */
export function marks({ cell, outcomes, isAbsent }: Played): string[] {
  return CASES.map((name) => {
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

/** The rows of the table, in the order of their names. */
export function rows(played: readonly Played[]): string[][] {
  return [HEAD, ...played.map((each) => [each.cell.runtime, each.cell.transport, each.cell.peer, ...marks(each)])]
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

/** The page of the documentation. It holds no times and no versions, so that it changes only where the matrix does. */
export function page(played: readonly Played[]): string {
  const [head = [], ...body] = rows(played)
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return `# Hosts and transports

\`npm run e2e\` plays these and writes this page; \`npm test\` plays them too, and fails where the page is not in step. The library is the one of the
packed tarball. The cases: the handshake is complete and confirmed · data goes both ways and is compared by SHA-256 · datagrams come back ·
a close arrives with code and reason, from either side · the carrier dies in the middle of a transfer, and \`migrate()\` takes the connection to
another one. A dash: not played.

${line(head)}
|${head.map(() => '---').join('|')}|
${body.map(line).join('\n')}

${remarks(played)
  .map((remark) => `- ${remark}`)
  .join('\n')}

Servers that others wrote run as their authors made them; they speak UDP and know of no gateway. In the rows of \`isoquic.min.js\` the runtime loads
that file, the same bytes everywhere, whose SHA-256 \`npm run e2e\` prints, and is handed engine and transport.
`
}
