/** W3C's WebTransportSendGroup. */
import type { QuicSendGroup } from '../send-group.ts'

/** W3C's WebTransportSendStreamStats, in bytes. */
export interface WebTransportSendStreamStats {
  /** Taken from the application. */
  readonly bytesWritten: number
  /** Sent at least once. */
  readonly bytesSent: number
  /** Known to have arrived, from the beginning and without a gap. */
  readonly bytesAcknowledged: number
}

/** Streams and datagrams that share as one against other groups, and have send orders of their own. Made by `createSendGroup`. */
export class WebTransportSendGroup {
  readonly #group: Pick<QuicSendGroup, 'getStats'>

  /** @internal */
  constructor(group: Pick<QuicSendGroup, 'getStats'>) {
    this.#group = group
  }

  /** The sums of all streams of the group, those that have ended included. */
  getStats(): Promise<WebTransportSendStreamStats> {
    return this.#group.getStats()
  }
}
