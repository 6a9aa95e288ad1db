/** A folder as a page. */
import type { Dirent } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { formatBytes } from '../progress.ts'
import { realBelow } from './below.ts'

/** What a folder holds. */
export interface Entry {
  readonly name: string
  readonly isFolder: boolean
  /** bytes */
  readonly size: number
  readonly modified: Date
}

/** How many files are looked at together. */
const TOGETHER = 64

/** What can be asked for in the folder that `names` lead to below `root`, folders first. Links that lead out are none of it. */
export async function entriesOf(root: string, names: readonly string[]): Promise<Entry[]> {
  const found = await readdir(join(root, ...names), { withFileTypes: true })
  const entries: Entry[] = []
  for (let at = 0; at < found.length; at += TOGETHER) {
    const together = found.slice(at, at + TOGETHER).map((each) => entryOf(root, names, each))
    for (const entry of await Promise.all(together)) if (entry !== undefined) entries.push(entry)
  }
  const collator = new Intl.Collator('en', { numeric: true })
  return entries.sort((a, b) => Number(b.isFolder) - Number(a.isFolder) || collator.compare(a.name, b.name))
}

async function entryOf(root: string, names: readonly string[], found: Dirent): Promise<Entry | undefined> {
  const { name } = found
  // No URL leads to these.
  if (/[\\\p{Surrogate}]/u.test(name)) return undefined
  try {
    const path = found.isSymbolicLink() ? await realBelow(root, [...names, name]) : join(root, ...names, name)
    const stats = path === undefined ? undefined : await stat(path)
    const isFolder = stats?.isDirectory() === true
    if (stats === undefined || !(isFolder || stats.isFile())) return undefined
    return { name, isFolder, size: stats.size, modified: stats.mtime }
  } catch {
    // Gone meanwhile, or a link to nothing.
    return undefined
  }
}

const STYLE = `:root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}body{margin:2rem auto;max-width:60rem;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{padding:.2rem .5rem;text-align:left}td:nth-child(n+2),th:nth-child(n+2){text-align:right;
font-variant-numeric:tabular-nums;white-space:nowrap}tr:hover td{background:color-mix(in srgb,currentColor 7%,transparent)}a{text-decoration:none}`

/** The page. `pathname` is decoded and ends with a slash. */
export function listingPage(pathname: string, entries: readonly Entry[]): string {
  const title = `Index of ${escaped(pathname)}`
  const parent = pathname === '/' ? '' : '<tr><td><a href="../">../</a></td><td></td><td></td></tr>\n'
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${title}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${title}</h1>
<table>
<tr><th>Name</th><th>Size</th><th>Modified</th></tr>
${parent}${entries.map(row).join('')}</table>
</body>
</html>
`
}

function row({ name, isFolder, size, modified }: Entry): string {
  const slash = isFolder ? '/' : ''
  const date = modified.toISOString()
  const shown = `${date.slice(0, 10)} ${date.slice(11, 16)}`
  // Behind `./` no name is taken for a scheme.
  const link = `<a href="./${escaped(encodeURIComponent(name))}${slash}">${escaped(name)}${slash}</a>`
  const cells = [link, isFolder ? '' : formatBytes(size), `<time datetime="${date}">${shown}</time>`]
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>\n`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
}
