/** The examples with Workers do in wrangler and workerd what their READMEs say, and leave nothing behind. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { ROOT } from '../support/steps.ts'

/** Runs an example from the root; the lines that it printed. Rejects where it fails. */
async function run(path: string): Promise<string[]> {
  const args = ['--conditions=isoquic-source', '--disable-warning=ExperimentalWarning', path]
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, timeout: 110_000 })
  expect(stderr).toBe('')
  return stdout.trimEnd().split('\n')
}

// `await using` is known from Node 24 on.
const isOld = Number(process.versions.node.split('.')[0]) < 24

test('worker-client: a Worker speaks QUIC through the gateway', async () => {
  const [started, said, ...more] = await run('examples/worker-client/run.ts')
  expect(started).toMatch(/^an echo server on UDP 127\.0\.0\.1:\d+, a gateway on TCP 127\.0\.0\.1:\d+$/)
  expect(said).toMatch(/^the Worker said "hello" over QUIC and heard "hello", RTT \d+\.\d ms$/)
  expect(more).toEqual([])
}, 120_000)

test.skipIf(isOld)(
  'worker-server: a Worker is spoken to over a WebSocket, and over UDP',
  async () => {
    expect(await run('examples/worker-server/run.ts')).toEqual([
      'over a WebSocket, wrangler dev: "visitor 1: hello"',
      'over UDP, workerd: "visitor 1: hello"',
      'once more: "visitor 2: hello"',
    ])
  },
  120_000,
)
