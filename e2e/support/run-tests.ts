/**
 * All tests, in all runtimes that the machine has: types, lint, the suite in Node, Chromium, Firefox and workerd, the packed
 * package on Node 20, Bun and Deno, and the neutral part of the suite on the other versions of Node. Arguments go to vitest, which then runs alone.
 */

import { IS_BUILT } from '../smoke/bundle.ts'
import { closingLine, vectorsLine } from './closing-line.ts'
import { allSteps, BUILD, OTHER_NODES, PACKAGE_NODE, vitest } from './plan.ts'
import { provideBrowsers, providePinned } from './runtimes.ts'
import { runSteps, type Step, type StepResult } from './steps.ts'

const args = process.argv.slice(2)
const missing = args.length > 0 ? [] : [...provideBrowsers(), ...providePinned([PACKAGE_NODE, ...OTHER_NODES])]
const some: Step = ['vitest', vitest(process.execPath, ...args)]
const results: StepResult[] = []
for (const group of args.length > 0 ? [[some]] : allSteps()) {
  results.push(...(await runSteps(group)))
  // The steps behind it use what it made; where it failed, each tries by itself, and says so.
  if (results.some(({ name, failed }) => name === BUILD && failed === 0)) process.env[IS_BUILT] = 'true'
}

const sum = (of: (result: StepResult) => number): number => results.reduce((total, result) => total + of(result), 0)
const required = process.env['CI'] === 'true'
const total = { passed: sum((r) => r.passed), failed: sum((r) => r.failed), skipped: sum((r) => r.skipped) }
if (required) total.failed += missing.length

for (const { name, failures } of results.filter((result) => result.failures.length > 0))
  console.log(`\n== What failed: ${name} ==\n${failures.join('\n')}`)
console.log()
for (const result of results) console.log(`${result.name}, ${result.seconds} s: ${closingLine(result)}`)
for (const name of missing)
  console.log(`${name} is missing and could not be installed: its tests ${required ? 'failed' : 'did not run'}`)
const withoutVectors = sum((result) => result.withoutVectors)
if (withoutVectors > 0) console.log(vectorsLine(withoutVectors))
console.log(closingLine(total))
process.exitCode = total.failed > 0 ? 1 : 0
