/** Where the repository speaks of a requirement: tests by its id (`//= rfc9000#8.1-p4-1`), sources by its section (`RFC 9000 §8.1`). */

/** A file of the repository. */
export interface CitingFile {
  /** From the root of the repository. */
  readonly path: string
  readonly text: string
}

/** What is cited, and where: `path:line`. */
export interface Citations {
  /** Ids of requirements, as tests name them. */
  readonly tested: ReadonlyMap<string, readonly string[]>
  /** Sections, such as `rfc9000#8.1`, as comments of the sources name them. */
  readonly sections: ReadonlyMap<string, readonly string[]>
}

const TEST = /\.(test|fixtures)\.ts$/
const COMMENT = /^\s*(\/\/|\/\*|\*)|\s\/\/ |\/\*\*/
const MENTION = /RFC (\d+)|§([A-Z]?[\d.]*\d|[A-Z](?:\.\d+)*)/g

/** All citations of these files. */
export function citationsOf(files: readonly CitingFile[]): Citations {
  const tested = new Map<string, string[]>()
  const sections = new Map<string, string[]>()
  for (const { path, text } of files) {
    const lines = text.split('\n')
    if (TEST.test(path)) {
      for (const [index, line] of lines.entries()) {
        const id = /^\s*\/\/= (\S+)$/.exec(line)?.[1]
        if (id !== undefined) add(tested, id, `${path}:${index + 1}`)
      }
    } else {
      citeSections(path, lines, sections)
    }
  }
  return { tested, sections }
}

/** A section belongs to the RFC that was named last in the file. */
function citeSections(path: string, lines: readonly string[], sections: Map<string, string[]>): void {
  let document: string | undefined
  for (const [index, line] of lines.entries()) {
    if (!COMMENT.test(line)) continue
    for (const [, rfc, section] of line.matchAll(MENTION)) {
      if (rfc !== undefined) document = `rfc${rfc}`
      else if (document !== undefined && section !== undefined)
        add(sections, `${document}#${section}`, `${path}:${index + 1}`)
    }
  }
}

function add(map: Map<string, string[]>, key: string, place: string): void {
  const places = map.get(key)
  if (places === undefined) map.set(key, [place])
  else places.push(place)
}
