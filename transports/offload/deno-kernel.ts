/** Linux through `Deno.dlopen`. One of Deno's threads waits for readiness in epoll_wait(2) for as long as there are sockets. */
import { Epoll, EVENT_SIZE, MAX_EVENTS, readEvent, type StartWaiting, WAKE } from './epoll.ts'
import type { Kernel } from './kernel.ts'
import { type CLibrary, kernelOf } from './system-calls.ts'

interface DenoFunction {
  readonly parameters: readonly string[]
  readonly result: string
  readonly nonblocking?: boolean
}

/** A pointer as Deno has it. */
type Pointer = object | null

/** What is used of Deno. */
export interface DenoHost {
  dlopen<K extends string>(path: string, symbols: Record<K, DenoFunction>): { readonly symbols: Record<K, DenoCall> }
  readonly UnsafePointer: { of(buffer: ArrayBuffer): Pointer; value(pointer: Pointer): number | bigint }
  readonly UnsafePointerView: { getInt32(pointer: Pointer): number }
  readonly permissions: { querySync(descriptor: { readonly name: 'net' }): { readonly state: string } }
}

// Each name stands for what its signature says; Deno's own types tell more, and are not at hand here.
type DenoCall = (...values: (number | Uint8Array | null)[]) => never

const INT = 'i32'
const BUFFER = 'buffer'

const CALLS = {
  socket: { parameters: [INT, INT, INT], result: INT },
  setsockopt: { parameters: [INT, INT, INT, BUFFER, INT], result: INT },
  bind: { parameters: [INT, BUFFER, INT], result: INT },
  getsockname: { parameters: [INT, BUFFER, BUFFER], result: INT },
  sendmsg: { parameters: [INT, BUFFER, INT], result: INT },
  recvmmsg: { parameters: [INT, BUFFER, INT, INT, 'pointer'], result: INT },
  close: { parameters: [INT], result: INT },
  epoll_create1: { parameters: [INT], result: INT },
  epoll_ctl: { parameters: [INT, INT, INT, BUFFER], result: INT },
  epoll_wait: { parameters: [INT, BUFFER, INT, INT], result: INT, nonblocking: true },
  eventfd: { parameters: [INT, INT], result: INT },
  __errno_location: { parameters: [], result: 'pointer' },
} as const

/** @throws where the process may not use foreign functions, or has another C library. */
export function denoKernel(host: DenoHost): Kernel {
  const { symbols } = host.dlopen('libc.so.6', CALLS)
  const errno: Pointer = symbols.__errno_location()
  const library: CLibrary = {
    ...symbols,
    recvmmsg: (fd, messages, count, flags) => symbols.recvmmsg(fd, messages, count, flags, null),
    errno: () => host.UnsafePointerView.getInt32(errno),
    addressOf: (buffer) => Number(host.UnsafePointer.value(host.UnsafePointer.of(buffer))),
  }
  const epoll = new Epoll(symbols, (...all) => void wait(symbols.epoll_wait, ...all))
  return kernelOf(library, (fd, watcher) => epoll.add(fd, watcher))
}

async function wait(
  epollWait: (...values: (number | Uint8Array)[]) => Promise<number>,
  ...[epoll, onEvents, onEnd]: Parameters<StartWaiting>
): Promise<void> {
  const events = new Uint8Array(MAX_EVENTS * EVENT_SIZE)
  for (;;) {
    const count = await epollWait(epoll, events, MAX_EVENTS, -1)
    onEvents(events, count)
    for (let i = 0; i < count; i++) if (readEvent(events, i).id === WAKE) return onEnd()
  }
}
