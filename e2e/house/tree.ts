/** The tree as the house tests see it: its files, what they import, and their code without comments and strings. */
import { readdirSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const GENERATED: readonly string[] = ['.git', 'node_modules', 'dist', 'coverage', '.cache', '.wrangler']

/** A source file, by its path from the root of the repository. */
export interface SourceFile {
  readonly path: string
  readonly text: string
  readonly imports: readonly Import[]
}

/** One import of a file; `target` is a path from the root for relative imports, else the bare specifier. */
export interface Import {
  readonly target: string
  readonly isRelative: boolean
  readonly isTypeOnly: boolean
}

/** All files of the repository by their paths from its root, what is generated or installed left out. */
export function listFiles(folder = ''): string[] {
  return readdirSync(ROOT + folder, { withFileTypes: true }).flatMap((entry) => {
    if (GENERATED.includes(entry.name)) return []
    const path = folder + entry.name
    return entry.isDirectory() ? listFiles(`${path}/`) : [path]
  })
}

/** The text of one file. */
export function readText(path: string): string {
  return readFileSync(ROOT + path, 'utf8')
}

/** The library's own TypeScript; tests and their fixtures are left out. */
export function librarySources(): SourceFile[] {
  return listFiles()
    .filter((path) => /^(src|transports)\/.*\.ts$/.test(path) && !/\.(test|fixtures)\.ts$/.test(path))
    .map((path) => parseSource(path, readText(path)))
}

/** `text` as a file of the tree. */
export function parseSource(path: string, text: string): SourceFile {
  return { path, text, imports: importsOf(path, withoutComments(text)) }
}

/** The room of a file of `src/`: its folder, or `''` for a file in `src/` itself. `undefined` outside `src/`. */
export function roomOf(path: string): string | undefined {
  const parts = path.split('/')
  if (parts[0] !== 'src') return undefined
  return parts.length === 2 ? '' : parts[1]
}

/** The code alone: comments gone, strings and regular expressions empty. Template literals keep their expressions. */
export function codeOf(text: string): string {
  return withoutComments(text)
    .replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/g, "''")
    .replace(/`(?:\\.|[^`\\$]|\$(?!\{))*`/g, "''")
}

// Strings are matched so that a `//` inside one is not taken for a comment.
function withoutComments(text: string): string {
  const token = /('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g
  return text.replace(token, (_, string: string | undefined) => string ?? ' ')
}

function importsOf(path: string, code: string): Import[] {
  const imports: Import[] = []
  const statement =
    /\b(?:import|export)\s+(type\s+)?(?:[\w*{][^'"`;]*?\bfrom\s*)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/g
  for (const [, type, fixed, dynamic] of code.matchAll(statement)) {
    const specifier = fixed ?? dynamic ?? ''
    const isRelative = specifier.startsWith('.')
    const target = isRelative ? posix.normalize(posix.join(posix.dirname(path), specifier)) : specifier
    imports.push({ target, isRelative, isTypeOnly: type !== undefined })
  }
  return imports
}
