/** How each requirement stands: proven by a test, excused with a reason, named by the sources, or missing. */
import type { Citations } from './citations.ts'
import type { Requirement, RequirementDocument } from './requirements.ts'

/**
 * `tested`: a test names it. `excused`: it asks nothing of this library, or nothing that a test could see; a reason says why.
 * `cited`: the sources name its section. `missing`: nobody speaks of it.
 */
export type Standing = 'tested' | 'excused' | 'cited' | 'missing'

/** Reasons by id, or by section (`rfc9000#8.1`) for all requirements of it. */
export type Excuses = Readonly<Record<string, string>>

/** One requirement and how it stands. */
export interface Judged {
  readonly requirement: Requirement
  readonly standing: Standing
  /** Where it is tested or cited, or the excuse. */
  readonly because: readonly string[]
}

/** One document, judged. */
export interface JudgedDocument {
  readonly title: string
  readonly name: string
  readonly judged: readonly Judged[]
}

/** Judges every requirement of a document. */
export function judge(document: RequirementDocument, citations: Citations, excuses: Excuses): JudgedDocument {
  const judged = document.requirements.map((requirement) => {
    const tests = citations.tested.get(requirement.id)
    if (tests !== undefined) return { requirement, standing: 'tested' as const, because: tests }
    const section = `${document.name}#${requirement.section}`
    const excuse = excuses[requirement.id] ?? excuses[section]
    if (excuse !== undefined) return { requirement, standing: 'excused' as const, because: [excuse] }
    const places = citations.sections.get(section)
    if (places !== undefined) return { requirement, standing: 'cited' as const, because: places }
    return { requirement, standing: 'missing' as const, because: [] }
  })
  return { title: document.title, name: document.name, judged }
}

/** What is wrong with citations and excuses: names of nothing, and excuses for what is tested. */
export function faults(documents: readonly RequirementDocument[], citations: Citations, excuses: Excuses): string[] {
  const ids = new Set(documents.flatMap(({ requirements }) => requirements.map(({ id }) => id)))
  const sections = new Set(
    documents.flatMap(({ name, requirements }) => requirements.map(({ section }) => `${name}#${section}`)),
  )
  const found: string[] = []
  for (const [id, places] of citations.tested) {
    if (!ids.has(id)) found.push(`${places[0]} cites ${id}, which is no requirement`)
  }
  for (const id of Object.keys(excuses)) {
    if (!ids.has(id) && !sections.has(id)) found.push(`An excuse is for ${id}, which is no requirement`)
    if (citations.tested.has(id)) found.push(`${id} is tested and excused`)
  }
  return found
}

const STANDINGS: readonly Standing[] = ['tested', 'excused', 'cited', 'missing']

/** How many of the mandatory requirements, or of the others, stand how. */
export function countOf(document: JudgedDocument, mandatory: boolean): Readonly<Record<Standing, number>> {
  const counts = { tested: 0, excused: 0, cited: 0, missing: 0 }
  for (const { requirement, standing } of document.judged) {
    if (requirement.mandatory === mandatory) counts[standing] += 1
  }
  return counts
}

/** The counts as a table of Markdown. */
export function countTable(documents: readonly JudgedDocument[]): string {
  const rows = documents.flatMap((document) =>
    [true, false].map((mandatory) => {
      const counts = countOf(document, mandatory)
      const total = STANDINGS.reduce((sum, standing) => sum + counts[standing], 0)
      const numbers = STANDINGS.map((standing) => counts[standing])
      return `| ${[document.title, mandatory ? 'MUST' : 'SHOULD', total, ...numbers].join(' | ')} |`
    }),
  )
  return [
    '| document | level | all | tested | excused | cited | missing |',
    '|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

/** The whole report. */
export function reportOf(documents: readonly JudgedDocument[]): string {
  const parts = [
    '# Compliance',
    'Written by `node e2e/compliance/run.ts`. A requirement is *tested* where a test cites its id, *excused* where it asks nothing of',
    'this library or nothing that a test could see, *cited* where the sources name its section, else *missing*.',
    '',
    countTable(documents),
  ]
  for (const document of documents) {
    parts.push('', `## ${document.title}`)
    for (const standing of ['missing', 'cited', 'excused'] as const) {
      const judged = document.judged.filter((each) => each.standing === standing && each.requirement.mandatory)
      if (judged.length === 0) continue
      parts.push('', `### MUST, ${standing}`, '')
      for (const { requirement, because } of judged) parts.push(lineOf(requirement, standing, because))
    }
  }
  return `${parts.join('\n')}\n`
}

function lineOf({ id, text }: Requirement, standing: Standing, because: readonly string[]): string {
  const why =
    standing === 'missing'
      ? ''
      : ` — ${standing === 'cited' ? [...new Set(because.map(fileOf))].join(', ') : because.join(' ')}`
  return `- \`${id}\` ${text}${why}`
}

/** Lines move; files stay. */
function fileOf(place: string): string {
  return place.replace(/:\d+$/, '')
}
