/**
 * The single file in QuickJS, compiled to WebAssembly: a JavaScript engine that has no clock, no timer, no randomness, no
 * streams and no `TextEncoder`. Whatever the library asks for is handed in, so it asks for nothing else.
 */
import { readFileSync } from 'node:fs'
import { getQuickJS, type QuickJSContext, type QuickJSHandle } from 'quickjs-emscripten'

/** What the guest may do to the host. */
export interface GuestHost {
  /** A datagram leaves the guest. */
  send(bytes: Uint8Array): void
  /** The guest is done, or has failed. */
  report(text: string): void
}

/** A module that runs in QuickJS, with `isoquic` as its import. */
export class Guest {
  readonly #context: QuickJSContext
  readonly #timers = new Set<ReturnType<typeof setTimeout>>()
  #isDisposed = false

  private constructor(context: QuickJSContext) {
    this.#context = context
  }

  /** Starts `program`, which finds the library as the module `isoquic` and its host in globals. */
  static async start(bundle: string, program: string, host: GuestHost): Promise<Guest> {
    const runtime = (await getQuickJS()).newRuntime()
    runtime.setModuleLoader((name) =>
      name === 'isoquic' || name.endsWith('isoquic.min.js')
        ? readFileSync(bundle, 'utf8')
        : { error: new Error(`There is no ${name}`) },
    )
    const context = runtime.newContext()
    const guest = new Guest(context)
    guest.#expose(host)
    guest.#settle(context.evalCode(program, 'program.mjs', { type: 'module' }))
    return guest
  }

  /** Calls the guest's global function of that name. */
  call(name: string, bytes: Uint8Array): void {
    if (this.#isDisposed) return
    const context = this.#context
    const callee = context.getProp(context.global, name)
    const argument = context.newArrayBuffer(Uint8Array.from(bytes).buffer)
    this.#settle(context.callFunction(callee, context.undefined, argument))
    argument.dispose()
    callee.dispose()
  }

  dispose(): void {
    this.#isDisposed = true
    for (const timer of this.#timers) clearTimeout(timer)
    // What the guest still holds goes with its memory.
    this.#context.runtime.setInterruptHandler(() => true)
  }

  #expose(host: GuestHost): void {
    const context = this.#context
    const bytesOf = (handle: QuickJSHandle | undefined): Uint8Array => {
      if (handle === undefined) return new Uint8Array(0)
      const lifetime = context.getArrayBuffer(handle)
      const bytes = Uint8Array.from(lifetime.value)
      lifetime.dispose()
      return bytes
    }
    this.#define('hostNow', () => context.newNumber(performance.now()))
    this.#define('hostWallClock', () => context.newNumber(Date.now()))
    this.#define('hostRandom', (length) => {
      const bytes = crypto.getRandomValues(new Uint8Array(length === undefined ? 0 : context.getNumber(length)))
      return context.newArrayBuffer(bytes.buffer)
    })
    this.#define('hostTimer', (delay) => {
      const timer = setTimeout(
        () => {
          this.#timers.delete(timer)
          this.call('onTimer', new Uint8Array(0))
        },
        delay === undefined ? 0 : context.getNumber(delay),
      )
      this.#timers.add(timer)
      return context.undefined
    })
    this.#define('hostSend', (bytes) => {
      host.send(bytesOf(bytes))
      return context.undefined
    })
    this.#define('hostReport', (text) => {
      host.report(text === undefined ? '' : context.getString(text))
      return context.undefined
    })
  }

  #define(name: string, call: (argument: QuickJSHandle | undefined) => QuickJSHandle): void {
    const context = this.#context
    const handle = context.newFunction(name, (argument?: QuickJSHandle) => call(argument))
    context.setProp(context.global, name, handle)
    handle.dispose()
  }

  /** Runs the promises that became due; a failure of the guest is the host's. */
  #settle(result: ReturnType<QuickJSContext['evalCode']>): void {
    const context = this.#context
    context.unwrapResult(result).dispose()
    const pending = context.runtime.executePendingJobs()
    if (pending.error !== undefined) context.unwrapResult(pending as never)
    pending.dispose()
  }
}
