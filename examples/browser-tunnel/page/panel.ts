/** One tab: plots, packets and facts of one connection at a time, with the buttons that move it. */
import type { QuicConnection } from 'isoquic'
import { transfer } from '../transfer.ts'
import { Plots } from './plots.ts'
import { Recorder } from './recorder.ts'

/** ms between two points of the plots. */
const INTERVAL = 100

const ROWS = 60

const ARROWS = { sent: '→', received: '←', lost: '×' } as const

/** A tab of the page; `root` is its element, `open` makes a connection that `recorder` watches. */
export class Panel {
  readonly #root: HTMLElement
  readonly #open: (recorder: Recorder) => Promise<QuicConnection>
  readonly #plots: Plots
  #recorder = new Recorder()
  #connection: QuicConnection | undefined
  #running = 0

  constructor(root: HTMLElement, open: (recorder: Recorder) => Promise<QuicConnection>) {
    this.#root = root
    this.#open = open
    this.#plots = new Plots(this.#find('.plots'))
    this.#on('.up', (megabytes) => this.#transfer({ up: megabytes * 1e6, down: 0 }))
    this.#on('.down', (megabytes) => this.#transfer({ up: 0, down: megabytes * 1e6 }))
    this.#on('.qlog', () => this.#download())
    this.#on('.again', () => this.connect())
    setInterval(() => this.#draw(), INTERVAL)
  }

  /** Closes what there is, and connects. */
  async connect(): Promise<void> {
    const former = this.#connection
    this.#connection = undefined
    await former?.close()
    this.#recorder = new Recorder()
    this.#plots.clear()
    this.#say('connecting')
    try {
      const began = performance.now()
      const connection = await this.#open(this.#recorder)
      this.#connection = connection
      this.#fact('handshake', `${(performance.now() - began).toFixed(0)} ms`)
      this.#fact('version', `QUIC v${connection.version === 1 ? 1 : 2}`)
      this.#say('connected')
      connection.closed.then(
        () => this.#connection === connection && this.#say('closed'),
        (error: Error) => this.#connection === connection && this.#say('closed', error.message),
      )
    } catch (error) {
      this.#say('failed', error instanceof Error ? error.message : String(error))
    }
  }

  async #transfer(wish: { up: number; down: number }): Promise<void> {
    if (this.#connection === undefined) return
    this.#running += 1
    this.#say('transferring')
    try {
      await transfer(this.#connection, wish)
    } catch (error) {
      this.#say('failed', error instanceof Error ? error.message : String(error))
      return
    } finally {
      this.#running -= 1
    }
    if (this.#running === 0) this.#say('connected')
  }

  #draw(): void {
    if (this.#root.hidden) return
    const recorder = this.#recorder
    const sample = recorder.sample()
    if (sample !== undefined) this.#plots.add(sample)
    this.#fact('packets', recorder.packets.toLocaleString('en'))
    this.#fact('lost', recorder.lost.toLocaleString('en'))
    const rows = recorder.rows.slice(-ROWS).reverse()
    this.#find('tbody').replaceChildren(
      ...rows.map(({ time, direction, type, number, size, frames }) => {
        const row = document.createElement('tr')
        row.className = direction
        const cells = [
          (time / 1000).toFixed(3),
          ARROWS[direction],
          direction === 'lost' ? 'lost' : type,
          number < 0 ? '' : String(number),
          size === 0 ? '' : String(size),
          frames,
        ]
        row.append(...cells.map((text) => Object.assign(document.createElement('td'), { textContent: text })))
        return row
      }),
    )
  }

  #download(): void {
    const url = URL.createObjectURL(this.#recorder.qlogFile())
    Object.assign(document.createElement('a'), { href: url, download: 'isoquic.sqlog' }).click()
    setTimeout(() => URL.revokeObjectURL(url), 1000)
  }

  #say(state: string, why = ''): void {
    const badge = this.#find('.state')
    badge.textContent = state
    badge.dataset['state'] = state
    badge.title = why
    this.#fact('error', why)
  }

  #fact(name: string, text: string): void {
    const element = this.#root.querySelector(`[data-fact="${name}"]`)
    if (element !== null) element.textContent = text
  }

  #on(selector: string, act: (value: number) => unknown): void {
    for (const button of this.#root.querySelectorAll<HTMLElement>(selector)) {
      button.addEventListener('click', () => void act(Number(button.dataset['megabytes'] ?? 0)))
    }
  }

  #find(selector: string): HTMLElement {
    const element = this.#root.querySelector<HTMLElement>(selector)
    if (element === null) throw new Error(`The page has no ${selector}`)
    return element
  }
}
