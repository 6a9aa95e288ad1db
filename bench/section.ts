/** What a part of the bench has to show: tables with words between them, for the terminal and for the page. */
import { table } from '../src/cli/table.ts'

/** Rows of cells, the head first. */
export type Grid = readonly (readonly string[])[]

/** Something under one headline. */
export interface Section {
  readonly title: string
  /** What was done, in a sentence or two. */
  readonly text?: string | undefined
  readonly grids: readonly Grid[]
  /** Who is missing and why, and what else is to be said of the numbers. */
  readonly notes?: readonly string[] | undefined
}

/** The section for a terminal. */
export function asText({ title, text, grids, notes = [] }: Section): string {
  return [title.toUpperCase(), text, ...grids.map((grid) => table(grid)), ...notes]
    .filter((part) => part !== undefined && part !== '')
    .join('\n\n')
}

/** The same for a page of Markdown, its headline at level two. */
export function asMarkdown({ title, text, grids, notes = [] }: Section): string {
  return [`## ${title}`, text, ...grids.map(markdownTable), ...notes]
    .filter((part) => part !== undefined && part !== '')
    .join('\n\n')
}

/** A table of Markdown. */
export function markdownTable([head = [], ...rows]: Grid): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeCell).join(' | ')} |`
  const width = head.length
  const filled = rows.map((row) => Array.from({ length: width }, (_, column) => row[column] ?? ''))
  return [line(head), `|${' --- |'.repeat(width)}`, ...filled.map(line)].join('\n')
}

function escapeCell(cell: string): string {
  return cell.replaceAll('|', '\\|')
}
