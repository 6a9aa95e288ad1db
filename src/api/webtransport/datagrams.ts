/** W3C's WebTransportDatagramDuplexStream. */
import { checkedAge } from '../../streams/datagram-settings.ts'
import type { WebTransportDatagramsWritable } from './datagrams-writable.ts'
import { invalidState } from './error.ts'
import type { SessionDatagrams, SessionDatagramsHost } from './session-datagrams.ts'
import type { WebTransportSendOptions } from './session-streams.ts'
import { dictionary, longLong, unsignedLong } from './values.ts'

/** The datagrams of a session. */
export class WebTransportDatagramDuplexStream {
  readonly #datagrams: SessionDatagrams
  readonly #host: Pick<SessionDatagramsHost, 'isOver' | 'isOwn'>
  #writable: WebTransportDatagramsWritable | undefined

  /** @internal */
  constructor(datagrams: SessionDatagrams, host: Pick<SessionDatagramsHost, 'isOver' | 'isOwn'>) {
    this.#datagrams = datagrams
    this.#host = host
  }

  /**
   * A writable, a datagram for each chunk. A write waits for room in the queue, and fulfils also where the datagram comes to
   * nothing: too long for `maxDatagramSize`, or too old before its turn.
   * @throws TypeError for a group of another session; InvalidStateError after the end
   */
  createWritable(options?: WebTransportSendOptions): WebTransportDatagramsWritable {
    const { sendGroup = null, sendOrder = 0 } = dictionary(options, 'options')
    if (!this.#host.isOwn(sendGroup)) throw new TypeError('sendGroup must be of createSendGroup of the same session')
    if (this.#host.isOver) throw invalidState('The session is over')
    return this.#datagrams.createWritable(sendGroup, longLong(sendOrder))
  }

  /** A writable that is always the same: what `createWritable` took the place of, and many programs still ask for. */
  get writable(): WebTransportDatagramsWritable {
    this.#writable ??= this.createWritable()
    return this.#writable
  }

  /** What the peer sends, a chunk for each datagram. */
  get readable(): ReadableStream<Uint8Array> {
    return this.#datagrams.readable
  }

  /** The longest datagram that can be sent now, bytes; changes with the path. */
  get maxDatagramSize(): number {
    return this.#datagrams.maxDatagramSize
  }

  /** ms after which a datagram is dropped unread; `null`, as 0: never. @throws (on setting) RangeError for a negative one */
  get incomingMaxAge(): number | null {
    return this.#datagrams.settings.incomingMaxAge ?? null
  }

  set incomingMaxAge(age: number | null) {
    this.#datagrams.configure({ incomingMaxAge: ageOf('incomingMaxAge', age) })
  }

  /** ms after which a datagram is dropped unsent; `null`, as 0: 5,000. @throws (on setting) RangeError for a negative one */
  get outgoingMaxAge(): number | null {
    return this.#datagrams.settings.outgoingMaxAge ?? null
  }

  set outgoingMaxAge(age: number | null) {
    this.#datagrams.configure({ outgoingMaxAge: ageOf('outgoingMaxAge', age) })
  }

  /** Datagrams that may wait to be read, at least 1; beyond it the oldest are dropped. */
  get incomingMaxBufferedDatagrams(): number {
    return this.#datagrams.settings.incomingHighWaterMark
  }

  set incomingMaxBufferedDatagrams(count: number) {
    this.#datagrams.configure({ incomingHighWaterMark: Math.max(1, unsignedLong(count)) })
  }

  /** Datagrams of one writable that may wait to be sent, at least 1; beyond it its writer waits. */
  get outgoingMaxBufferedDatagrams(): number {
    return this.#datagrams.settings.outgoingHighWaterMark
  }

  set outgoingMaxBufferedDatagrams(count: number) {
    this.#datagrams.configure({ outgoingHighWaterMark: Math.max(1, unsignedLong(count)) })
  }

  /** As {@link incomingMaxBufferedDatagrams}, by its name of before. */
  get incomingHighWaterMark(): number {
    return this.incomingMaxBufferedDatagrams
  }

  set incomingHighWaterMark(count: number) {
    this.incomingMaxBufferedDatagrams = count
  }

  /** As {@link outgoingMaxBufferedDatagrams}, by its name of before. */
  get outgoingHighWaterMark(): number {
    return this.outgoingMaxBufferedDatagrams
  }

  set outgoingHighWaterMark(count: number) {
    this.outgoingMaxBufferedDatagrams = count
  }
}

/** @throws RangeError for what is negative or no number */
function ageOf(name: string, age: number | null | undefined): number | undefined {
  return age === null || age === undefined ? undefined : checkedAge(name, Number(age))
}
