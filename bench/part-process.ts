/** Runs one part of the bench for `run.ts`: its name and the settings come as arguments, the result goes back as a message. */
import { PARTS, type PartResult, type Settings } from './parts.ts'

const [name, settings = '{}'] = process.argv.slice(2)
const part = PARTS.find((each) => each.name === name)
if (part === undefined) throw new RangeError(`There is no part ${name}`)
// What is said on the way goes to stderr: stdout belongs to the tables.
console.log = console.error
const answer = (message: PartResult | { readonly error: string }): void =>
  void process.send?.(message, () => process.exit())
try {
  const run = await part.load()
  answer(await run(JSON.parse(settings) as Settings, (line) => console.error(`${name}: ${line}`)))
} catch (error) {
  console.error(error)
  answer({ error: error instanceof Error ? error.message : String(error) })
}
