/** Finds the way that this host has to the kernel, if it is one that offload works with. */
import { isMainThread } from 'node:worker_threads'
import type { SocketSettings, UdpSocket } from '../udp-socket.ts'
import type { Kernel } from './kernel.ts'
import { nodeKernel } from './node-kernel.ts'
import { bindOffloadSocket } from './offload-socket.ts'

/** Processors whose Linux lays structures out as `kernel.ts` says. */
const ARCHITECTURES: readonly string[] = ['x64', 'arm64']

let found: Kernel | undefined
let isSought = false

/** Binds a socket with offload; `undefined` where that is not to be had, be it for an error that any other socket would meet. */
export function hostSocket(settings: SocketSettings): UdpSocket | undefined {
  const kernel = hostKernel()
  if (kernel === undefined) return undefined
  try {
    return bindOffloadSocket(kernel, settings)
  } catch {
    return undefined
  }
}

/**
 * The kernel, looked for once; `undefined` where there is no Linux or no foreign function interface, where the permissions of the
 * process forbid it, and in the worker threads of Node: a thread that is terminated could not take back what its event loop holds.
 */
export function hostKernel(): Kernel | undefined {
  if (isSought) return found
  isSought = true
  if (process.platform !== 'linux' || !ARCHITECTURES.includes(process.arch)) return undefined
  try {
    found = openKernel()
  } catch {
    // Not allowed, or another C library: the host's own sockets do.
  }
  return found
}

function openKernel(): Kernel | undefined {
  // System calls ask nobody, but a process that may not use the network shall not.
  const { permission } = process as { permission?: { has(scope: string): boolean } }
  if (permission?.has('net') === false) return undefined
  const ffi = isMainThread ? builtin('node:ffi') : undefined
  return ffi === undefined ? undefined : nodeKernel(ffi as Parameters<typeof nodeKernel>[0])
}

/** A module of the host that no bundler needs to know of. */
function builtin(name: string): unknown {
  return process.getBuiltinModule?.(name)
}
