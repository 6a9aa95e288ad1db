/** W3C's `WebTransport`: the client's end of a session, made with a URL. */
import type { DatagramTransport } from '../../transport.ts'
import { handshake } from '../handshake.ts'
import { connectSession } from './connecting.ts'
import { checkOptions, createCore, type WebTransportOptions } from './options.ts'
import { WebTransportSession } from './session.ts'

/**
 * W3C's `WebTransport`, over any transport.
 *
 * @example
 * ```ts
 * import { WebTransport } from 'isoquic/webtransport'
 *
 * const session = new WebTransport('https://example.org:4433/chat')
 * await session.ready
 * const stream = await session.createBidirectionalStream()
 * ```
 */
export class WebTransport extends WebTransportSession {
  /**
   * Begins a session; `ready` tells what comes of it.
   * @throws SyntaxError (a `DOMException`) for a URL that is not absolute, not https: or has a fragment, and for protocols that
   * cannot be named; NotSupportedError for hashes together with `allowPooling`; TypeError for values of the wrong type
   */
  constructor(url: string | URL, options?: WebTransportOptions) {
    const checked = checkOptions(url, options, udpTransport)
    const core = createCore(checked)
    super(core, checked.congestionControl)
    void connectSession(checked, core, () => handshake)
  }

  /** Whether there are sessions over connections that are reliable: by transports that are. */
  static get supportsReliableOnly(): boolean {
    return true
  }
}

/** A socket of its own for each connection. @throws (rejects with) TypeError where the runtime has no UDP */
async function udpTransport(): Promise<DatagramTransport> {
  const { udp } = await import('#udp')
  return udp()
}
