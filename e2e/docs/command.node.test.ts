/** The command line of the README, line by line, as it runs from a checkout. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'isoquic-command-'))
const running = new Set<ChildProcess>()
afterAll(() => {
  for (const child of running) child.kill()
  rmSync(folder, { recursive: true })
})

/** A command at work. */
class Command {
  readonly #child: ChildProcess
  output = ''
  error = ''

  constructor(...words: string[]) {
    this.#child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, ...words], { cwd: folder })
    running.add(this.#child)
    this.#child.stdout?.on('data', (text) => {
      this.output += text
    })
    this.#child.stderr?.on('data', (text) => {
      this.error += text
    })
  }

  /** The first match of `pattern` in what is printed. */
  async says(pattern: RegExp): Promise<string> {
    for (;;) {
      const found = pattern.exec(this.output)?.[1]
      if (found !== undefined) return found
      if (this.#child.stdout !== null) await once(this.#child.stdout, 'data')
    }
  }

  /** The exit code. */
  async ends(): Promise<number | null> {
    if (this.#child.exitCode === null) await once(this.#child, 'close')
    running.delete(this.#child)
    return this.#child.exitCode
  }

  async stop(): Promise<number | null> {
    this.#child.kill('SIGINT')
    return await this.ends()
  }
}

test('serve and get move a file, with the pin that serve prints', async () => {
  mkdirSync(join(folder, 'public'))
  const content = new Uint8Array(300_000).map((_, index) => index % 251)
  writeFileSync(join(folder, 'public/big.iso'), content)
  const server = new Command('serve', './public', '--port', '0')
  const address = await server.says(/ on (\S+) \(UDP\)/)
  const pin = await server.says(/--pin ([0-9a-f]{64})/)

  const get = new Command('get', `https://${address}/big.iso`, '--pin', pin)
  expect({ exitCode: await get.ends(), error: get.error }).toMatchObject({ exitCode: 0 })
  expect(get.error).toMatch(/big\.iso {2}\[█+\] {2}100 % {2}300 kB of 300 kB {2}\S+ \wB\/s {2}in 0:00\n$/)
  expect(new Uint8Array(readFileSync(join(folder, 'big.iso')))).toEqual(content)

  const missing = new Command('get', `https://${address}/small.iso`, '--pin', pin)
  expect(await missing.ends()).toBe(1)
  expect(missing.error).toBe(`isoquic: ${address} has no file /small.iso\n`)

  const stranger = new Command('get', `https://${address}/big.iso`)
  expect(await stranger.ends()).toBe(1)
  expect(stranger.error).toMatch(/^isoquic: .*no trust anchor; pass --pin, --ca or --insecure\n$/)
  expect(await server.stop()).toBe(0)
})

test('get takes several files over one connection, with fields of its own, and shows what it is told', async () => {
  mkdirSync(join(folder, 'site/sub'), { recursive: true })
  writeFileSync(join(folder, 'site/a.txt'), 'alpha')
  writeFileSync(join(folder, 'site/sub/b.txt'), 'beta')
  const server = new Command('serve', './site', '--port', '0', '--qlog', 'logs')
  const address = await server.says(/ on (\S+) \(UDP\)/)
  const url = `https://${address}`
  const get = new Command('get', `${url}/a.txt`, `${url}/sub/b.txt`, '--insecure', '-i', '-H', 'range: bytes=1-')
  expect({ exitCode: await get.ends(), error: get.error }).toMatchObject({ exitCode: 0 })
  expect(get.error).toMatch(/^HTTP\/3 206\n(?:.+: .*\n)*content-range: bytes 1-4\/5\n/)
  expect(readFileSync(join(folder, 'a.txt'), 'utf8') + readFileSync(join(folder, 'b.txt'), 'utf8')).toBe('lphaeta')
  expect(server.output.match(/127\.0\.0\.1:\d+ {2}GET \S+ {2}206 {2}\d B\n/g)).toHaveLength(2)

  const listing = new Command('get', `${url}/`, '--insecure', '-o', '-')
  expect(await listing.ends()).toBe(0)
  expect(listing.output).toContain('<a href="./sub/">sub/</a>')
  const refused = new Command('get', `${url}/a.txt`, '--insecure', '-H', 'range: bytes=9-')
  expect(await refused.ends()).toBe(1)
  expect(refused.error).toBe(`isoquic: ${address} answered /a.txt with status 416\n`)
  expect(await server.stop()).toBe(0)
  // A log of each connection: the two files came over one.
  expect(readdirSync(join(folder, 'logs'))).toHaveLength(3)
})

test('serve has several workers at one port, with one certificate and a log of each connection', {
  timeout: 120_000,
}, async () => {
  mkdirSync(join(folder, 'shared'))
  writeFileSync(join(folder, 'shared/a.txt'), 'alpha')
  const server = new Command('serve', './shared', '--port', '0', '--workers', '2', '--qlog', 'worker-logs')
  const address = await server.says(/ with 2 workers on (\S+) \(UDP\)/)
  const pin = await server.says(/--pin ([0-9a-f]{64})/)
  const gets = Array.from({ length: 3 }, () => new Command('get', `https://${address}/a.txt`, '--pin', pin, '-o', '-'))
  for (const get of gets) {
    expect({ exitCode: await get.ends(), error: get.error }).toMatchObject({ exitCode: 0 })
    expect(get.output).toBe('alpha')
  }
  expect(await server.stop()).toBe(0)
  expect(server.output.match(/127\.0\.0\.1:\d+ {2}GET \S+ {2}200 {2}5 B\n/g)).toHaveLength(3)
  expect(server.error).toBe('')
  expect(readdirSync(join(folder, 'worker-logs'))).toHaveLength(3)
})

test('serve stands in front of another server, and has files of its own', async () => {
  mkdirSync(join(folder, 'front'))
  writeFileSync(join(folder, 'front/own.txt'), 'a file')
  const origin = createServer((request, response) => {
    response.setHeader('x-protocol', String(request.headers['x-forwarded-proto']))
    response.end(`${request.method} ${request.url}`)
  })
  await once(origin.listen(0, '127.0.0.1'), 'listening')
  const proxy = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`
  const server = new Command('serve', './front', '--proxy', proxy, '--port', '0')
  const address = await server.says(/ on (\S+) \(UDP\)/)
  for (const [path, text] of [
    ['/own.txt', 'a file'],
    ['/api?x=1', 'GET /api?x=1'],
  ]) {
    const get = new Command('get', `https://${address}${path}`, '--insecure', '-o', '-', '-i')
    expect(await get.ends()).toBe(0)
    expect(get.output).toBe(text)
    if (path !== '/own.txt') expect(get.error).toContain('x-protocol: https\n')
  }
  expect(await server.stop()).toBe(0)
  origin.closeAllConnections()
  origin.close()
})

test('serve and get speak HTTP/0.9 where they are asked to', async () => {
  mkdirSync(join(folder, 'old'))
  writeFileSync(join(folder, 'old/old.txt'), 'as of old')
  const server = new Command('serve', './old', '--port', '0', '--hq')
  const address = await server.says(/ on (\S+) \(UDP\)/)
  const get = new Command('get', `https://${address}/old.txt`, '--insecure', '--hq', '-o', '-')
  expect({ exitCode: await get.ends(), output: get.output }).toEqual({ exitCode: 0, output: 'as of old' })
  const newer = new Command('get', `https://${address}/old.txt`, '--insecure')
  expect(await newer.ends()).toBe(1)
  expect(await server.stop()).toBe(0)
})

test.each([
  ['h3', []],
  ['perf', ['--raw']],
])('perf measures both ways and requests: ALPN %s', async (alpn, words) => {
  const server = new Command('perf', '--serve', '--port', '0', ...words)
  const address = await server.says(/ on (\S+) \(UDP\)/)
  const sizes = ['--down', '300kB', '--up', '0.3MB', '--requests', '20', '--parallel', '4']
  const perf = new Command('perf', address, '--insecure', ...sizes, ...words)
  expect({ exitCode: await perf.ends(), error: perf.error }).toMatchObject({ exitCode: 0 })
  expect(perf.output).toMatch(new RegExp(`^handshake +\\d+\\.\\d\\d ms +${address}, ALPN ${alpn}\\n`))
  expect(perf.output).toMatch(/^download +\S+ \wB\/s +300 kB in .*\nupload +\S+ \wB\/s +300 kB in/m)
  expect(perf.output).toMatch(/^requests +\d+\/s +20 of 1 kB, 4 at a time\ntime each +\d+/m)
  expect(await server.stop()).toBe(0)
})

test('echo answers ping', async () => {
  const server = new Command('echo', '--port', '0')
  const address = await server.says(/ on (\S+) \(UDP\)/)
  const ping = new Command('ping', address, '--insecure')
  expect({ exitCode: await ping.ends(), error: ping.error }).toEqual({ exitCode: 0, error: '' })
  expect(ping.output).toMatch(/^\S+ \(\S+\): handshake \d+\.\d\d ms, ALPN echo\n/)
  expect(ping.output).toMatch(/4 of 4, \d+\.\d\d ms\nleast .* ms, mean .* ms, most .* ms\n$/)
  expect(await server.stop()).toBe(0)
})

test.each([
  [[], /^$/],
  [['frobnicate'], /^isoquic: There is no command frobnicate; isoquic --help lists them\n$/],
  [['get', 'http://localhost'], /^isoquic: http:\/\/localhost is no https:\/\/ URL\n$/],
  [['ping', 'localhost', '--pin', '00'], /^isoquic: --pin must be the 64 hexadecimal digits of a SHA-256, got 00\n$/],
  [['serve', './nowhere'], /^isoquic: \.\/nowhere is no folder\n$/],
])('isoquic %j is wrong: exit code 2', async (words, line) => {
  const command = new Command(...words)
  expect(await command.ends()).toBe(2)
  expect(command.error).toMatch(line)
})
