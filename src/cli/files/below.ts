/** From the path of a URL to a file below a folder, and to nothing else, by whatever spelling or link. */
import { realpath } from 'node:fs/promises'
import { join, sep } from 'node:path'

/** Names that Windows takes for devices, whatever their extension. */
const DEVICES = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(?:\.|$)/i

/**
 * The names that the path of a URL consists of, decoded; `undefined` where one of them is no name of a file. A slash at the end adds
 * none.
 */
export function namesOf(pathname: string, isWindows: boolean = process.platform === 'win32'): string[] | undefined {
  if (!pathname.startsWith('/')) return undefined
  const parts = pathname.slice(1).split('/')
  if (parts.at(-1) === '') parts.pop()
  const names: string[] = []
  for (const part of parts) {
    const name = decoded(part)
    if (name === undefined || !isName(name) || (isWindows && !isWindowsName(name))) return undefined
    names.push(name)
  }
  return names
}

/**
 * The real path of what `names` lead to below `root`, itself a real path; `undefined` where that is elsewhere.
 * @throws the system's error (as a rejection) where there is nothing
 */
export async function realBelow(root: string, names: readonly string[]): Promise<string | undefined> {
  const real = await realpath(join(root, ...names))
  const folder = root.endsWith(sep) ? root : root + sep
  return real === root || real.startsWith(folder) ? real : undefined
}

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}

/** One name, on any system: a backslash is a separator on one of them, and no page links to it on the others. */
function isName(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\\\0]/.test(name)
}

/** Drives and streams have a colon; dots and blanks at the end, and what is a device, are other names than they seem. */
function isWindowsName(name: string): boolean {
  return !/[:*?"<>|]|[. ]$/.test(name) && !DEVICES.test(name) && !/~\d/.test(name)
}
