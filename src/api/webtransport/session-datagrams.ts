/**
 * The datagrams of one session between its core and the platform's streams: what writers have given waits here in the order
 * that W3C asks for, and goes down as far as there is room; what has come waits in the core until it is read.
 */
import { Deque } from '../../base/deque.ts'
import { DEFAULT_OUTGOING_AGE } from '../../streams/datagram-queue.ts'
import { type DatagramSettings, datagramSettings } from '../../streams/datagram-settings.ts'
import type { Session } from '../../webtransport/session.ts'
import { iterable } from '../iterable.ts'
import { type Deferred, deferred } from '../signal.ts'
import { WebTransportDatagramsWritable } from './datagrams-writable.ts'
import { invalidState } from './error.ts'
import type { WebTransportSendGroup } from './send-group.ts'
import type { SendOrdering } from './send-stream.ts'
import { bufferSource } from './values.ts'

/** What datagrams need of their session. */
export interface SessionDatagramsHost {
  /** Whether it has ended. */
  readonly isOver: boolean
  now(): number
  /** The connection has something to do. */
  wake(): void
  /** Whether the group is none, or of this session. @throws TypeError for what is no group */
  isOwn(group: unknown): boolean
  /** What stands for the group, or for none. */
  innerOf(group: WebTransportSendGroup | null): object
}

/** Before the session is open, bytes. */
const FIRST_SIZE = 1024

/** Datagrams that wait below, where no order holds any more. */
const DEPTH = 32

interface WaitingDatagram {
  readonly bytes: Uint8Array
  readonly since: number
  readonly done: Deferred<void>
}

/** What one writable has taken and not given down. */
interface Outgoing extends SendOrdering {
  readonly waiting: Deque<WaitingDatagram>
  controller: WritableStreamDefaultController | undefined
  writer: WritableStreamDefaultWriter<Uint8Array> | undefined
  writable: WebTransportDatagramsWritable | undefined
  /** The application has closed it; what waits is sent all the same. */
  isClosed: boolean
}

/** The datagrams of one session. */
export class SessionDatagrams {
  readonly #host: SessionDatagramsHost
  readonly #isBytes: boolean
  readonly #outgoing = new Set<Outgoing>()
  /** The group whose turn was last. */
  #lastGroup: object | undefined
  #session: Session | undefined
  #settings: DatagramSettings = datagramSettings({})
  #maxBuffered: number
  #expired = 0
  #readable: ReadableStream<Uint8Array> | undefined
  #reader: ReadableStreamController<Uint8Array> | undefined
  #wanted: Deferred<void> | undefined
  #end: { readonly error: unknown; readonly isClean: boolean } | undefined

  /** @param isBytes whether the readable is a byte stream. */
  constructor(host: SessionDatagramsHost, isBytes: boolean) {
    this.#host = host
    this.#isBytes = isBytes
    this.#maxBuffered = this.#settings.outgoingHighWaterMark
  }

  /** The session is open. */
  start(session: Session): void {
    this.#session = session
    this.#configure({})
    this.#pump()
    this.#feed()
  }

  get readable(): ReadableStream<Uint8Array> {
    this.#readable ??= this.#createReadable()
    return this.#readable
  }

  get maxDatagramSize(): number {
    return this.#session?.maxDatagramSize ?? FIRST_SIZE
  }

