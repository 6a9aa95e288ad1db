/**
 * Linux through Node's `node:ffi` (Node 26.1 on, experimental). Readiness comes from the event loop itself: a `uv_poll_t` in it, as
 * addons have. Every pointer that is handed out belongs to memory that outlives its use: the loop frees a handle when it has closed it.
 */
import type { Kernel, Watch, Watcher } from './kernel.ts'
import { type CLibrary, kernelOf } from './system-calls.ts'

/** What is used of the module; `pointer` of a function is its address. */
export interface NodeFfi {
  readonly DynamicLibrary: new (path: string | undefined | null) => NodeLibrary
  getCurrentEventLoop(): bigint
  getRawPointer(source: ArrayBuffer): bigint
  getInt32(pointer: bigint): number
}

interface Signature {
  readonly arguments: readonly string[]
  readonly return: string
}

interface NodeLibrary {
  getFunctions<K extends string>(signatures: Record<K, Signature>): Record<K, NodeFunction>
  registerCallback(signature: Signature, callback: (...values: never[]) => void): bigint
}

interface NodeFunction {
  // What comes back is a number, but for pointers and 64-bit integers.
  (...values: (number | bigint | Uint8Array)[]): number
  readonly pointer: bigint
}

const INT = 'int32'
const POINTER = 'pointer'
const BUFFER = 'buffer'

/** Lengths fit 32 bits, so that none comes back as a `bigint`. */
const CALLS = {
  socket: { arguments: [INT, INT, INT], return: INT },
  setsockopt: { arguments: [INT, INT, INT, BUFFER, INT], return: INT },
  bind: { arguments: [INT, BUFFER, INT], return: INT },
  getsockname: { arguments: [INT, BUFFER, BUFFER], return: INT },
  sendmsg: { arguments: [INT, BUFFER, INT], return: INT },
  recvmmsg: { arguments: [INT, BUFFER, INT, INT, POINTER], return: INT },
  close: { arguments: [INT], return: INT },
  free: { arguments: [POINTER], return: 'void' },
} as const

const ADDRESSES = {
  __errno_location: { arguments: [], return: POINTER },
  calloc: { arguments: ['uint64', 'uint64'], return: POINTER },
  uv_handle_size: { arguments: [INT], return: 'uint64' },
} as const

const LOOP = {
  uv_poll_init: { arguments: [POINTER, POINTER, INT], return: INT },
  uv_poll_start: { arguments: [POINTER, INT, POINTER], return: INT },
  uv_poll_stop: { arguments: [POINTER], return: INT },
  uv_close: { arguments: [POINTER, POINTER], return: 'void' },
} as const

const UV_POLL = 8
const READABLE = 1
const WRITABLE = 2

/** @throws where the process may not use foreign functions, or its C library lacks one. */
export function nodeKernel(ffi: NodeFfi): Kernel {
  // The process itself: its C library, and its libuv.
  const library = new ffi.DynamicLibrary(null)
  const calls = library.getFunctions(CALLS)
  const addresses = library.getFunctions(ADDRESSES) as unknown as Record<keyof typeof ADDRESSES, AddressFunction>
  const errno = addresses.__errno_location()
  const polls = new Polls(
    ffi,
    library,
    () => addresses.calloc(1n, addresses.uv_handle_size(UV_POLL)),
    calls.free.pointer,
  )
  const cLibrary: CLibrary = {
    ...calls,
    recvmmsg: (fd, messages, count, flags) => calls.recvmmsg(fd, messages, count, flags, 0n),
    errno: () => ffi.getInt32(errno),
    addressOf: (buffer) => Number(ffi.getRawPointer(buffer)),
  }
  return kernelOf(cLibrary, (fd, watcher) => polls.add(fd, watcher))
}

/** Functions whose results are addresses or sizes of 64 bits. */
type AddressFunction = (...values: (number | bigint)[]) => bigint

/** The sockets that the event loop watches. */
class Polls {
  readonly #loop: bigint
  readonly #calls: Record<keyof typeof LOOP, NodeFunction>
  readonly #allocate: () => bigint
  /** Address of `free`. */
  readonly #free: bigint
  /** Address of the function that the loop calls. */
  readonly #onEvent: bigint
  readonly #polls = new Map<bigint, Poll>()
  readonly #closeAll = (): void => {
    for (const poll of this.#polls.values()) poll.close()
  }

  constructor(ffi: NodeFfi, library: NodeLibrary, allocate: () => bigint, free: bigint) {
    this.#loop = ffi.getCurrentEventLoop()
    this.#calls = library.getFunctions(LOOP)
    this.#allocate = allocate
    this.#free = free
    // What is called by the loop must not throw, and runs no microtasks: all else happens in a turn of its own.
    this.#onEvent = library.registerCallback(
      { arguments: [POINTER, INT, INT], return: 'void' },
      (handle: bigint, status: number, events: number) => this.#polls.get(handle)?.onEvent(status, events),
    )
  }

  /** @throws Error where the loop refuses */
  add(fd: number, watcher: Watcher): Watch {
    const handle = this.#allocate()
    if (handle === 0n) throw new Error('There is no memory for a handle of the event loop')
    if (this.#calls.uv_poll_init(this.#loop, handle, fd) !== 0) {
      // One that was not initialised is nothing to the loop; its few bytes are left alone.
      throw new Error(`The event loop does not watch socket ${fd}`)
    }
    // The loop must not call into a process that is being taken down.
    if (this.#polls.size === 0) process.on('exit', this.#closeAll)
    const start = (events: number): void => void this.#calls.uv_poll_start(handle, events, this.#onEvent)
    const close = (): void => {
      this.#polls.delete(handle)
      if (this.#polls.size === 0) process.off('exit', this.#closeAll)
      this.#calls.uv_poll_stop(handle)
      this.#calls.uv_close(handle, this.#free)
    }
    const poll = new Poll(watcher, start, close)
    this.#polls.set(handle, poll)
    return poll
  }
}

/** One socket in the loop. It is watched for reading all the while: to stop and to start would cost more than to be told in vain. */
class Poll implements Watch {
  readonly #watcher: Watcher
  readonly #start: (events: number) => void
  readonly #end: () => void
  #isStarted = false
  #awaitsReading = false
  #awaitsRoom = false
  #isClosed = false
  readonly #tellReadable = (): void => {
    if (!this.#isClosed) this.#watcher.onReadable()
  }
  readonly #tellWritable = (): void => {
    if (!this.#isClosed) this.#watcher.onWritable()
  }

  constructor(watcher: Watcher, start: (events: number) => void, end: () => void) {
    this.#watcher = watcher
    this.#start = start
    this.#end = end
  }

  awaitReadable(): void {
    this.#awaitsReading = true
    if (!this.#isStarted) this.#watch()
  }

  awaitWritable(): void {
    this.#awaitsRoom = true
    this.#watch()
  }

  /** The loop has seen something. */
  onEvent(status: number, events: number): void {
    // With an error the loop stops watching; reading tells what it is.
    if (status < 0) this.#isStarted = false
    if (this.#awaitsRoom && (status < 0 || (events & WRITABLE) !== 0)) {
      this.#awaitsRoom = false
      if (status === 0) this.#watch()
      setImmediate(this.#tellWritable)
    }
    if (this.#awaitsReading && (status < 0 || (events & READABLE) !== 0)) {
      this.#awaitsReading = false
      setImmediate(this.#tellReadable)
    }
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#end()
  }

  #watch(): void {
    if (this.#isClosed) return
    this.#isStarted = true
    this.#start(this.#awaitsRoom ? READABLE | WRITABLE : READABLE)
  }
}
