/** `docs/benchmarks.md`, which the bench writes. */
import { goalsGrid } from './goals.ts'
import type { Figures, Settings } from './parts.ts'
import { asMarkdown, type Section } from './section.ts'

/** What the page is made of. */
export interface PageFacts {
  readonly machine: string
  readonly settings: Settings
  readonly minutes: number
  readonly goals: Section
  readonly sections: readonly Section[]
}

/** What must be shown, from the figures there are; or, of `some` parts, what these measure. */
export function goalsSection(figures: Figures, some: boolean): Section {
  const { grid, notes } = goalsGrid(figures, some)
  const text =
    notes.length === 0
      ? undefined
      : 'Of each figure that was missed the notes below say where the time goes, and what would be needed.'
  return { title: 'What it must show', text, grids: [grid], notes }
}

/** The page. */
export function benchmarksPage({ machine, settings, minutes, goals, sections }: PageFacts): string {
  const { rounds, quick } = settings
  const command = `npm run bench -- --write${quick ? ' --quick' : ''}`
  const date = new Date().toISOString().slice(0, 10)
  const introduction = `# Benchmarks

\`${command}\` has written this page on ${date}, on Node ${process.versions.node}, in ${Math.ceil(minutes)} minutes. ${machine}

Numbers are medians with the lowest and highest in brackets, of ${rounds === 1 ? 'one round' : `${rounds} rounds`} in which all programs take turns; a ratio (×) is to the first row.
They tell how programs compare that ran in the same run; another machine, and another load, has other ones.`
  return `${[introduction, asMarkdown(goals), ...sections.map(asMarkdown)].join('\n\n')}\n`
}
