/** What pages have in common: WebSockets that can be taken away, and SHA-256. */

/** Hands out a constructor, and remembers what it made. */
export class LosableWebSockets {
  readonly #made: WebSocket[] = []
  /** For the option `WebSocket`. */
  readonly Constructor: typeof WebSocket

  constructor() {
    const made = this.#made
    this.Constructor = class extends WebSocket {
      constructor(url: string | URL, protocols?: string | string[]) {
        super(url, protocols)
        made.push(this)
      }
    }
  }

  /** Closes the newest. */
  lose(): void {
    this.#made.at(-1)?.close()
  }
}

/** SHA-256, as pages and Workers have it. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
}
