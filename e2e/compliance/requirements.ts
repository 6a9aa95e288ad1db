/** The requirements of the specifications, sentence by sentence, as they lie beside the checkout. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FOLDER =
  process.env['ISOQUIC_REQUIREMENTS'] ?? fileURLToPath(new URL('../../../shared/spec/requirements', import.meta.url))

/** The documents that this version of the library implements. */
export const DOCUMENTS: readonly string[] = [
  'rfc9000',
  'rfc9001',
  'rfc9002',
  'rfc9221',
  'rfc9287',
  'rfc9368',
  'rfc9369',
  'rfc9114',
  'rfc9204',
  'rfc9218',
  'rfc9220',
  'rfc9297',
  'draft-ietf-webtrans-http3',
]

/** One sentence with a keyword of RFC 2119. */
export interface Requirement {
  /** Such as `rfc9000#8.1-p4-1`: document, section, paragraph, sentence. */
  readonly id: string
  readonly section: string
  readonly title: string
  /** The keyword: MUST, MUST NOT, SHOULD … */
  readonly level: string
  /** Whether it is a MUST of some kind. */
  readonly mandatory: boolean
  readonly text: string
}

/** The requirements of one document. */
export interface RequirementDocument {
  /** Such as `rfc9000`. */
  readonly name: string
  /** Such as `RFC 9000`. */
  readonly title: string
  readonly requirements: readonly Requirement[]
}

/** Whether the folder of requirements is there. */
export const hasRequirements: boolean = existsSync(FOLDER)

/** All documents, by name. */
export function readRequirements(): readonly RequirementDocument[] {
  return [FOLDER, `${FOLDER}/extra`]
    .filter(existsSync)
    .flatMap((folder) => readdirSync(folder).map((file) => ({ folder, file })))
    .filter(({ file }) => file.endsWith('.json') && file !== 'index.json')
    .map(({ folder, file }) => {
      const { document, requirements } = JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as {
        readonly document: string
        readonly requirements: readonly Requirement[]
      }
      return { name: file.replace('.json', ''), title: document, requirements }
    })
    .sort((one, other) => one.name.localeCompare(other.name))
}
