/** A stream in a worker whose page has it. */
import type { DeadlineOptions, QuicStream, ResetAtOptions } from '../api/stream.ts'
import type { StreamPriority } from '../streams/scheduler.ts'
import type { Channel } from './worker-channel.ts'
import { encodeError } from './worker-errors.ts'
import type { StreamFacts } from './worker-protocol.ts'

/** Bytes read at once. */
const CHUNK = 65_536

/** One stream of the worker. */
export class ServedStream {
  readonly object: number
  readonly #channel: Channel
  readonly #stream: QuicStream
  readonly #canRead: boolean
  readonly #canWrite: boolean
  readonly #queue: Uint8Array[] = []
  #credit = 0
  #isReading = false
  #writing: Promise<void> | undefined
  #sendError: unknown

  constructor(channel: Channel, object: number, stream: QuicStream, isOurs: boolean) {
    this.object = object
    this.#channel = channel
    this.#stream = stream
    this.#canRead = stream.direction === 'bidirectional' || !isOurs
    this.#canWrite = stream.direction === 'bidirectional' || isOurs
  }

  get facts(): StreamFacts {
    const { id, direction, priority, sendOrder } = this.#stream
    const [canRead, canWrite] = [this.#canRead, this.#canWrite]
    return { object: this.object, id, direction, canRead, canWrite, priority, sendOrder }
  }

  /** Tells the page of the end, when it comes. */
  async whenClosed(): Promise<void> {
    try {
      await this.#stream.closed
      this.#channel.tell(this.object, 'closed')
    } catch (error) {
      this.#channel.tell(this.object, 'closed', [encodeError(error)])
    }
  }

  /** The page has gone. */
  abort(): void {
    this.#stream.abort()
  }

  onTold(what: string, args: readonly unknown[]): void {
    const stream = this.#stream
    switch (what) {
      case 'credit':
        this.#credit += args[0] as number
        return void this.#read()
      case 'data':
        this.#queue.push(args[0] as Uint8Array)
        return void this.#write()
      case 'finish':
        return void this.#write().then(() => stream.finish())
      case 'reset':
        this.#queue.length = 0
        return stream.reset(args[0] as bigint)
      case 'resetAt':
        return void this.#resetAt(args[0] as ResetAtOptions)
      case 'stopSending':
        return stream.stopSending(args[0] as bigint)
      case 'priority':
        stream.priority = args[0] as StreamPriority
        return
      case 'sendOrder':
        stream.sendOrder = args[0] as number
        return
      case 'setDeadline':
        return stream.setDeadline(args[0] as number, args[1] as DeadlineOptions)
      case 'clearDeadline':
        return stream.clearDeadline()
    }
  }

  async onCalled(what: string, _args: readonly unknown[], signal: AbortSignal): Promise<unknown> {
    if (what === 'getStats') return this.#stream.getStats()
    if (what !== 'close') throw new TypeError(`A stream has no ${what}`)
    await this.#write()
    if (this.#sendError !== undefined) throw this.#sendError
    return this.#stream.close({ signal })
  }

  /** Hands on what there is, as long as the page takes it. */
  async #read(): Promise<void> {
    if (this.#isReading) return
    this.#isReading = true
    const scratch = new Uint8Array(CHUNK)
    try {
      while (this.#credit > 0) {
        const length = this.#stream.read(scratch.subarray(0, this.#credit))
        if (length < 0) return this.#channel.tell(this.object, 'end')
        if (length === 0) {
          await this.#stream.whenReadable()
          continue
        }
        this.#credit -= length
        const bytes = scratch.slice(0, length)
        this.#channel.tell(this.object, 'data', [bytes], [bytes.buffer])
      }
    } catch (error) {
      this.#channel.tell(this.object, 'receiveError', [encodeError(error)])
    } finally {
      this.#isReading = false
    }
  }

  /** Fulfils when all that the page has written so far is with the stream, or never will be. */
  #write(): Promise<void> {
    this.#writing ??= this.#drain().finally(() => {
      this.#writing = undefined
    })
    return this.#writing
  }

  async #drain(): Promise<void> {
    try {
      for (let [chunk] = this.#queue; chunk !== undefined; [chunk] = this.#queue) {
        const { length } = chunk
        for (let at = 0; at < length; at += this.#stream.tryWrite(chunk.subarray(at))) {
          await this.#stream.whenWritable()
        }
        this.#queue.shift()
        this.#channel.tell(this.object, 'taken', [length])
      }
    } catch (error) {
      this.#fail(error)
    }
  }

  async #resetAt(options: ResetAtOptions): Promise<void> {
    await this.#write()
    try {
      this.#stream.resetAt(options)
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    this.#queue.length = 0
    this.#sendError = error
    this.#channel.tell(this.object, 'sendError', [encodeError(error)])
  }
}
