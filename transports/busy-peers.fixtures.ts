/** Transports that give each peer a connected socket with the first datagram. */
import { BusyPeers, type BusyPeersSettings, type ConnectableSocket } from './busy-peers.ts'
import { UdpTransport } from './udp.ts'
import { bindBeside, bindShareable, type SocketSettings } from './udp-socket.ts'

export const LOCAL: SocketSettings = {
  family: 4,
  address: '127.0.0.1',
  port: 0,
  ipv6Only: false,
  reusePort: false,
  receiveBufferSize: 1 << 20,
  sendBufferSize: 1 << 20,
}
export const EVERYWHERE: SocketSettings = { ...LOCAL, family: 6, address: '::' }

/** Linux with Node 22.12 can. */
export function isPossible(settings: SocketSettings): boolean {
  const main = bindShareable(settings)
  const beside = main && bindBeside(settings, main.local.port)
  main?.close()
  beside?.close()
  return beside !== undefined
}

/** A transport on which a peer is busy with its first datagram, unless `settings` say otherwise. */
export function busyTransport(
  local: SocketSettings = LOCAL,
  settings: Partial<BusyPeersSettings> = {},
  wrap: (socket: ConnectableSocket) => ConnectableSocket = (socket) => socket,
): UdpTransport {
  const main = bindShareable(local)
  if (main === undefined) throw new Error('The system shares no ports')
  const reach = local.family === 4 ? 'ipv4' : 'both'
  const open = (): ConnectableSocket | undefined => {
    const socket = bindBeside(local, main.local.port)
    return socket && wrap(socket)
  }
  return new UdpTransport(main, reach, {}, (listener) => {
    return new BusyPeers(main, open, listener, { limit: 8, busy: 1, period: 60_000, ...settings })
  })
}
