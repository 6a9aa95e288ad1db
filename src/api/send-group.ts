/** W3C's WebTransportSendGroup: streams that share what can be sent, as one against other groups. */
import { checkKeys } from './known-keys.ts'
import type { Abortable } from './signal.ts'
import type { QuicStreamStats } from './stats.ts'

/** Numbers of all streams of a group, those that have ended included; bytes. */
export type QuicSendGroupStats = Pick<QuicStreamStats, 'bytesWritten' | 'bytesSent' | 'bytesAcknowledged'>

/** A stream, as its group sees it. */
export interface GroupMember {
  getStats(): QuicSendGroupStats
}

/** A group, made by `createSendGroup` of a connection, for streams of that connection. */
export class QuicSendGroup {
  readonly #owner: object
  readonly #members = new Set<GroupMember>()
  readonly #ended = { bytesWritten: 0, bytesSent: 0, bytesAcknowledged: 0 }

  /** @internal */
  constructor(owner: object) {
    this.#owner = owner
  }

  /** Numbers of this moment. */
  async getStats(options: Abortable = {}): Promise<QuicSendGroupStats> {
    checkKeys(options, ['signal'])
    options.signal?.throwIfAborted()
    const sum = { ...this.#ended }
    for (const stream of this.#members) add(sum, stream.getStats())
    return sum
  }

  /** @internal */
  isOf(owner: object): boolean {
    return this.#owner === owner
  }

  /** @internal */
  join(stream: GroupMember): void {
    this.#members.add(stream)
  }

  /** @internal */
  leave(stream: GroupMember): void {
    this.#members.delete(stream)
  }

  /** The stream has ended: its numbers stay, it does not. @internal */
  onEnded(stream: GroupMember): void {
    if (this.#members.delete(stream)) add(this.#ended, stream.getStats())
  }
}

function add(
  sum: { bytesWritten: number; bytesSent: number; bytesAcknowledged: number },
  stats: QuicSendGroupStats,
): void {
  sum.bytesWritten += stats.bytesWritten
  sum.bytesSent += stats.bytesSent
  sum.bytesAcknowledged += stats.bytesAcknowledged
}
