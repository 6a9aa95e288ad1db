/** The examples with pages: they compile, and do in a headless browser what their READMEs say. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { launchOptions } from '../support/browsers.ts'
import { ROOT } from '../support/steps.ts'

const hasChromium = launchOptions('chromium') !== undefined

/** Runs a program of Node from the root; what it printed. Rejects where it fails. */
async function run(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: ROOT, timeout: 220_000 })
  return stdout
}

test('the page of browser-tunnel compiles', async () => {
  expect(await run('node_modules/typescript/bin/tsc', '--project', 'examples/browser-tunnel')).toBe('')
}, 240_000)

test.skipIf(!hasChromium)(
  'browser-tunnel shows real transfers in both tabs',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'isoquic-demo-'))
    try {
      const words = ['--screenshot', '--folder', folder, '--seconds', '3']
      const output = await run('--conditions=isoquic-source', 'examples/browser-tunnel/run.ts', ...words)
      for (const name of ['browser-tunnel.png', 'browser-pipe.png']) {
        expect(output).toMatch(new RegExp(`${name}: \\d+ packets`))
        expect(readFileSync(join(folder, name)).subarray(1, 4).toString()).toBe('PNG')
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
  240_000,
)

test.skipIf(!hasChromium)(
  'webtransport-game is played with the WebTransport of browsers, and without it',
  async () => {
    const output = await run('--conditions=isoquic-source', 'examples/webtransport-game/run.ts', '--check')
    for (const name of ['chromium', 'firefox'] as const) {
      if (launchOptions(name) === undefined) continue
      expect(output).toContain(`${name}: a page with WebTransport and one without played together`)
    }
  },
  240_000,
)

test.skipIf(!hasChromium)(
  'two pages of webrtc-chat talk, and an impostor is refused',
  async () => {
    const output = await run('--conditions=isoquic-source', 'examples/webrtc-chat/run.ts', '--check')
    for (const name of ['chromium', 'firefox'] as const) {
      if (launchOptions(name) === undefined) continue
      expect(output).toContain(`${name}: two pages talked, and each knew the other\n${name}: an impostor was refused`)
    }
  },
  240_000,
)
