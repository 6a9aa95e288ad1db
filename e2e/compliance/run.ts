/** Prints how the requirements of the specifications stand, and writes `docs/compliance.md`. */
import { writeFileSync } from 'node:fs'
import { citationsOf } from './citations.ts'
import { countTable, faults, judge, reportOf } from './report.ts'
import { DOCUMENTS, hasRequirements, readRequirements } from './requirements.ts'
import { citingFiles, readExcuses } from './sources.ts'

if (!hasRequirements) {
  console.error('The requirements are not there: name their folder in ISOQUIC_REQUIREMENTS')
  process.exitCode = 1
} else {
  const all = readRequirements()
  const citations = citationsOf(citingFiles())
  const excuses = readExcuses()
  const judged = all
    .filter(({ name }) => DOCUMENTS.includes(name))
    .map((document) => judge(document, citations, excuses))
  writeFileSync(new URL('../../docs/compliance.md', import.meta.url), reportOf(judged))
  console.log(countTable(judged))
  const found = faults(all, citations, excuses)
  for (const fault of found) console.error(fault)
  process.exitCode = found.length > 0 ? 1 : 0
}
