/** W3C's WebTransportDatagramsWritable. */
import type { WebTransportSendGroup } from './send-group.ts'
import type { SendOrdering } from './send-stream.ts'
import { longLong } from './values.ts'

/** Datagrams that we send: a `WritableStream` with a datagram for each chunk. */
export class WebTransportDatagramsWritable extends WritableStream<Uint8Array> {
  readonly #ordering: SendOrdering
  readonly #onWriter: (writer: WritableStreamDefaultWriter<Uint8Array>) => void

  /** @internal */
  constructor(
    sink: UnderlyingSink<Uint8Array>,
    ordering: SendOrdering,
    onWriter: (writer: WritableStreamDefaultWriter<Uint8Array>) => void,
  ) {
    super(sink)
    this.#ordering = ordering
    this.#onWriter = onWriter
  }

  /** With what it shares; `null`: with all of the session that has no group. @throws (on setting) InvalidStateError for a group of another session */
  get sendGroup(): WebTransportSendGroup | null {
    return this.#ordering.sendGroup
  }

  set sendGroup(group: WebTransportSendGroup | null) {
    this.#ordering.sendGroup = group
  }

  /** Within its group datagrams of a higher order go first; 0 at first. */
  get sendOrder(): number {
    return this.#ordering.sendOrder
  }

  set sendOrder(order: number) {
    this.#ordering.sendOrder = longLong(order)
  }

  /** @throws TypeError where a writer has the stream already */
  override getWriter(): WritableStreamDefaultWriter<Uint8Array> {
    const writer = super.getWriter()
    this.#onWriter(writer)
    return writer
  }
}
