/** QUIC in the datagrams of a WebTransport session: for research, and for whoever has a server that hands them on. */
import type { DatagramTransport } from '../src/transport.ts'
import { fromStreams } from './datagram-streams.ts'

/** A WebTransport session (W3C), as far as it is used: a browser's, or any other. */
export interface WebTransportLike {
  readonly ready: Promise<unknown>
  readonly datagrams: {
    readonly readable: ReadableStream<Uint8Array>
    readonly writable?: WritableStream<Uint8Array>
    createWritable?(): WritableStream<Uint8Array>
    readonly maxDatagramSize: number
    /** ms */
    outgoingMaxAge?: number | null
    /** Datagrams that wait to be read, before the oldest is dropped. */
    incomingMaxBufferedDatagrams?: number
  }
  close(): void
}

/** ms that a datagram may wait: about a round trip; what is older QUIC has given up. */
const OUTGOING_MAX_AGE = 100

/** Datagrams that may wait to be read: sessions begin with one, of a burst all but the last would be lost to a busy page. */
const INCOMING_BUFFER = 1024

/**
 * A transport over the datagrams of `session`, once it is ready. The session belongs to the transport from then on.
 *
 * @throws (as a rejection) RangeError where the session's datagrams are smaller than QUIC needs, which is common: Chromium
 * begins with 1,024 bytes.
 */
export async function webtransport(session: WebTransportLike): Promise<DatagramTransport> {
  await session.ready
  const { datagrams } = session
  const writable = datagrams.createWritable?.() ?? datagrams.writable
  if (writable === undefined) throw new TypeError('The session has no writable side of its datagrams')
  datagrams.outgoingMaxAge = OUTGOING_MAX_AGE
  // By its name of before, `incomingHighWaterMark`, Deno 2 has it too, and delivers nothing once it is set.
  const { incomingMaxBufferedDatagrams: most } = datagrams
  if (most !== undefined) datagrams.incomingMaxBufferedDatagrams = Math.max(most, INCOMING_BUFFER)
  return fromStreams<Uint8Array, Uint8Array>({
    readable: datagrams.readable,
    writable,
    bytesOf: (chunk) => chunk,
    chunkOf: (bytes) => bytes,
    close: () => session.close(),
    maxDatagramSize: () => datagrams.maxDatagramSize,
    properties: { congestionControlled: true, addressValidated: true },
    name: 'WebTransport session',
  })
}
