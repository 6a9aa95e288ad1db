/**
 * Messages between a page and its worker: calls that are answered, news that is not, and a signal that follows its call. What
 * else the two say to each other on the same port is passed over.
 */
import { type Deferred, deferred } from '../api/signal.ts'
import { decodeError, type ErrorRecord, encodeError } from './worker-errors.ts'

/** A `Worker`, a `MessagePort`, or a worker's own global scope, as far as they are used. */
export interface MessageEnd {
  postMessage(message: unknown, transfer: Transferable[]): void
  addEventListener(type: string, listener: (event: Event) => void): void
  removeEventListener(type: string, listener: (event: Event) => void): void
  /** Of a port. */
  start?(): void
}

/** What receives the messages of the other end. Each is about an object, named by a number. */
export interface ChannelHandler {
  onTold(object: number, what: string, args: readonly unknown[]): void
  onCalled?(object: number, what: string, args: readonly unknown[], signal: AbortSignal): unknown
}

/** How a call is made. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  readonly transfer?: Transferable[] | undefined
}

type Message =
  | { readonly kind: 'tell'; readonly object: number; readonly what: string; readonly args: readonly unknown[] }
  | {
      readonly kind: 'call'
      readonly id: number
      readonly object: number
      readonly what: string
      readonly args: readonly unknown[]
    }
  | { readonly kind: 'abort'; readonly id: number }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly error: ErrorRecord }

/** Ours, among whatever else goes through the port. */
const MARK = 'isoquic'

/** One end of the channel. */
export class Channel {
  readonly #port: MessageEnd
  readonly #handler: ChannelHandler
  readonly #waiting = new Map<number, Deferred<unknown>>()
  readonly #running = new Map<number, AbortController>()
  readonly #listener = (event: Event): void => this.#onMessage((event as MessageEvent<unknown>).data)
  #calls = 0
  #canTransfer = true
  #end: { readonly error: Error } | undefined

  constructor(port: MessageEnd, handler: ChannelHandler) {
    this.#port = port
    this.#handler = handler
    port.addEventListener('message', this.#listener)
    port.start?.()
  }

  /** Why there is nobody at the other end any more. */
  get error(): Error | undefined {
    return this.#end?.error
  }

  /** Says something about `object`. Silent after the end. @throws TypeError for what cannot be cloned */
  tell(object: number, what: string, args: readonly unknown[] = [], transfer: Transferable[] = []): void {
    if (this.#end === undefined) this.#post({ kind: 'tell', object, what, args }, transfer)
  }

  /** Asks for something, and fulfils with the answer. A signal rejects at once with its reason, and is passed on. */
  call(object: number, what: string, args: readonly unknown[] = [], options: CallOptions = {}): Promise<unknown> {
    const { signal, transfer = [] } = options
    const answer = deferred<unknown>()
    if (this.#end !== undefined) answer.reject(this.#end.error)
    else if (signal?.aborted === true) answer.reject(signal.reason)
    else this.#ask({ kind: 'call', id: ++this.#calls, object, what, args }, answer, signal, transfer)
    return answer.promise
  }

  /** There is nobody at the other end any more: whoever waits hears so. */
  end(error: Error): void {
    if (this.#end !== undefined) return
    this.#end = { error }
    this.#port.removeEventListener('message', this.#listener)
    for (const each of this.#waiting.values()) each.reject(error)
    for (const each of this.#running.values()) each.abort(error)
    this.#waiting.clear()
    this.#running.clear()
  }

  #ask(
    message: Extract<Message, { kind: 'call' }>,
    answer: Deferred<unknown>,
    signal: AbortSignal | undefined,
    transfer: Transferable[],
  ): void {
    const { id } = message
    try {
      this.#post(message, transfer)
    } catch (error) {
      return answer.reject(error)
    }
    this.#waiting.set(id, answer)
    if (signal === undefined) return
    const abort = (): void => {
      this.#waiting.delete(id)
      answer.reject(signal.reason)
      if (this.#end === undefined) this.#post({ kind: 'abort', id }, [])
    }
    signal.addEventListener('abort', abort, { once: true })
    const forget = (): void => signal.removeEventListener('abort', abort)
    answer.promise.then(forget, forget)
  }

  #post(message: Message, transfer: Transferable[]): void {
    try {
      this.#hand({ [MARK]: message }, transfer)
    } catch (error) {
      if ((error as Error).name !== 'DataCloneError') throw error
      const what = message.kind === 'tell' || message.kind === 'call' ? message.what : message.kind
      throw new TypeError(
        `What is handed to ${what} must cross to a worker; functions do not, and are given where it is served: ${(error as Error).message}`,
      )
    }
  }

  #hand(message: unknown, transfer: Transferable[]): void {
    if (this.#canTransfer && transfer.length > 0) {
      try {
        return this.#port.postMessage(message, transfer)
      } catch (error) {
        if ((error as Error).name === 'DataCloneError') throw error
        // Some hosts copy what others hand over.
        this.#canTransfer = false
      }
    }
    this.#port.postMessage(message, [])
  }

  #onMessage(data: unknown): void {
    const message = (data as { readonly [MARK]?: Message } | undefined)?.[MARK]
    if (message === undefined) return
    switch (message.kind) {
      case 'tell':
        return this.#handler.onTold(message.object, message.what, message.args)
      case 'call':
        return void this.#answer(message)
      case 'abort':
        return this.#running.get(message.id)?.abort()
      case 'answer':
        return this.#take(message.id)?.resolve(message.value)
      case 'failure':
        return this.#take(message.id)?.reject(decodeError(message.error))
    }
  }

  #take(id: number): Deferred<unknown> | undefined {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    return waiting
  }

  async #answer({ id, object, what, args }: Extract<Message, { kind: 'call' }>): Promise<void> {
    const controller = new AbortController()
    this.#running.set(id, controller)
    try {
      const value = await this.#handler.onCalled?.(object, what, args, controller.signal)
      if (this.#end === undefined) this.#post({ kind: 'answer', id, value }, [])
    } catch (error) {
      if (this.#end === undefined) this.#post({ kind: 'failure', id, error: encodeError(error) }, [])
    } finally {
      this.#running.delete(id)
    }
  }
}
