/** Every example runs as it is, ends by itself, and prints what it did; those with pages run in `example-pages.node.test.ts`. */
import { afterAll, expect, test } from 'vitest'
import { listFiles, readText } from '../house/tree.ts'
import { Workspace } from './workspace.ts'

const workspace = new Workspace()
afterAll(() => workspace.remove())

const OUTPUT: Readonly<Record<string, readonly RegExp[]>> = {
  'examples/datagrams.ts': [
    /^a datagram may have \d{4} bytes$/,
    /^the newest position is that of tick 2[5-9]$/,
    /^\d+ of 30 arrived$/,
  ],
  'examples/node-echo/echo.ts': [
    /^echoing on 127\.0\.0\.1:\d+$/,
    /^sent "hello", got "hello"$/,
    /^RTT \d+\.\d\d ms, \d+ packets sent, \d+ received$/,
  ],
  'examples/file-transfer/file-transfer.ts': [
    /^client: 25 %$/,
    /^client: 50 %$/,
    /^client: 75 %$/,
    /^client: 100 %$/,
    /^server: all is acknowledged; at most \d+ bytes of 16000000 waited here$/,
    /^SHA-256 is the same on both sides$/,
  ],
  'examples/moq/moq.ts': [
    /^client: speaks moq-lite-05$/,
    /^client: clock is there$/,
    ...new Array<RegExp>(5).fill(/^client: tick \d+$/),
  ],
  'examples/http3-server/server.ts': [
    /^https:\/\/localhost:\d+ over TCP and over UDP$/,
    /^TCP: hello over HTTP\/1\.1; Alt-Svc: h3=":\d+"; ma=86400$/,
    /^UDP: hello over HTTP\/3\.0$/,
    /^UDP: \{"sum":6\}$/,
  ],
  'examples/fetch/fetch.ts': [
    /^send something$/,
    /^got "ONE "$/,
    /^got "TWO "$/,
    /^got "THREE"$/,
    /^at its end: true, in 3 pieces$/,
    /^a body that never comes: TimeoutError$/,
    /^connections used: 1$/,
  ],
  'examples/own-transport.ts': [/^QUIC over a MessagePort$/],
  'examples/sans-io.ts': [
    / 40 ms: the client is connected, ALPN upload$/,
    / 60 ms: the server is connected, ALPN upload$/,
    / ms: the server has 1000000 bytes, in \d+ packets$/,
    / ms: nothing is left of the (client|server): application close$/,
    / ms: nothing is left of the (client|server): application close$/,
    / ms: nothing is left to happen; \d+ datagrams were sent, \d+ of them lost$/,
  ],
  'examples/zero-rtt.ts': [
    /^question: done after the handshake$/,
    /^order: done after the handshake$/,
    /^first visit: resumed false, early data false$/,
    // As a rule before it.
    /^question: done (before|after) the handshake$/,
    /^order: done after the handshake$/,
    /^second visit: resumed true, early data true$/,
  ],
}

const files = listFiles('examples/')
const folders = new Set(files.filter((path) => path.split('/').length > 2).map((path) => path.split('/')[1] ?? ''))

test('every example of one file is known here', () => {
  const single = (path: string): boolean => path.split('/').length === 2
  expect(files.filter(single).sort()).toEqual(Object.keys(OUTPUT).filter(single).sort())
})

test.each([...folders])('examples/%s has a README with the command that runs it, and stands in the table', (folder) => {
  const text = readText(`examples/${folder}/README.md`)
  const [command] = /(?<=^```sh\n).*/m.exec(text) ?? []
  expect(command).toBeDefined()
  expect(readText('README.md')).toContain(`| [${folder}](examples/${folder}/README.md) | \`${command}\` |`)
})

test('the unit test of the example passes', async () => {
  const { exitCode, stdout } = await workspace.run('examples/unit-test/capitals.test.ts')
  expect({ exitCode, passed: /^. pass (\d+)$/m.exec(stdout)?.[1] }).toEqual({ exitCode: 0, passed: '3' })
})

test.concurrent.each(Object.keys(OUTPUT))('%s runs', async (path) => {
  const { exitCode, stdout, stderr } = await workspace.run(path)
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  // Two sides that print take turns as it happens.
  const lines = stdout.split('\n').slice(0, -1)
  for (const pattern of OUTPUT[path] ?? []) {
    const index = lines.findIndex((line) => pattern.test(line))
    expect(index, `${pattern} in ${stdout}`).toBeGreaterThanOrEqual(0)
    lines.splice(index, 1)
  }
  expect(lines).toEqual([])
})

test('the transport of the example keeps to the contract of transports', async () => {
  const { exitCode, stdout, stderr } = await workspace.run('e2e/docs/own-transport.ts')
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  expect(stdout).toMatch(/\b\d+ kept, 0 broken\n$/)
})
