/** The conformance suite over the sockets of Bun or Deno, with a runner of a few lines: `bun sockets.ts`, `deno run -A --unstable-net sockets.ts`. */

import type { DatagramTransport } from '../../src/transport.ts'
import { bunUdp } from '../../transports/bun.ts'
import { transportSuite } from '../../transports/conformance.ts'
import { denoUdp } from '../../transports/deno.ts'

const bind: () => Promise<DatagramTransport> =
  'Bun' in globalThis ? () => bunUdp({ host: '127.0.0.1' }) : () => denoUdp({ host: '127.0.0.1' })
const tests: [string, () => Promise<void>][] = []

transportSuite(
  'Bun' in globalThis ? 'sockets of Bun' : 'sockets of Deno',
  async () => {
    const [near, far] = [await bind(), await bind()]
    return { near, far, toFar: far.localAddress, toNear: near.localAddress }
  },
  { describe: (_name, body) => body(), test: (name, body) => void tests.push([name, body]) },
)

let failed = 0
for (const [name, body] of tests) {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('nothing happened for 10 seconds')), 10_000)
  })
  try {
    await Promise.race([body(), late])
  } catch (error) {
    failed += 1
    console.log(`FAILED: ${name}: ${error instanceof Error ? error.stack : String(error)}`)
  }
  clearTimeout(timer)
}
console.log(`${tests.length - failed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)
