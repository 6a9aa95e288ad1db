/** A port that several sockets may share, kept until they are bound. */
import { type UdpTransport, udp } from '../../../transports/udp.ts'

/** The host lets no two sockets share a port, which takes SO_REUSEPORT: Linux or FreeBSD, and Node 22.12, 23.1 or newer. */
export class SharedPortError extends Error {
  override readonly name: string = 'SharedPortError'
}

/**
 * Binds `port` such that workers can bind it as well. While it is open, it takes a share of what arrives, and loses it.
 * @returns a transport with the address; to be closed when the workers are bound.
 * @throws (as a rejection) {@link SharedPortError}; the system's error where somebody else has the port, whoever it is.
 */
export async function holdPort(host: string | undefined, port: number): Promise<UdpTransport> {
  const where = host === undefined ? {} : { host }
  // Another cluster of the same user would share its port without a word.
  const alone = await udp({ ...where, port, connectedPeers: 0 })
  alone.close()
  const shared = { ...where, port: alone.port, reusePort: true }
  let hold: UdpTransport | undefined
  try {
    hold = await udp(shared)
    const second = await udp(shared)
    second.close()
    return hold
  } catch (cause) {
    hold?.close()
    throw new SharedPortError(
      `Several workers at port ${alone.port} take SO_REUSEPORT, which this host (Node ${process.versions.node}, ${process.platform}) has not: serve with a single process`,
      { cause },
    )
  }
}
