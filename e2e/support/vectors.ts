/** The test vectors that lie beside the checkout, for suites that run in Node. Absent vectors are skipped and counted, never faked. */
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FOLDER = process.env['ISOQUIC_VECTORS'] ?? fileURLToPath(new URL('../../../shared/vectors', import.meta.url))

/** Whether the folder of vectors is there: `describe.skipIf(!hasVectors)`. */
export const hasVectors: boolean = existsSync(FOLDER)

/** The parsed JSON of one file, such as `quic/varint.json`. @throws where the file is absent. */
export function readVectors<T>(name: string): T {
  return JSON.parse(readVectorText(name)) as T
}

/** The text of one file, such as `qlog/qlog-main-schema.cddl`. @throws where the file is absent. */
export function readVectorText(name: string): string {
  return readFileSync(`${FOLDER}/${name}`, 'utf8')
}

/** Where a file or folder is, for those that are no text. */
export function vectorPath(name: string): string {
  return `${FOLDER}/${name}`
}
