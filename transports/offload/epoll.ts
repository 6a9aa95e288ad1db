/**
 * Readiness by epoll(7), for hosts whose event loops watch no descriptors of others: somebody waits in epoll_wait(2) off the main
 * thread and tells what happened. Each socket is armed for one event at a time (EPOLLONESHOT), so that nobody has to answer.
 */
import type { Watch, Watcher } from './kernel.ts'

/** Functions of the C library, as in `system-calls.ts`. */
export interface EpollLibrary {
  epoll_create1(flags: number): number
  epoll_ctl(epoll: number, operation: number, fd: number, event: Uint8Array): number
  eventfd(value: number, flags: number): number
  close(fd: number): number
}

/** Waits in epoll_wait(2) elsewhere, and hands over what it brings, each time in a turn of its own, until there is an event of {@link WAKE}. */
export type StartWaiting = (
  epoll: number,
  onEvents: (events: Uint8Array, count: number) => void,
  onEnd: () => void,
) => void

/** The event that ends the waiting. */
export const WAKE = 0
/** Events that are taken at once. */
export const MAX_EVENTS = 64

const EPOLL_CLOEXEC = 0x80000
const ADD = 1
const DELETE = 2
const MODIFY = 3
const READABLE = 0x001
const WRITABLE = 0x004
const ONE_SHOT = 0x4000_0000

/** Bytes of `struct epoll_event`, which is packed on x86 alone, and where its data begins. */
const IS_PACKED = process.arch === 'x64'
export const EVENT_SIZE: number = IS_PACKED ? 12 : 16
const DATA: number = IS_PACKED ? 4 : 8

/** The number that an event was armed with, and what happened. */
export function readEvent(events: Uint8Array, index: number): { readonly id: number; readonly happened: number } {
  const view = new DataView(events.buffer, events.byteOffset + index * EVENT_SIZE, EVENT_SIZE)
  return { id: view.getUint32(DATA, true), happened: view.getUint32(0, true) }
}

/** Descriptors that are open while somebody waits. */
interface Session {
  readonly epoll: number
  readonly bell: number
}

/** The sockets that are watched. While there are any, somebody waits. */
export class Epoll {
  readonly #library: EpollLibrary
  readonly #startWaiting: StartWaiting
  readonly #event = new Uint8Array(new ArrayBuffer(EVENT_SIZE))
  readonly #view = new DataView(this.#event.buffer)
  readonly #sockets = new Map<number, EpollWatch>()
  #session: Session | undefined
  #nextId = WAKE + 1

  constructor(library: EpollLibrary, startWaiting: StartWaiting) {
    this.#library = library
    this.#startWaiting = startWaiting
  }

  /** @throws Error where the system refuses */
  add(fd: number, watcher: Watcher): Watch {
    this.#session ??= this.#open()
    const { epoll } = this.#session
    const id = this.#nextId
    this.#nextId = (this.#nextId % 0xffff_ffff) + 1
    if (!this.#control(epoll, ADD, fd, id, ONE_SHOT)) {
      this.#endIfIdle()
      throw new Error(`The system does not watch socket ${fd}`)
    }
    const arm = (events: number): void => void this.#control(epoll, MODIFY, fd, id, events | ONE_SHOT)
    const end = (): void => {
      this.#sockets.delete(id)
      this.#control(epoll, DELETE, fd, id, 0)
      this.#endIfIdle()
    }
    const watch = new EpollWatch(watcher, arm, end)
    this.#sockets.set(id, watch)
    return watch
  }

  #open(): Session {
    const library = this.#library
    const epoll = library.epoll_create1(EPOLL_CLOEXEC)
    // Readable from the beginning: it rings as soon as it is watched.
    const bell = library.eventfd(1, EPOLL_CLOEXEC)
    const close = (): void => {
      for (const fd of [epoll, bell]) if (fd >= 0) library.close(fd)
    }
    if (epoll < 0 || bell < 0) {
      close()
      throw new Error('The system has no descriptors left')
    }
    this.#startWaiting(epoll, (events, count) => this.#onEvents(events, count), close)
    return { epoll, bell }
  }

  /** Where nothing is watched any more, whoever waits shall stop. */
  #endIfIdle(): void {
    if (this.#session === undefined || this.#sockets.size > 0) return
    this.#control(this.#session.epoll, ADD, this.#session.bell, WAKE, READABLE)
    this.#session = undefined
  }

  #onEvents(events: Uint8Array, count: number): void {
    for (let i = 0; i < count; i++) {
      const { id, happened } = readEvent(events, i)
      this.#sockets.get(id)?.onEvent(happened)
    }
  }

  #control(epoll: number, operation: number, fd: number, id: number, events: number): boolean {
    this.#view.setUint32(0, events, true)
    this.#view.setUint32(DATA, id, true)
    return this.#library.epoll_ctl(epoll, operation, fd, this.#event) === 0
  }
}

class EpollWatch implements Watch {
  readonly #watcher: Watcher
  readonly #arm: (events: number) => void
  readonly #end: () => void
  #awaited = 0
  #isClosed = false

  constructor(watcher: Watcher, arm: (events: number) => void, end: () => void) {
    this.#watcher = watcher
    this.#arm = arm
    this.#end = end
  }

  awaitReadable(): void {
    this.#await(READABLE)
  }

  awaitWritable(): void {
    this.#await(WRITABLE)
  }

  onEvent(happened: number): void {
    // Errors and ends are for whoever waits: the next call tells.
    const told = (happened & (READABLE | WRITABLE)) === 0 ? this.#awaited : happened & this.#awaited
    this.#awaited &= ~told
    if (this.#awaited !== 0) this.#arm(this.#awaited)
    if ((told & WRITABLE) !== 0) this.#watcher.onWritable()
    if ((told & READABLE) !== 0 && !this.#isClosed) this.#watcher.onReadable()
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#end()
  }

  #await(event: number): void {
    if (this.#isClosed) return
    this.#awaited |= event
    this.#arm(this.#awaited)
  }
}
