/** A page with the built page client, in a browser: what it prints is what the test reads. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { chromium, firefox } from 'playwright'
import { type BrowserName, launchOptions } from '../support/browsers.ts'

/**
 * Serves `files` (path to source) as JavaScript on loopback, opens an empty page there, and runs `script` as a module in it.
 * @param policy the page's Content-Security-Policy.
 */
export async function runInPage(
  browser: BrowserName,
  files: (path: string) => string,
  script: string,
  policy?: string,
): Promise<{ result: string; loaded: string[] }> {
  const loaded: string[] = []
  const server = createServer((request, response) => {
    const path = request.url ?? '/'
    const isPage = path === '/'
    response.setHeader('content-type', isPage ? 'text/html' : 'text/javascript')
    if (!isPage) loaded.push(path.slice(1))
    else if (policy !== undefined) response.setHeader('content-security-policy', policy)
    response.end(isPage ? '<!doctype html><title>isoquic</title><link rel="icon" href="data:,">' : files(path.slice(1)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const launched = await (browser === 'chromium' ? chromium : firefox).launch({ ...launchOptions(browser) })
  try {
    const page = await launched.newPage()
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    return { result: String(await page.evaluate(script)), loaded }
  } finally {
    await launched.close()
    server.close()
  }
}
