/**
 * One suite, four runtimes. `x.test.ts` runs in Node, Chromium, Firefox and workerd; `x.node.test.ts`, `x.browser.test.ts` and
 * `x.workerd.test.ts` only there. A browser that is not installed has no project; `npm test` says so.
 */
import { cloudflareTest } from '@cloudflare/vitest-plugin'
import { playwright } from '@vitest/browser-playwright'
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config'
import { type BrowserName, launchOptions } from './e2e/support/browsers.ts'

// As wrangler takes them: modules that are compiled, not instances.
const WASM_FILES = [{ type: 'CompiledWasm' as const, include: ['**/*.wasm'] }]

const KINDS = ['node', 'browser', 'workerd']

/** The files of one kind of runtime: the neutral ones and its own. */
function files(kind: string): { include: string[]; exclude: string[] } {
  return {
    include: [
      'src/**/*.test.ts',
      'transports/**/*.test.ts',
      'e2e/simulation/**/*.test.ts',
      'e2e/promises/**/*.test.ts',
      'e2e/**/*.node.test.ts',
    ],
    exclude: KINDS.filter((other) => other !== kind).map((other) => `**/*.${other}.test.ts`),
  }
}

function browserProject(browser: BrowserName): TestProjectInlineConfiguration[] {
  const options = launchOptions(browser)
  if (options === undefined) return []
  const provider = playwright({ launchOptions: options })
  const instances = [{ browser, name: browser }]
  const browserOptions = { enabled: true, headless: true, screenshotFailures: false, provider, instances }
  return [{ extends: true, test: { name: browser, ...files('browser'), browser: browserOptions } }]
}

export default defineConfig({
  test: {
    api: { host: '127.0.0.1' },
    // A loaded machine with few cores is slow, not broken.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // Nothing runs at a module's top level, and no test leaves anything behind: files share their workers, which halves the time.
    isolate: false,
    reporters: ['default', './e2e/support/reporter.ts'],
    projects: [
      { extends: true, test: { name: 'node', ...files('node'), environment: 'node' } },
      ...browserProject('chromium'),
      ...browserProject('firefox'),
      {
        extends: true,
        plugins: [cloudflareTest({ miniflare: { compatibilityDate: '2026-07-01', modulesRules: WASM_FILES } })],
        test: { name: 'workerd', ...files('workerd') },
      },
    ],
  },
})
