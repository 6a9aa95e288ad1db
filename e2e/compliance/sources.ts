/** The files in which citations stand, and the excuses. */
import { readFileSync } from 'node:fs'
import { listFiles, readText } from '../house/tree.ts'
import type { CitingFile } from './citations.ts'
import type { Excuses } from './report.ts'

/** Tests and sources of the repository. */
export function citingFiles(): readonly CitingFile[] {
  return listFiles()
    .filter((path) => /^(src|transports|e2e)\/.*\.ts$/.test(path) && !path.startsWith('e2e/compliance/'))
    .map((path) => ({ path, text: readText(path) }))
}

/** The excuses of `excuses.json`: groups of ids that share a reason. */
export function readExcuses(): Excuses {
  const groups = JSON.parse(readFileSync(new URL('excuses.json', import.meta.url), 'utf8')) as readonly {
    readonly reason: string
    readonly ids: readonly string[]
  }[]
  return Object.fromEntries(groups.flatMap(({ reason, ids }) => ids.map((id) => [id, reason])))
}
