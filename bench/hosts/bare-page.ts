/**
 * A page of Chromium that no debugger watches. A driver of browsers has each WebSocket message reported to it, in base64: in all
 * processes together that costs as much as the message. So the page is told what to do by HTTP, by the server that it came from.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { LaunchOptions } from '../../e2e/support/browsers.ts'

/** The page: its module, and a loop that calls what the module has put on `globalThis`. */
const DOCUMENT = `<!doctype html><link rel="icon" href="data:,"><script type="module">
import '/program.js'
for (;;) {
  const { name, argument } = await (await fetch('/task')).json()
  const outcome = await globalThis[name](argument).then((value) => ({ value }), (error) => ({ error: String(error?.stack ?? error) }))
  await fetch('/outcome', { method: 'POST', body: JSON.stringify(outcome) })
}
</script>`

/** A headless page counts as one in the background, which waits for all others. */
const FOREGROUND = ['--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows']

type Outcome = { readonly value: unknown } | { readonly error: string }

/** A page at work, in a browser of its own. */
export class BarePage {
  readonly #server: Server
  readonly #browser: ChildProcess
  readonly #folder: string
  #task: string | undefined
  #waiting: ServerResponse | undefined
  #onOutcome: (outcome: Outcome) => void = () => {}

  private constructor(server: Server, browser: ChildProcess, folder: string) {
    this.#server = server
    this.#browser = browser
    this.#folder = folder
    browser.once('exit', (code) => this.#onOutcome({ error: `Chromium ended with ${code}` }))
  }

  /** Opens a page whose module is `code`. */
  static async open({ executablePath, args = [] }: LaunchOptions, code: string): Promise<BarePage> {
    const folder = mkdtempSync(join(tmpdir(), 'isoquic-page-'))
    const server = createServer((request, response) => void page.#answer(request, response, code))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    const flags = [...args, ...FOREGROUND, '--headless=new', `--user-data-dir=${folder}`, '--disable-gpu']
    const page = new BarePage(server, spawn(executablePath, [...flags, url], { stdio: 'ignore' }), folder)
    return page
  }

  /** Calls the function `name` of the page; fulfils with what it fulfils with. */
  call<T>(name: string, argument: unknown): Promise<T> {
    this.#task = JSON.stringify({ name, argument })
    this.#hand()
    return new Promise((resolve, reject) => {
      this.#onOutcome = (outcome) => {
        if ('error' in outcome) reject(new Error(`In the page: ${outcome.error}`))
        else resolve(outcome.value as T)
      }
    })
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#browser.once('exit', resolve))
    if (this.#browser.exitCode === null && this.#browser.kill()) await ended
    this.#server.closeAllConnections()
    this.#server.close()
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
  }

  async #answer(request: IncomingMessage, response: ServerResponse, code: string): Promise<void> {
    if (request.url === '/task') {
      this.#waiting = response
      return this.#hand()
    }
    if (request.url === '/outcome') {
      const outcome = JSON.parse((await request.toArray()).join('')) as Outcome
      response.end()
      return this.#onOutcome(outcome)
    }
    const isCode = request.url === '/program.js'
    response.setHeader('content-type', isCode ? 'text/javascript' : 'text/html')
    response.end(isCode ? code : DOCUMENT)
  }

  /** Gives the page its task, once there are both. */
  #hand(): void {
    if (this.#task === undefined || this.#waiting === undefined) return
    this.#waiting.end(this.#task)
    this.#task = undefined
    this.#waiting = undefined
  }
}
