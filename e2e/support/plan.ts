/** What `npm test` runs: which steps there are, and which of them may run beside each other. */
import { launchOptions } from './browsers.ts'
import { BROWSERS, findNode, findOther } from './runtimes.ts'
import type { Command, Step } from './steps.ts'

/** The versions of Node, beside the one that runs the suite, on which what touches Node is tested. */
export const OTHER_NODES: readonly number[] = [22, 26]

/** The oldest Node, on which the package is tested. */
export const PACKAGE_NODE = 20

/** The step whose outcome others use. */
export const BUILD = 'build'

/** The folders of tests, in the parts that Node runs as steps of their own: the long runs, and what stands beside the source. */
export const PARTS: readonly (readonly string[])[] = [['e2e/'], ['src/', 'transports/']]

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

/** Vitest on `program`. */
export function vitest(program: string, ...args: string[]): Command {
  return [program, 'node_modules/vitest/vitest.mjs', 'run', ...args]
}

/** All steps in groups: those of one may run beside each other, the longest first; a group waits for the one before it. */
export function allSteps(): Step[][] {
  const build: Step[] = [
    [BUILD, [node, 'node_modules/rollup/dist/bin/rollup', '--config', '--silent']],
    ['types', [node, 'node_modules/typescript/bin/tsc', '--noEmit']],
    ['lint', [node, 'node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.']],
  ]
  // What compares costs, and what plays in real time with two browsers at once, has the machine for itself.
  const costs: Step[] = [['costs within their bounds', [node, 'bench/check.ts']]]
  const hosts: Step[] = [['matrix of hosts', [node, 'e2e/hosts/run.ts', '--check']]]
  return [build, [...suites(), ...otherRuntimes()], isAtLeast(BOUNDS_NODE) ? costs : [], hosts]
}

/** The suite in Node, in the browsers that are installed, and in workerd. */
function suites(): Step[] {
  const parts = PARTS.map((part): Step => {
    const folders = part.map((folder) => folder.slice(0, -1)).join(' and ')
    return [`Node ${process.versions.node}, ${folders}`, vitest(node, '--project', 'node', ...part)]
  })
  const projects = [...BROWSERS.filter((name) => launchOptions(name) !== undefined), 'workerd']
  return [...parts, ...projects.map((name): Step => [name, vitest(node, '--project', name)])]
}

/** What touches Node on its other versions, the package on the oldest and where Node is imitated, and the sockets there. */
function otherRuntimes(): Step[] {
  const steps: Step[] = []
  for (const major of OTHER_NODES) {
    const other = findNode(major)
    if (other !== undefined) steps.push([`Node ${major}`, vitest(other, '--project', 'node', ...TOUCHING_NODE)])
  }
  const [bun, deno] = [findOther('Bun'), findOther('Deno')]
  const users = [findNode(PACKAGE_NODE), bun, deno].filter((program) => program !== undefined)
  if (users.length > 0)
    steps.push([`package on Node ${PACKAGE_NODE}, Bun and Deno`, [node, 'e2e/smoke/run.ts', ...users]])
  if (bun !== undefined) steps.push(['sockets of Bun', [bun, 'e2e/runtimes/sockets.ts']])
  if (deno !== undefined)
    steps.push(['sockets of Deno', [deno, 'run', '--allow-all', '--unstable-net', 'e2e/runtimes/sockets.ts']])
  return steps
}

function isAtLeast(major: number): boolean {
  return Number(process.versions.node.split('.')[0]) >= major
}