  /** As the application set them; `outgoingHighWaterMark` is that of each writable. */
  get settings(): DatagramSettings {
    return { ...this.#settings, outgoingHighWaterMark: this.#maxBuffered }
  }

  /** Changes some of them. @throws TypeError, RangeError */
  configure(changes: { readonly [K in keyof DatagramSettings]?: DatagramSettings[K] }): void {
    this.#maxBuffered = changes.outgoingHighWaterMark ?? this.#maxBuffered
    this.#configure(changes)
    for (const each of this.#outgoing) this.#release(each)
    this.#pump()
  }

  /** Datagrams that were too old before they could be given down. */
  get expiredOutgoing(): number {
    return this.#expired
  }

  createWritable(sendGroup: WebTransportSendGroup | null, sendOrder: number): WebTransportDatagramsWritable {
    const outgoing: Outgoing = {
      sendGroup,
      sendOrder,
      waiting: new Deque(),
      controller: undefined,
      writer: undefined,
      writable: undefined,
      isClosed: false,
    }
    const sink: UnderlyingSink<Uint8Array> = {
      start: (controller) => {
        outgoing.controller = controller
        this.#outgoing.add(outgoing)
      },
      write: (chunk) => this.#write(outgoing, chunk),
      close: () => {
        outgoing.isClosed = true
        if (outgoing.waiting.length === 0) this.#outgoing.delete(outgoing)
      },
      abort: () => {
        this.#drop(outgoing)
        this.#outgoing.delete(outgoing)
      },
    }
    const writable = new WebTransportDatagramsWritable(sink, this.#orderingOf(outgoing), (writer) => {
      outgoing.writer = writer
    })
    outgoing.writable = writable
    return writable
  }

  /** There is something to read. */
  onReadable(): void {
    this.#feed()
  }

  /** There is room below. */
  onWritable(): void {
    this.#pump()
  }

  /** The session is over. */
  end(error: unknown, isClean: boolean): void {
    if (this.#end !== undefined) return
    this.#end = { error, isClean }
    for (const outgoing of this.#outgoing) {
      this.#drop(outgoing)
      if (isClean) closeWritable(outgoing, error)
      else outgoing.controller?.error(error)
    }
    this.#outgoing.clear()
    this.#endReadable()
    this.#wanted?.resolve()
  }

  #configure(changes: { readonly [K in keyof DatagramSettings]?: DatagramSettings[K] }): void {
    this.#settings = datagramSettings(
      { ...changes, outgoingHighWaterMark: Math.min(DEPTH, this.#maxBuffered) },
      this.#settings,
    )
    if (this.#end === undefined) this.#session?.configureDatagrams(this.#settings, this.#host.now())
  }

  #orderingOf(outgoing: Outgoing): SendOrdering {
    const { isOwn } = { isOwn: (group: unknown) => this.#host.isOwn(group) }
    return {
      get sendGroup() {
        return outgoing.sendGroup
      },
      set sendGroup(group) {
        if (!isOwn(group)) throw invalidState('sendGroup must be of the same session')
        outgoing.sendGroup = group
      },
      get sendOrder() {
        return outgoing.sendOrder
      },
      set sendOrder(order) {
        outgoing.sendOrder = order
      },
    }
  }

  // ── What we send ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Its age begins with the write. One that is too long is dropped without a word. */
  #write(outgoing: Outgoing, chunk: unknown): Promise<void> | undefined {
    const bytes = bufferSource(chunk, 'A datagram').slice()
    if (this.#end !== undefined || bytes.length > this.maxDatagramSize) return undefined
    const done = deferred<void>()
    outgoing.waiting.push({ bytes, since: this.#host.now(), done })
    this.#pump()
    if (outgoing.waiting.length < this.#maxBuffered) done.resolve()
    return done.promise
  }

  /** Gives down what there is room for, in turn for the groups, and of each what has the highest order. */
  #pump(): void {
    const session = this.#session
    if (session === undefined || this.#end !== undefined) return
    const now = this.#host.now()
    for (let outgoing = this.#next(now); outgoing !== undefined; outgoing = this.#next(now)) {
      if (!session.hasDatagramRoom) {
        session.wantDatagramRoom()
        break
      }
      const datagram = outgoing.waiting.shift()
      if (datagram === undefined) break
      this.#lastGroup = this.#host.innerOf(outgoing.sendGroup)
      // The path may have become narrower.
      if (datagram.bytes.length <= session.maxDatagramSize) {
        session.sendDatagram(datagram.bytes, now, datagram.since + this.#maxAge - now)
      }
      datagram.done.resolve()
      this.#release(outgoing)
    }
    this.#host.wake()
  }

  get #maxAge(): number {
    return this.#settings.outgoingMaxAge ?? DEFAULT_OUTGOING_AGE
  }

  /** Whose turn it is. */
  #next(now: number): Outgoing | undefined {
    for (const outgoing of this.#outgoing) {
      this.#expire(outgoing, now)
      if (this.#outgoing.size === 1) return outgoing.waiting.length > 0 ? outgoing : undefined
    }
    const best = new Map<object, Outgoing>()
    for (const outgoing of this.#outgoing) {
      if (outgoing.waiting.length === 0) continue
      const group = this.#host.innerOf(outgoing.sendGroup)
      const rival = best.get(group)
      if (rival === undefined || outgoing.sendOrder > rival.sendOrder) best.set(group, outgoing)
    }
    const groups = [...best.keys()]
    const after = this.#lastGroup === undefined ? 0 : groups.indexOf(this.#lastGroup) + 1
    const group = groups[after % groups.length]
    return group === undefined ? undefined : best.get(group)
  }

  #expire(outgoing: Outgoing, now: number): void {
    for (let first = outgoing.waiting.peek(); first !== undefined; first = outgoing.waiting.peek()) {
      if (now - first.since <= this.#maxAge) break
      outgoing.waiting.shift()
      this.#expired += 1
      first.done.resolve()
    }
    this.#release(outgoing)
  }

  /** Lets the writer go on where few enough wait. */
  #release(outgoing: Outgoing): void {
    const { waiting, isClosed } = outgoing
    if (waiting.length < this.#maxBuffered) waiting.at(waiting.length - 1)?.done.resolve()
    if (isClosed && waiting.length === 0) this.#outgoing.delete(outgoing)
  }

  #drop(outgoing: Outgoing): void {
    for (let first = outgoing.waiting.shift(); first !== undefined; first = outgoing.waiting.shift())
      first.done.resolve()
  }

  // ── What comes ────────────────────────────────────────────────────────────────────────────────────────────────────

  #createReadable(): ReadableStream<Uint8Array> {
    const source = {
      start: (controller: ReadableStreamController<Uint8Array>) => {
        this.#reader = controller
        if (this.#end !== undefined) this.#endReadable()
      },
      pull: (controller: ReadableStreamController<Uint8Array>) => this.#pull(controller),
      cancel: () => {
        this.#reader = undefined
        this.#wanted?.resolve()
      },
    }
    if (!this.#isBytes) return iterable(new ReadableStream<Uint8Array>(source, { highWaterMark: 0 }))
    const bytes = new ReadableStream({ ...source, type: 'bytes' } as UnderlyingByteSource, { highWaterMark: 0 })
    return iterable(bytes)
  }

  /** Fulfils when a datagram was read, or none will come any more. */
  async #pull(controller: ReadableStreamController<Uint8Array>): Promise<void> {
    while (this.#reader !== undefined && this.#end === undefined) {
      const bytes = this.#session?.readDatagram(this.#host.now())
      // An empty chunk cannot be told in a byte stream: W3C loses such datagrams there.
      if (bytes !== undefined && !(this.#isBytes && bytes.length === 0)) return give(controller, bytes)
      if (bytes !== undefined) continue
      this.#wanted ??= deferred<void>()
      await this.#wanted.promise
    }
  }

  #feed(): void {
    this.#wanted?.resolve()
    this.#wanted = undefined
  }

  #endReadable(): void {
    const reader = this.#reader
    this.#reader = undefined
    if (reader === undefined) return
    if (this.#end?.isClean !== true) return reader.error(this.#end?.error)
    reader.close()
    // A reader with a buffer of its own gets it back.
    if ('byobRequest' in reader) reader.byobRequest?.respond(0)
  }
}

/** @throws RangeError for a reader's buffer that is too short. (How large its elements are, W3C's other question, a source does not see.) */
function give(controller: ReadableStreamController<Uint8Array>, bytes: Uint8Array): void {
  const request = 'byobRequest' in controller ? controller.byobRequest : null
  const view = request?.view ?? null
  if (request === null || view === null) return controller.enqueue(bytes as Uint8Array<ArrayBuffer>)
  if (view.byteLength < bytes.length) {
    throw new RangeError(`A datagram has ${bytes.length} bytes, the reader's buffer ${view.byteLength}`)
  }
  new Uint8Array(view.buffer, view.byteOffset, bytes.length).set(bytes)
  request.respond(bytes.length)
}

/** Closes a writable that may be in other hands: by its writer, and where that is not ours to know, it fails. */
function closeWritable({ writable, writer, controller }: Outgoing, error: unknown): void {
  if (writable?.locked === false) return void writable.close().catch(() => {})
  try {
    // Where the writer was released, somebody pipes.
    void writer?.desiredSize
    if (writer !== undefined) return void writer.close().catch(() => {})
  } catch {}
  controller?.error(error)
}
