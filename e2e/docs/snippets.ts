/** The code in the documentation: TypeScript blocks of Markdown files, and the examples in the comments of public modules. */
import { listFiles, readText } from '../house/tree.ts'

/** One block of code. */
export interface Snippet {
  /** `README.md:41`: the file, and the line on which the code begins. */
  readonly place: string
  readonly code: string
  /** Marked `ts run`: it is run, and must end by itself. Others are compiled alone. */
  readonly runs: boolean
}

const FENCE = /^( \* )?```ts( run)?\n([\s\S]*?)^(?: \* )?```$/gm

/** All blocks, in the order of files and lines. */
export function allSnippets(): Snippet[] {
  return listFiles().flatMap((path) => {
    if (/^(README\.md|docs\/.*\.md)$/.test(path)) return snippetsOf(path, readText(path))
    if (/^(src|transports)\/.*\.ts$/.test(path) && !/\.(test|fixtures)\.ts$/.test(path)) {
      return snippetsOf(path, readText(path))
    }
    return []
  })
}

/** The blocks of one file; those in comments lose the stars. */
export function snippetsOf(path: string, text: string): Snippet[] {
  return [...text.matchAll(FENCE)].map(([, star, run, body = ''], index, all) => {
    const line = text.slice(0, all[index]?.index ?? 0).split('\n').length + 1
    const code = star === undefined ? body : body.replace(/^ \* ?/gm, '')
    return { place: `${path}:${line}`, code, runs: run !== undefined }
  })
}

/** What a block says that it prints: the comments behind its `console.log` lines. */
export function promisedOutput(code: string): string[] {
  return [...code.matchAll(/^\s*console\.log\(.*\) \/\/ (.*)$/gm)].map(([, words = '']) => words)
}
