/** Tables of Markdown, as claims that can be checked. */
import { readText } from '../house/tree.ts'

/** A row: the text of its cells. */
export type Row = readonly string[]

/** The rows of the first table below the heading `title`, without its head. @throws Error where there is none */
export function tableBelow(path: string, title: string): Row[] {
  const lines = readText(path).split('\n')
  const start = lines.findIndex((line) => /^#+ /.test(line) && line.replace(/^#+ /, '') === title)
  if (start < 0) throw new Error(`${path} has no heading ${title}`)
  const first = lines.findIndex((line, index) => index > start && line.startsWith('|'))
  const length = lines.slice(first).findIndex((line) => !line.startsWith('|'))
  const rows = lines.slice(first + 2, length < 0 ? undefined : first + length)
  if (first < 0 || rows.length === 0) throw new Error(`${path} has no table below ${title}`)
  return rows.map(cells)
}

function cells(line: string): Row {
  return line
    .replace(/^\||\|$/g, '')
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim().replaceAll('\\|', '|'))
}

/** The names in backticks in the first column: of `` `a`, `b` `` both. */
export function names(rows: readonly Row[]): string[] {
  return rows.flatMap(([first = '']) => [...first.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name))
}
