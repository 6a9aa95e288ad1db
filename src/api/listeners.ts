/** Listeners of events, none of which can do harm beyond the object that it listens to. */

import { checkMethods } from './checks.ts'

/** An `EventTarget` whose listeners may throw: a host would end the process for it. */
export class Listeners {
  /** Made for the first listener: bare engines have none. */
  #target: EventTarget | undefined
  /** As old as the target. */
  #guards: WeakMap<EventListenerOrEventListenerObject, EventListener> | undefined
  readonly #onError: (type: string, error: unknown) => void

  /** @param onError hears what a listener threw. */
  constructor(onError: (type: string, error: unknown) => void) {
    this.#onError = onError
  }

  /** As `EventTarget` has it. */
  add(type: string, listener: EventListenerOrEventListenerObject, options?: AddEventListenerOptions): void {
    if (typeof listener !== 'function') checkMethods(listener, 'listener', ['handleEvent'])
    this.#target ??= new EventTarget()
    this.#target.addEventListener(type, this.#guardOf(listener), options)
  }

  /** As `EventTarget` has it. */
  remove(type: string, listener: EventListenerOrEventListenerObject): void {
    this.#target?.removeEventListener(type, this.#guardOf(listener))
  }

  /** Tells everybody who listens, with `detail` as a member of the event. */
  dispatch(type: string, detail: unknown): void {
    this.#target?.dispatchEvent(Object.assign(new Event(type), { detail }))
  }

  /** The same guard for the same listener, so that it is added once and can be removed. */
  #guardOf(listener: EventListenerOrEventListenerObject): EventListener {
    const known = this.#guards?.get(listener)
    if (known !== undefined) return known
    const guard: EventListener = (event) => {
      try {
        if (typeof listener === 'function') listener(event)
        else listener.handleEvent(event)
      } catch (error) {
        this.#onError(event.type, error)
      }
    }
    this.#guards ??= new WeakMap()
    this.#guards.set(listener, guard)
    return guard
  }
}
