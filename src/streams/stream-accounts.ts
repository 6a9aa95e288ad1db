/** The streams of a connection in numbers: what they have sent and received in all, and what either side may still do. */
import type { ConnectionCredit } from './connection-credit.ts'
import type { Stream } from './stream.ts'
import type { StreamLimits } from './stream-limits.ts'
import type { StreamCredit, StreamTotals } from './stream-options.ts'

/** Counts of streams that have ended, which would be gone with them. */
export class StreamAccounts {
  #bytesAcknowledged = 0
  #bytesRetransmitted = 0

  /** The stream leaves. */
  onEnded({ send }: Stream): void {
    this.#bytesAcknowledged += send?.bytesAcknowledged ?? 0
    this.#bytesRetransmitted += send?.bytesRetransmitted ?? 0
  }

  /** The bytes of all streams since the connection began; `running` are those that have not ended. */
  totals({ send, receive }: ConnectionCredit, running: Iterable<Stream>): StreamTotals {
    let bytesAcknowledged = this.#bytesAcknowledged
    let bytesRetransmitted = this.#bytesRetransmitted
    for (const stream of running) {
      bytesAcknowledged += stream.send?.bytesAcknowledged ?? 0
      bytesRetransmitted += stream.send?.bytesRetransmitted ?? 0
    }
    return {
      bytesSent: send.used,
      bytesAcknowledged,
      bytesRetransmitted,
      bytesReceived: receive.received,
      bytesRead: receive.consumed,
    }
  }
}

/** What is granted and used of it (RFC 9000 §4). */
export function creditOf(
  { send, receive }: ConnectionCredit,
  bidirectional: StreamLimits,
  unidirectional: StreamLimits,
): StreamCredit {
  return {
    sendLimit: send.limit,
    sendUsed: send.used,
    receiveLimit: receive.limit,
    receiveWindow: receive.size,
    received: receive.received,
    consumed: receive.consumed,
    incomingBidirectional: { limit: bidirectional.incoming.limit, opened: bidirectional.incoming.opened },
    incomingUnidirectional: { limit: unidirectional.incoming.limit, opened: unidirectional.incoming.opened },
    outgoingBidirectional: { limit: bidirectional.limit, opened: bidirectional.opened },
    outgoingUnidirectional: { limit: unidirectional.limit, opened: unidirectional.opened },
  }
}
