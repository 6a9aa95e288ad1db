/** Linux through `bun:ffi`. A worker waits for readiness in epoll_wait(2) for as long as there are sockets. */
import { Epoll, EVENT_SIZE, MAX_EVENTS, type StartWaiting, WAKE } from './epoll.ts'
import type { Kernel } from './kernel.ts'
import { type CLibrary, kernelOf } from './system-calls.ts'

interface BunFunction {
  readonly args: readonly string[]
  readonly returns: string
}

// Each name stands for what its signature says; Bun's own types tell more, and are not at hand here.
type BunCall = (...values: (number | Uint8Array | null)[]) => number

/** What is used of the module. */
export interface BunFfi {
  dlopen<K extends string>(path: string, symbols: Record<K, BunFunction>): { readonly symbols: Record<K, BunCall> }
  ptr(buffer: ArrayBuffer): number
  readonly read: { i32(pointer: number, offset: number): number }
}

const INT = 'i32'
const POINTER = 'ptr'
const LIBRARY = 'libc.so.6'

const CALLS = {
  socket: { args: [INT, INT, INT], returns: INT },
  setsockopt: { args: [INT, INT, INT, POINTER, INT], returns: INT },
  bind: { args: [INT, POINTER, INT], returns: INT },
  getsockname: { args: [INT, POINTER, POINTER], returns: INT },
  sendmsg: { args: [INT, POINTER, INT], returns: INT },
  recvmmsg: { args: [INT, POINTER, INT, INT, POINTER], returns: INT },
  close: { args: [INT], returns: INT },
  epoll_create1: { args: [INT], returns: INT },
  epoll_ctl: { args: [INT, INT, INT, POINTER], returns: INT },
  eventfd: { args: [INT, INT], returns: INT },
  __errno_location: { args: [], returns: POINTER },
} as const

/** @throws where the process has another C library. */
export function bunKernel(ffi: BunFfi): Kernel {
  const { symbols } = ffi.dlopen(LIBRARY, CALLS)
  const errno = symbols.__errno_location()
  const library: CLibrary = {
    ...symbols,
    recvmmsg: (fd, messages, count, flags) => symbols.recvmmsg(fd, messages, count, flags, null),
    errno: () => ffi.read.i32(errno, 0),
    addressOf: (buffer) => ffi.ptr(buffer),
  }
  const epoll = new Epoll(symbols, startWaiting)
  return kernelOf(library, (fd, watcher) => epoll.add(fd, watcher))
}

/**
 * The worker's script. Its events are armed for once, so that it need not hear what became of them: it sends them and waits again.
 * Calls that a signal interrupted bring a negative count.
 */
const WAITER = `
const { dlopen } = process.getBuiltinModule('bun:ffi')
const { symbols } = dlopen('${LIBRARY}', { epoll_wait: { args: ['${INT}', '${POINTER}', '${INT}', '${INT}'], returns: '${INT}' } })
self.onmessage = ({ data: epoll }) => {
  const events = new Uint8Array(${MAX_EVENTS * EVENT_SIZE})
  const view = new DataView(events.buffer)
  for (let ends = false; !ends; ) {
    const count = symbols.epoll_wait(epoll, events, ${MAX_EVENTS}, -1)
    for (let i = 0; i < count; i++) ends ||= view.getUint32((i + 1) * ${EVENT_SIZE} - 8, true) === ${WAKE}
    if (count > 0) postMessage({ events: events.slice(0, count * ${EVENT_SIZE}), ends })
  }
}`

interface Waited {
  readonly events: Uint8Array
  readonly ends: boolean
}

const startWaiting: StartWaiting = (epoll, onEvents, onEnd) => {
  const url = URL.createObjectURL(new Blob([WAITER], { type: 'text/javascript' }))
  const worker = new Worker(url)
  worker.onmessage = ({ data }: MessageEvent<Waited>) => {
    onEvents(data.events, data.events.length / EVENT_SIZE)
    if (!data.ends) return
    worker.terminate()
    URL.revokeObjectURL(url)
    onEnd()
  }
  worker.postMessage(epoll)
}
