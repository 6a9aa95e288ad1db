/**
 * What a socket with segmentation offload asks of Linux: a handful of system calls and to be told of readiness. Hosts reach them
 * through their foreign function interfaces, each in a file of its own; tests stand in for the kernel. Structures are laid out as
 * on any 64-bit little-endian Linux.
 */

/** System calls. What fails returns the negative of an {@link Errno}; none of them blocks or throws. */
export interface Kernel {
  /** socket(2), of datagrams. */
  socket(family: number): number
  /** setsockopt(2), for options that are an `int`. */
  setOption(fd: number, level: number, name: number, value: number): number
  /** bind(2). */
  bind(fd: number, address: Uint8Array): number
  /** getsockname(2). */
  localName(fd: number, into: Uint8Array): number
  /** sendmsg(2), of a `struct msghdr`. Returns bytes. */
  send(fd: number, message: Uint8Array): number
  /** recvmmsg(2), into the first `count` of an array of `struct mmsghdr`. Returns messages. */
  receive(fd: number, messages: Uint8Array, count: number): number
  /** close(2). */
  close(fd: number): void
  /** Where the memory of a buffer begins. It stays there for as long as the buffer is neither collected nor detached. */
  addressOf(buffer: ArrayBuffer): number
  /**
   * Watches a socket for what is asked of the result.
   * @throws where the host cannot
   */
  watch(fd: number, watcher: Watcher): Watch
  /** Calls `task` in a later turn of the event loop. */
  defer(task: () => void): void
}

/** Hears that a socket is ready, in a turn of its own. Its methods do not throw. */
export interface Watcher {
  onReadable(): void
  onWritable(): void
}

/** A socket that is being watched; it keeps the process alive. */
export interface Watch {
  /** Tells `onReadable` once, when something can be read; also at once. */
  awaitReadable(): void
  /** Tells `onWritable` once, when there is room. */
  awaitWritable(): void
  /** Tells nothing any more. The socket may be closed right after. */
  close(): void
}

/** Errors of system calls that are told apart. */
export const Errno = {
  EINTR: 4,
  EIO: 5,
  EBADF: 9,
  EAGAIN: 11,
  EINVAL: 22,
  ENOTSOCK: 88,
  EMSGSIZE: 90,
  EOPNOTSUPP: 95,
} as const

/** Address families. */
export const AF_INET = 2
export const AF_INET6 = 10

/** Levels of options and of control messages, and their names there. */
export const SOL_SOCKET = 1
export const SO_SNDBUF = 7
export const SO_RCVBUF = 8
export const SO_REUSEPORT = 15
export const IPPROTO_IP = 0
export const IP_TOS = 1
export const IP_MTU_DISCOVER = 10
export const IP_RECVTOS = 13
export const IPPROTO_IPV6 = 41
export const IPV6_MTU_DISCOVER = 23
export const IPV6_V6ONLY = 26
export const IPV6_RECVTCLASS = 66
export const IPV6_TCLASS = 67
export const SOL_UDP = 17
export const UDP_SEGMENT = 103
export const UDP_GRO = 104

/** Datagrams leave in one piece and are refused above the link's MTU, whatever ICMP says of the path's (RFC 9000 §14). */
export const PMTUDISC_PROBE = 3
