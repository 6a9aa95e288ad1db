/** The command line of the README, line by line, as it runs from a checkout. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
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
