/** Headless pages play with each other: one with the browser's WebTransport, one from which it was taken away. */
import assert from 'node:assert/strict'
import { chromium, firefox, type Page } from 'playwright'
import { launchOptions } from '../../e2e/support/browsers.ts'

/** ms: a loaded machine is slow, not broken. */
const PATIENCE = 90_000

/** Rejects where something is not as the README says, in any of the browsers that are installed. */
export async function check(origin: string): Promise<void> {
  for (const engine of [chromium, firefox]) {
    const name = engine === chromium ? 'chromium' : 'firefox'
    const options = launchOptions(name)
    if (options === undefined) continue
    const browser = await engine.launch({ ...options })
    try {
      const native = await open(await browser.newPage(), origin, 'by the browser')
      const bare = await browser.newPage()
      // A page that has no WebTransport.
      await bare.addInitScript(() => Reflect.deleteProperty(globalThis, 'WebTransport'))
      const tunnelled = await open(bare, origin, 'through the gateway')
      for (const [page, other] of [
        [native, tunnelled],
        [tunnelled, native],
      ] as const) {
        await say(page, `hello, I am ${page === native ? 'native' : 'not'}`, other)
        await moves(page, other)
      }
      console.log(`${name}: a page with WebTransport and one without played together`)
    } finally {
      await browser.close()
    }
  }
}

async function open(page: Page, origin: string, how: string): Promise<Page> {
  page.setDefaultTimeout(PATIENCE)
  await page.goto(origin)
  await page.waitForFunction((text) => document.getElementById('status')?.textContent === text, how)
  return page
}

async function say(from: Page, text: string, to: Page): Promise<void> {
  await from.fill('#text', text)
  await from.press('#text', 'Enter')
  await to.waitForSelector(`#messages p:has-text("${text}")`)
}

/** Moves the pointer of one page until the other has seen it there. */
async function moves(page: Page, other: Page): Promise<void> {
  const box = await page.locator('#arena').boundingBox()
  assert.ok(box)
  await page.mouse.move(box.x + box.width * 0.25, box.y + box.height * 0.75)
  await other.waitForFunction(() => {
    const others = JSON.parse(document.body.dataset['others'] ?? '[]') as [number, { x: number; y: number }][]
    return others.some(([, { x, y }]) => Math.abs(x - 0.25) < 0.02 && Math.abs(y - 0.75) < 0.02)
  })
}
