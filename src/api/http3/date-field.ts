/** The field `date` of responses (RFC 9110 §6.6.1), made once a second. */

/** Knows the date. */
export class DateField {
  readonly #wallClock: () => number
  #second = -1
  #value = ''

  /** @param wallClock Unix ms. */
  constructor(wallClock: () => number) {
    this.#wallClock = wallClock
  }

  /** RFC 9110 §5.6.7. */
  get value(): string {
    const second = Math.floor(this.#wallClock() / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#value = new Date(second * 1000).toUTCString()
    }
    return this.#value
  }
}
