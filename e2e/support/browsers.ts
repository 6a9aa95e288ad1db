/** Where the browsers of this machine are, and how Playwright starts them. Debian's packages are preferred, then Playwright's own builds. */
import { existsSync } from 'node:fs'
import { chromium, firefox } from 'playwright'

/** The browsers of the suite. */
export type BrowserName = 'chromium' | 'firefox'

/** What Playwright needs to start a browser. */
export interface LaunchOptions {
  executablePath: string
  channel?: string
  args?: string[]
}

// A page of tests needs no network but loopback; root (containers) cannot have Chromium's sandbox.
const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]

/** How to start `name` here, or `undefined` where it is not installed. `ISOQUIC_CHROMIUM` and `ISOQUIC_FIREFOX` name another binary. */
export function launchOptions(name: BrowserName): LaunchOptions | undefined {
  if (name === 'chromium') {
    const executablePath = firstExisting([
      process.env['ISOQUIC_CHROMIUM'],
      '/usr/bin/chromium',
      '/usr/bin/google-chrome',
      chromium.executablePath(),
    ])
    return executablePath === undefined ? undefined : { executablePath, args: CHROMIUM_ARGS }
  }
  // A distribution's Firefox is driven over WebDriver BiDi, which is what the channel stands for; Playwright's own build has its own protocol.
  const system = firstExisting([process.env['ISOQUIC_FIREFOX'], '/usr/bin/firefox-esr', '/usr/bin/firefox'])
  if (system !== undefined) return { executablePath: system, channel: 'moz-firefox' }
  const own = firstExisting([firefox.executablePath()])
  return own === undefined ? undefined : { executablePath: own }
}

function firstExisting(paths: readonly (string | undefined)[]): string | undefined {
  return paths.find((path) => path !== undefined && path !== '' && existsSync(path))
}
