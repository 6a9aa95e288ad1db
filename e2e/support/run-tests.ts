/**
 * All tests, in all runtimes that the machine has: types, lint, the suite in Node, Chromium, Firefox and workerd, the packed
 * package on Node 20, Bun and Deno, and the neutral part of the suite on the other versions of Node. Arguments go to vitest, which then runs alone.
 */

import { IS_BUILT } from '../smoke/bundle.ts'
import { closingLine, vectorsLine } from './closing-line.ts'
import { findNode, findOther, provideBrowsers, providePinned } from './runtimes.ts'
import { type Command, runStep, type StepResult } from './steps.ts'

const OTHER_NODES = [22, 26]
const PACKAGE_NODE = 20
/** The oldest that the bounds of costs are meant for. */
const BOUNDS_NODE = 24
/**
 * Where the version of Node can matter: what works with its cryptography, streams, sockets and files. The synchronous core is the
 * same JavaScript everywhere, and the long runs of e2e/ speak of the protocol.
 */
const TOUCHING_NODE = ['api', 'cli', 'crypto', 'gateway', 'hosts', 'qlog', 'tls', 'x509']
  .map((room) => `src/${room}/`)
  .concat('transports/')

const node = process.execPath
const vitest = (program: string, ...args: string[]): Command => [
  program,
  'node_modules/vitest/vitest.mjs',
  'run',
  ...args,
]
const args = process.argv.slice(2)

const missing = args.length > 0 ? [] : provideRuntimes()
const results: StepResult[] = []
for (const [name, command] of args.length > 0 ? someSteps() : allSteps()) {
  const result = await runStep(name, command)
  results.push(result)
  // The steps behind it use what it made; where it failed, each tries by itself, and says so.
  if (name === 'build' && result.failed === 0) process.env[IS_BUILT] = 'true'
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

function provideRuntimes(): string[] {
  return [...provideBrowsers(), ...providePinned([PACKAGE_NODE, ...OTHER_NODES])]
}

function someSteps(): [string, Command][] {
  return [['vitest', vitest(node, ...args)]]
}

function allSteps(): [string, Command][] {
  const steps: [string, Command][] = [
    ['types', [node, 'node_modules/typescript/bin/tsc', '--noEmit']],
    ['lint', [node, 'node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.']],
    ['build', [node, 'node_modules/rollup/dist/bin/rollup', '--config', '--silent']],
    [`Node ${process.versions.node}, browsers and workerd`, vitest(node)],
  ]
  if (Number(process.versions.node.split('.')[0]) >= BOUNDS_NODE)
    steps.push(['costs within their bounds', [node, 'bench/check.ts']])
  const [bun, deno] = [findOther('Bun'), findOther('Deno')]
  const users = [findNode(PACKAGE_NODE), bun, deno].filter((program) => program !== undefined)
  if (users.length > 0)
    steps.push([`package on Node ${PACKAGE_NODE}, Bun and Deno`, [node, 'e2e/smoke/run.ts', ...users]])
  steps.push(['matrix of hosts', [node, 'e2e/hosts/run.ts', '--check']])
  if (bun !== undefined) steps.push(['sockets of Bun', [bun, 'e2e/runtimes/sockets.ts']])
  if (deno !== undefined)
    steps.push(['sockets of Deno', [deno, 'run', '--allow-all', '--unstable-net', 'e2e/runtimes/sockets.ts']])
  for (const major of OTHER_NODES) {
    const other = findNode(major)
    if (other !== undefined) steps.push([`Node ${major}`, vitest(other, '--project', 'node', ...TOUCHING_NODE)])
  }
  return steps
}
