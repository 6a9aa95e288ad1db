/** `isoquic/transports/bun` outside of Bun: it loads, as everything does, and says what there is instead. */
import type { bunUdp as udpOfBun } from './bun.ts'

/** Rejects with a TypeError: pages and Workers have no UDP sockets. */
export const bunUdp: typeof udpOfBun = async () => {
  throw new TypeError(
    'This runtime is not Bun, and has no UDP sockets: use isoquic/transports/websocket with a gateway',
  )
}
