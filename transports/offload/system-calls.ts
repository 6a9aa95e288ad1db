/** The system calls of `kernel.ts` out of functions of the C library, however the host calls those. */
import { setImmediate } from 'node:timers'
import type { Kernel } from './kernel.ts'

/** Functions of the C library. They return what those return; lengths and descriptors fit 32 bits. */
export interface CLibrary {
  socket(family: number, type: number, protocol: number): number
  setsockopt(fd: number, level: number, name: number, value: Uint8Array, length: number): number
  bind(fd: number, address: Uint8Array, length: number): number
  getsockname(fd: number, into: Uint8Array, length: Uint8Array): number
  sendmsg(fd: number, message: Uint8Array, flags: number): number
  /** Without its last argument, which is a null pointer. */
  recvmmsg(fd: number, messages: Uint8Array, count: number, flags: number): number
  close(fd: number): number
  /** Why the call before failed. */
  errno(): number
  addressOf(buffer: ArrayBuffer): number
}

const SOCK_DGRAM = 2
const SOCK_NONBLOCK = 0x800
const SOCK_CLOEXEC = 0x80000
const MSG_DONTWAIT = 0x40

/** The kernel, by a host's way to the C library and to readiness. */
export function kernelOf(library: CLibrary, watch: Kernel['watch']): Kernel {
  const int = new Int32Array(new ArrayBuffer(4))
  const intBytes = new Uint8Array(int.buffer)
  const orErrno = (result: number): number => (result < 0 ? -library.errno() : result)
  return {
    socket: (family) => orErrno(library.socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
    setOption(fd, level, name, value) {
      int[0] = value
      return orErrno(library.setsockopt(fd, level, name, intBytes, 4))
    },
    bind: (fd, address) => orErrno(library.bind(fd, address, address.length)),
    localName(fd, into) {
      int[0] = into.length
      return orErrno(library.getsockname(fd, into, intBytes))
    },
    send: (fd, message) => orErrno(library.sendmsg(fd, message, MSG_DONTWAIT)),
    receive: (fd, messages, count) => orErrno(library.recvmmsg(fd, messages, count, MSG_DONTWAIT)),
    close: (fd) => void library.close(fd),
    addressOf: (buffer) => library.addressOf(buffer),
    watch,
    defer: (task) => void setImmediate(task),
  }
}
