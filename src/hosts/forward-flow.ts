/** Datagrams of a UDP flow on their way to a Durable Object, and back, each a message of a WebSocket. */

import type { WebSocketLike } from '../../transports/websocket-like.ts'
import { type WorkerdUdpOptions, type WorkerdUdpSocket, workerdUdp } from '../../transports/workerd-udp.ts'

/** The stub of a Durable Object, as far as it is used. */
export interface ObjectStub {
  fetch(url: string, init: { readonly headers: Readonly<Record<string, string>> }): Promise<unknown>
}

/** Tells the object that there is UDP behind the WebSocket. */
export const FLOW_HEADER = 'isoquic-flow'

/** Carries datagrams both ways until one of the two ends. */
export async function forwardFlow(
  socket: WorkerdUdpSocket,
  stub: ObjectStub,
  protocol: string,
  options: WorkerdUdpOptions = {},
): Promise<void> {
  const transport = workerdUdp(socket, options)
  const headers = { upgrade: 'websocket', 'sec-websocket-protocol': protocol, [FLOW_HEADER]: 'udp' }
  const response = (await stub.fetch('https://object/', { headers })) as {
    readonly webSocket?: (WebSocketLike & { accept(): void }) | null
  }
  const carrier = response.webSocket
  if (carrier === undefined || carrier === null) {
    transport.close()
    throw new TypeError('The Durable Object took no WebSocket: is it a QuicDurableObject?')
  }
  carrier.binaryType = 'arraybuffer'
  await new Promise<void>((resolve) => {
    const end = (): void => {
      transport.close()
      resolve()
    }
    carrier.addEventListener('message', ({ data }) => {
      if (data instanceof ArrayBuffer) transport.send(new Uint8Array(data), '', 0)
    })
    carrier.addEventListener('close', end)
    carrier.addEventListener('error', end)
    carrier.accept()
    transport.open({
      datagram: (bytes) => {
        try {
          carrier.send(Uint8Array.from(bytes))
        } catch {
          end()
        }
      },
      drain: () => {},
      closed: (error) => {
        carrier.close(1001, error?.message.slice(0, 100) ?? 'the flow has ended')
        resolve()
      },
    })
  })
}
