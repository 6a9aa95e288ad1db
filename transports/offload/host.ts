/** Finds the way that this host has to the kernel, if it is one that offload works with. */
import { isMainThread } from 'node:worker_threads'
import type { SocketSettings, UdpSocket } from '../udp-socket.ts'
import { type BunFfi, bunKernel } from './bun-kernel.ts'
import { type DenoHost, denoKernel } from './deno-kernel.ts'
import type { Kernel } from './kernel.ts'
import { type NodeFfi, nodeKernel } from './node-kernel.ts'
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
 * process forbid it, and in worker threads: one that is terminated could not take back what an event loop or a waiter holds.
 */
export function hostKernel(): Kernel | undefined {
  if (isSought) return found
  isSought = true
  if (process.platform !== 'linux' || !ARCHITECTURES.includes(process.arch) || !isMainThread) return undefined
  try {
    found = openKernel()
  } catch {
    // Not allowed, or another C library: the host's own sockets do.
  }
  return found
}

// System calls ask nobody, but a process that may not use the network shall not.
function openKernel(): Kernel | undefined {
  const { Deno: deno } = globalThis as { Deno?: DenoHost }
  if (deno !== undefined)
    return deno.permissions.querySync({ name: 'net' }).state === 'granted' ? denoKernel(deno) : undefined
  const bun = builtin('bun:ffi')
  if (bun !== undefined) return bunKernel(bun as BunFfi)
  const { permission } = process as { permission?: { has(scope: string): boolean } }
  const node = permission?.has('net') === false ? undefined : builtin('node:ffi')
  return node === undefined ? undefined : nodeKernel(node as NodeFfi)
}

/** A module of the host that no bundler needs to know of. */
function builtin(name: string): unknown {
  return process.getBuiltinModule?.(name)
}
