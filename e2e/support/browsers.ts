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
  firefoxUserPrefs?: Readonly<Record<string, boolean>>
}

/**
 * Browsers offer WebRTC names of multicast DNS in place of this machine's addresses, and find each other's a second later, or never:
 * Firefox left 197 of 626 such names unanswered, asked for as they were as soon as it had told them; Chromium asks once, answers for a
 * name once a second, and Firefox takes ICE for failed after five. Of 749 cases that they played with each other 6 came to nothing.
 * So addresses are shown: Chromium shows them to pages that may hear a microphone. (`--disable-features` would undo Playwright's own.)
 */
const SHOWN_ADDRESSES = {
  chromium: '--use-fake-ui-for-media-stream',
  firefox: { 'media.peerconnection.ice.obfuscate_host_addresses': false },
} as const

/**
 * What Chromium may say in place of the code of STOP_SENDING: its page hears now of the code first, now that the pipe to the
 * network process is closed (e2e/interop/PEERS.md).
 */
export const CHROMIUM_INSTEAD_OF_STOP_CODE = 'NetworkError: The stream was aborted by the remote server'

// A page of tests needs no network but loopback; root (containers) cannot have Chromium's sandbox.
const CHROMIUM_ARGS = [
  SHOWN_ADDRESSES.chromium,
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
  const firefoxUserPrefs = SHOWN_ADDRESSES.firefox
  // A distribution's Firefox is driven over WebDriver BiDi, which is what the channel stands for; Playwright's own build has its own protocol.
  const system = firstExisting([process.env['ISOQUIC_FIREFOX'], '/usr/bin/firefox-esr', '/usr/bin/firefox'])
  if (system !== undefined) return { executablePath: system, channel: 'moz-firefox', firefoxUserPrefs }
  const own = firstExisting([firefox.executablePath()])
  return own === undefined ? undefined : { executablePath: own, firefoxUserPrefs }
}

function firstExisting(paths: readonly (string | undefined)[]): string | undefined {
  return paths.find((path) => path !== undefined && path !== '' && existsSync(path))
}
