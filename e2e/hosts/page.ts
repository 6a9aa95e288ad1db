/** A page that runs one module, served on loopback, and what of it can be called from here. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BrowserName } from '../support/browsers.ts'
import type { Stage } from './contract.ts'

/** A page at work. */
export interface HostPage {
  /** Calls the global function of that name with plain data; rejects with what it throws. */
  call<T>(name: string, argument?: unknown): Promise<T>
  /** Gives the page a global function that is called here. */
  expose(name: string, call: (argument: string) => Promise<string>): Promise<void>
  close(): Promise<void>
}

/** Opens a page of `browser` that runs `module`, and `files` (path to source) beside it. */
export async function openPage(
  stage: Stage,
  browser: BrowserName,
  module: string,
  files: ReadonlyMap<string, string> = new Map(),
): Promise<HostPage> {
  const server = createServer((request, response) => {
    const path = request.url ?? '/'
    const source = path === '/program.js' ? module : files.get(path.slice(1))
    response.setHeader('content-type', source === undefined ? 'text/html' : 'text/javascript')
    response.end(
      source ??
        '<!doctype html><title>isoquic</title><link rel="icon" href="data:,"><script type="module" src="/program.js"></script>',
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const context = await (await stage.browser(browser)).newContext()
  const page = await context.newPage()
  let complaint: Error | undefined
  page.on('pageerror', (error) => {
    complaint ??= error
  })
  const close = async (): Promise<void> => {
    await context.close()
    server.closeAllConnections()
    server.close()
  }
  try {
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { waitUntil: 'load' })
    if (complaint !== undefined) throw complaint
  } catch (error) {
    await close()
    throw error
  }
  return {
    call: (name, argument) =>
      page.evaluate(([key, given]) => Reflect.get(globalThis, key)(given), [name, argument] as const),
    expose: (name, call) => page.exposeFunction(name, call).then(() => undefined),
    close,
  }
}
