/** Imports every door of the package, and tells what became of the global scope. Ends by itself, unless a door began something. */
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'

const { exports, name } = JSON.parse(
  await readFile(createRequire(import.meta.url).resolve('isoquic/package.json'), 'utf8'),
)
const doors = Object.keys(exports).filter((door) => door !== './package.json')
// Read twice: runtimes make some of them when they are first asked for, and then others with them.
const read = () => new Map(Reflect.ownKeys(globalThis).map((key) => [key, globalThis[key]]))
read()
const before = read()
for (const door of doors) await import(name + door.slice(1))
const changed = Reflect.ownKeys(globalThis).filter(
  (key) => !(before.has(key) && Object.is(before.get(key), globalThis[key])),
)
console.log(`${doors.length} doors, changed: ${changed.map(String).join(' ')}`)
