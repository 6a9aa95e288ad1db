import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { expect, test } from 'vitest'

const PROGRAM = `
import { node } from './provider.ts'
import { noblePackets } from '../noble/packets.ts'
const sealed = [node, noblePackets].map((provider) => {
  const suite = noblePackets.suites[1]
  const engine = provider.createEngine(1300)
  const protector = engine.createProtector(suite, new Uint8Array(16), new Uint8Array(12), new Uint8Array(16))
  engine.arena[0] = 0x40
  const batch = { arena: engine.arena, count: 1, start: [0], numberOffset: [9], end: [1200], packetNumber: [5], status: new Uint8Array(1) }
  protector.seal(batch, 0, 1)
  return engine.arena.join()
})
console.log(typeof WebAssembly, sealed[0] === sealed[1])
`

test('with --jitless, which takes WebAssembly away, packets are protected all the same', async () => {
  const resolveDir = fileURLToPath(new URL('.', import.meta.url))
  const { outputFiles } = await build({
    stdin: { contents: PROGRAM, resolveDir, loader: 'ts' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
  })
  const args = ['--input-type=module', '--eval', outputFiles[0]?.text ?? '']
  const run = (flags: readonly string[]): string =>
    execFileSync(process.execPath, [...flags, ...args], { encoding: 'utf8' }).trim()
  expect(run(['--jitless'])).toBe('undefined true')
  expect(run([])).toBe('object true')
})
