/**
 * Which names of properties may be shortened in the page client: those of the sources that nobody outside can see. Seen are the
 * names in declarations that a user's code can reach, in the libraries of the language and the browser, and in what comes from
 * other packages; and names that stand in strings, which may be looked up.
 */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

const LIBRARIES = 'node_modules/@typescript/typescript-*/lib/lib.{dom,es}*.d.ts'
const NAME = /[A-Za-z_$][\w$]*/g
const words = (text) => text.match(NAME) ?? []
const read = (path) => readFileSync(path, 'utf8')

/** Members marked `@internal` are no part of the declarations. */
function visible(text) {
  const lines = text.split('\n')
  const internal = new Set()
  let comment = ''
  for (const [index, line] of lines.entries()) {
    if (/^\s*\/\*\*/.test(line)) comment = ''
    comment += line
    if (/\*\/\s*$/.test(line) && comment.includes('@internal')) internal.add(index + 1)
  }
  const kept = lines.filter((_, index) => !internal.has(index)).join('\n')
  return kept.replace(/\/\*[\s\S]*?\*\//g, '')
}

/** The declarations of a file and what it imports, by name. */
function parse(path) {
  const text = visible(read(path))
  const imports = new Map()
  const clauses = text.matchAll(/^(?:import|export) (?:type )?\{([^}]*)\} from ['"](\.[^'"]+)\.js['"]/gm)
  for (const [, names, from] of clauses) {
    for (const name of names.split(',')) {
      const [original, local = original] = name
        .replace(/\btype /, '')
        .trim()
        .split(' as ')
      if (original) imports.set(local, { path: join(dirname(path), `${from}.d.ts`), name: original })
    }
  }
  const declarations = new Map()
  for (const part of text.split(/^(?=(?:export |declare |interface |type )(?!\{))/m)) {
    const name = /^(?:export )?(?:declare )?(?:abstract )?(?:class|interface|type|const|function) (\w+)/.exec(part)?.[1]
    if (name) declarations.set(name, (declarations.get(name) ?? '') + part)
  }
  return { imports, declarations }
}

/** All words of the declarations that can be reached from those of `entry`. */
function publicWords(entry) {
  const files = new Map()
  const found = new Set()
  const seen = new Set()
  const visit = (path, name) => {
    if (seen.has(`${path} ${name}`)) return
    seen.add(`${path} ${name}`)
    if (!files.has(path)) files.set(path, parse(path))
    const { imports, declarations } = files.get(path)
    const imported = imports.get(name)
    if (imported) return visit(imported.path, imported.name)
    const text = declarations.get(name)
    if (text === undefined) return
    for (const word of words(text)) {
      found.add(word)
      visit(path, word)
    }
  }
  const { imports, declarations } = parse(entry)
  for (const name of [...imports.keys(), ...declarations.keys()]) {
    found.add(name)
    visit(entry, name)
  }

  return found
}

/** The names in tables that are gone through by name, as messages do: `Object.entries(AlertDescription)`. */
function listedWords(sources) {
  const tables = sources.flatMap((source) =>
    [...source.matchAll(/\bObject\.(?:entries|keys)\((\w+)\)/g)].map(([, name]) => name),
  )
  return sources.flatMap((source) =>
    tables.flatMap((table) => words(new RegExp(`\\bconst ${table} = [\\s\\S]*?\\n\\};`).exec(source)?.[0] ?? '')),
  )
}

/**
 * A short name for each property of `sources` that may have one, the most frequent first.
 * @param entry the declarations of the bundle's entry.
 * @param sources the texts of our own modules, without types and comments.
 * @param foreign the texts of the others.
 */
export function shortNames(entry, sources, foreign) {
  const reserved = publicWords(entry)
  const reserve = (names) => {
    for (const name of names) reserved.add(name)
  }
  for (const text of [...globSync(LIBRARIES).map(read), ...foreign]) reserve(words(text))
  reserve(listedWords(sources))
  const counts = new Map()
  for (const source of sources) {
    for (const [string] of source.matchAll(/'[^'\n]*'|"[^"\n]*"/g)) reserve(words(string))
    for (const word of words(source)) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  const names = [...counts].filter(([name]) => name.length > 2 && !reserved.has(name)).sort(([, a], [, b]) => b - a)
  const taken = (short) => reserved.has(short) || counts.has(short)
  const short = generate(taken)
  return new Map(names.map(([name]) => [name, short.next().value]))
}

/** a, b, … aa, ab, …: all that are not taken. */
function* generate(taken) {
  for (let count = 0; ; count++) {
    let name = ''
    for (let rest = count + 1; rest > 0; rest = Math.floor((rest - 1) / 26)) {
      name = String.fromCharCode(97 + ((rest - 1) % 26)) + name
    }
    if (!taken(name)) yield name
  }
}
