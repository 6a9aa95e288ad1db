/** `isoquic/transports/deno` outside of Deno: it loads, as everything does, and says what there is instead. */
import type { denoUdp as udpOfDeno } from './deno.ts'

/** Rejects with a TypeError: pages and Workers have no UDP sockets. */
export const denoUdp: typeof udpOfDeno = async () => {
  throw new TypeError(
    'This runtime is not Deno, and has no UDP sockets: use isoquic/transports/websocket with a gateway',
  )
}
