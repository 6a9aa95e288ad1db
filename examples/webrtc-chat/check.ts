/** Two headless pages talk; then a guest comes that is led to the wrong host. */
import assert from 'node:assert/strict'
import { type Browser, chromium, firefox, type Page } from 'playwright'
import { launchOptions } from '../../e2e/support/browsers.ts'

/** ms: a loaded machine is slow, not broken. */
const PATIENCE = 90_000

/** Rejects where something is not as the README says, in any of the browsers that are installed. */
export async function check(origin: string): Promise<void> {
  for (const engine of [chromium, firefox]) {
    const name = engine === chromium ? 'chromium' : 'firefox'
    const options = launchOptions(name)
    if (options === undefined) continue
    await checkIn(name, await engine.launch({ ...options }), origin)
  }
}

async function checkIn(name: string, browser: Browser, origin: string): Promise<void> {
  const open = async (url: string): Promise<Page> => {
    const page = await browser.newPage()
    page.setDefaultTimeout(PATIENCE)
    await page.goto(url)
    return page
  }
  try {
    const host = await open(origin)
    await host.waitForSelector('#invitation:not([hidden])')
    const invitation = (await host.textContent('#link')) ?? ''
    const guest = await open(invitation)
    await host.click('#accept')
    await guest.waitForSelector('text=both keys are proven')
    await send(guest, 'Is this you?', host)
    await send(host, 'Who else has this key?', guest)
    console.log(`${name}: two pages talked, and each knew the other`)

    const other = await open(origin)
    await other.waitForSelector('#invitation:not([hidden])')
    const pin = new URL((await other.textContent('#link')) ?? '').hash.slice(1)
    // A signalling server that leads guests of one host to another is found out by the key.
    const wanted = invitation.slice(-64)
    const misled = await browser.newPage()
    misled.setDefaultTimeout(PATIENCE)
    await misled.route(`**/letters/${wanted}`, (route) => route.continue({ url: `${origin}/letters/${pin}` }))
    await misled.goto(invitation)
    await other.click('#accept')
    await misled.waitForSelector('text=/pin|certificate/i')
    console.log(`${name}: an impostor was refused: ${(await misled.textContent('#status'))?.split(':')[0]}`)
  } finally {
    await browser.close()
  }
}

async function send(from: Page, text: string, to: Page): Promise<void> {
  await from.fill('#text', text)
  await from.press('#text', 'Enter')
  await to.waitForSelector(`#messages .other:has-text("${text}")`)
  assert.equal(await to.textContent('#messages .other:last-child'), text)
}
