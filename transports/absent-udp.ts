/** `isoquic/transports/udp` where there is no UDP: it loads, as everything does, and says what there is instead. */
import type { udp as udpOfNode } from './udp.ts'

/** Rejects with a TypeError: pages and Workers have no UDP sockets. */
export const udp: typeof udpOfNode = async () => {
  throw new TypeError(
    'This runtime has no UDP sockets: use isoquic/transports/websocket with a gateway, or isoquic/transports/cloudflare-socket in Workers',
  )
}
