/** A queue of streams (or connections) that arrive, as a `ReadableStream` that iterates in every runtime. */
import { PassingSet } from '../base/passing-set.ts'
import { iterable } from './iterable.ts'

/** Hands out what arrives, one for each read. What ends before it is taken is to be forgotten; then the peer's limits bound what waits. */
export class IncomingStreams<T extends object> {
  #readable: (ReadableStream<T> & AsyncIterable<T>) | undefined
  readonly #refuse: (item: T) => void
  /** What nobody has taken yet. */
  #waiting: PassingSet<T> | undefined
  #controller: ReadableStreamDefaultController<T> | undefined
  /** A reader waits. */
  #wanted = false
  /** Takes what arrives, in place of those who read. */
  #consumer: ((item: T) => void) | undefined
  /** Nothing more comes. */
  #ended = false
  /** Why, unless it was a clean end. */
  #failure: { readonly reason: unknown } | undefined

  /** @param refuse is given what nobody takes any more: it arrived after the reader cancelled, or waited then. */
  constructor(refuse: (item: T) => void) {
    this.#refuse = refuse
  }

  /** The items as a stream, made when somebody asks for it: bare engines have none. */
  get readable(): ReadableStream<T> & AsyncIterable<T> {
    this.#readable ??= this.#createReadable()
    return this.#readable
  }

  /** Something has arrived. */
  push(item: T): void {
    if (this.#consumer !== undefined) return this.#consumer(item)
    if (this.#ended) return this.#refuse(item)
    this.#waiting ??= new PassingSet()
    this.#waiting.add(item)
    this.#feed()
  }

  /** Hands what waits, and what arrives from now on, to `consumer`; `undefined`: to those who read, as at first. */
  serve(consumer: ((item: T) => void) | undefined): void {
    this.#consumer = consumer
    if (consumer === undefined) return
    for (const item of this.#waiting ?? []) {
      // A consumer may put another in its place while it is called.
      if (this.#consumer === undefined) return
      this.#waiting?.delete(item)
      this.#consumer(item)
    }
    if (this.#ended) this.#close()
  }

  /** It ended before anybody took it: there is nothing left to hand out. */
  forget(item: T): void {
    this.#waiting?.delete(item)
  }

  /** Removes and returns what waits. */
  takeAll(): T[] {
    const waiting = [...(this.#waiting ?? [])]
    this.#waiting = undefined
    return waiting
  }

  /** Nothing more will come; what waits can still be read. */
  close(): void {
    if (this.#ended) return
    this.#ended = true
    if (this.#isEmpty) this.#close()
  }

  /** Nothing more will come, for a reason, and what waits is worth nothing. */
  error(reason: unknown): void {
    if (this.#ended) return
    this.#ended = true
    this.#waiting = undefined
    this.#failure = { reason }
    this.#controller?.error(reason)
    this.#controller = undefined
  }

  get #isEmpty(): boolean {
    return this.#waiting === undefined || this.#waiting.size === 0
  }

  #createReadable(): ReadableStream<T> & AsyncIterable<T> {
    const readable = new ReadableStream<T>(
      {
        start: (controller) => {
          this.#controller = controller
        },
        pull: () => {
          this.#wanted = true
          this.#feed()
        },
        cancel: () => {
          this.#ended = true
          this.#controller = undefined
          for (const item of this.#waiting ?? []) this.#refuse(item)
          this.#waiting = undefined
        },
      },
      { highWaterMark: 0 },
    )
    if (this.#failure !== undefined) this.#controller?.error(this.#failure.reason)
    else if (this.#ended && this.#isEmpty) this.#close()
    return iterable(readable)
  }

  #feed(): void {
    if (!this.#wanted) return
    const [item] = this.#waiting ?? []
    if (item === undefined) return
    this.#waiting?.delete(item)
    this.#wanted = false
    this.#controller?.enqueue(item)
    if (this.#ended && this.#isEmpty) this.#close()
  }

  #close(): void {
    this.#controller?.close()
    this.#controller = undefined
  }
}
