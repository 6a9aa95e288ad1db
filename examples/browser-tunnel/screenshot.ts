/** The page in a headless Chromium: waits for real transfers, and writes what is to be seen. */
import { join } from 'node:path'
import { chromium, type Page } from 'playwright'
import { launchOptions } from '../../e2e/support/browsers.ts'

/** ms: a loaded machine is slow, not broken. */
const PATIENCE = 90_000

/** Writes `browser-tunnel.png` and `browser-pipe.png` into `folder` after `length` ms each. Fails where the plots would show no transfer. */
export async function takeScreenshots(origin: string, folder: string, length: number): Promise<void> {
  const browser = await chromium.launch({ ...launchOptions('chromium') })
  try {
    await take(await open(`${origin}/#tunnel`, 'light'), '#tunnel', join(folder, 'browser-tunnel.png'), length)
    await take(await open(`${origin}/#pipe`, 'dark'), '#pipe', join(folder, 'browser-pipe.png'), length)
  } finally {
    await browser.close()
  }

  async function open(url: string, colorScheme: 'light' | 'dark'): Promise<Page> {
    const page = await browser.newPage({ viewport: { width: 1440, height: 740 }, colorScheme, deviceScaleFactor: 1.5 })
    page.setDefaultTimeout(PATIENCE)
    await page.goto(url)
    return page
  }
}

async function take(page: Page, tab: string, path: string, length: number): Promise<void> {
  const fact = async (name: string): Promise<string> =>
    (await page.textContent(`${tab} [data-fact="${name}"], ${tab} .${name}`)) ?? ''
  await page.waitForSelector(`${tab} .state[data-state="connected"]`)
  await page.click(`${tab} .up`)
  const end = Date.now() + length
  let isUp = true
  for (let turn = 0; Date.now() < end; turn++) {
    await page.waitForTimeout(250)
    if (tab === '#pipe' && turn === 24) await page.fill('input[name=loss]', '1')
    // One after the other, so that both directions are to be seen.
    if ((await fact('state')) !== 'connected') continue
    isUp = !isUp
    await page.click(isUp ? `${tab} .up` : `${tab} .down`)
  }
  const packets = Number((await fact('packets')).replaceAll(',', ''))
  const error = await fact('error')
  if (!(packets > 500) || error !== '') throw new Error(`${tab} shows no transfer: ${packets} packets; ${error}`)
  await page.screenshot({ path })
  console.log(`${path}: ${packets} packets`)
  await page.close()
}
