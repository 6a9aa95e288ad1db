/** The doors of the installed package. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** A door of the installed package, as Node finds it there. */
export async function door<T>(folder: string, name: string): Promise<T> {
  const home = join(folder, 'node_modules/isoquic')
  const { exports } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
  return (await import(pathToFileURL(join(home, exports[name].default)).href)) as T
}
