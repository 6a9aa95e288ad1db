/** `isoquic/transports/tcp` where there are no sockets of Node: it loads, as everything does, and says what there is instead. */
import type { tcp as tcpOfNode } from './tcp.ts'

/** Rejects with a TypeError: pages and Workers have no sockets of Node. */
export const tcp: typeof tcpOfNode = async () => {
  throw new TypeError(
    'This runtime has no TCP sockets of Node: use isoquic/transports/cloudflare-socket in Workers, isoquic/transports/websocket in pages',
  )
}
