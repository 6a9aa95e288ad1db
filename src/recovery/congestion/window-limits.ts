/** Initial and minimum window of a loss-based controller, and how they follow the datagram size (RFC 9002 §7.2). */
import { type ControllerOptions, defaultInitialWindow, defaultMinimumWindow } from './controller.ts'

/** The bounds of a window, in bytes. */
export class WindowLimits {
  readonly #initial: number | undefined
  readonly #minimum: number | undefined
  #maxDatagramSize: number

  /** @throws RangeError for a size or window that is not a positive number of bytes. */
  constructor(options: ControllerOptions) {
    this.#initial = checked('initialWindow', options.initialWindow)
    this.#minimum = checked('minimumWindow', options.minimumWindow)
    this.#maxDatagramSize = checked('maxDatagramSize', options.maxDatagramSize) ?? 0
  }

  get maxDatagramSize(): number {
    return this.#maxDatagramSize
  }

  set maxDatagramSize(bytes: number) {
    this.#maxDatagramSize = bytes
  }

  /** The window of a path of which nothing is known. */
  get initial(): number {
    return Math.max(this.minimum, this.#initial ?? defaultInitialWindow(this.#maxDatagramSize))
  }

  /** What no congestion takes away. */
  get minimum(): number {
    return this.#minimum ?? defaultMinimumWindow(this.#maxDatagramSize)
  }
}

function checked(name: string, bytes: number | undefined): number | undefined {
  if (bytes !== undefined && !(bytes > 0 && bytes < Infinity)) {
    throw new RangeError(`${name} must be a positive number of bytes, got ${bytes}`)
  }
  return bytes
}
