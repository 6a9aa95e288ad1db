/**
 * Joins STREAM frames of one stream that follow one another in a burst of packets, so that thirty cost the stream no more than
 * one: one look at its limits, one copy. What was given lies where it is until the run ends, and is then moved together in place.
 */
import { EMPTY } from '../base/bytes.ts'
import type { Time } from '../base/time.ts'
import { FrameType, type StreamFrame } from '../wire/frame.ts'
import { TransportError } from '../wire/transport-error.ts'
import type { StreamSet } from './stream-set.ts'

/** Frames of one run: more than come in most bursts. */
const MAX_FRAMES = 64

/** Where the frames of a run lie. One serves all connections that are read in turn: it holds nothing between two runs. */
export class RunPlaces {
  readonly starts: Int32Array = new Int32Array(MAX_FRAMES)
  readonly lengths: Int32Array = new Int32Array(MAX_FRAMES)
  /** What the stream is given: the first frame, and with `length` and `fin` all others. */
  readonly whole: StreamFrame = {
    type: FrameType.stream,
    streamId: 0,
    offset: 0,
    fin: false,
    buffer: EMPTY,
    start: 0,
    length: 0,
  }
}

/** The run of frames at hand, if there is one. */
export class StreamRun {
  readonly #streams: Pick<StreamSet, 'onStream'>
  readonly #whole: StreamFrame
  readonly #starts: Int32Array
  readonly #lengths: Int32Array
  #count = 0
  /** As it was on the wire, of the last frame. */
  #frameType = 0

  /** @param places nobody else's while there is a run. */
  constructor(streams: Pick<StreamSet, 'onStream'>, places: RunPlaces) {
    this.#streams = streams
    this.#whole = places.whole
    this.#starts = places.starts
    this.#lengths = places.lengths
  }

  /**
   * Takes a frame, whose bytes are the run's until {@link end}; ends the run before it, if it does not follow.
   * @param frameType as it was on the wire, for the error that it may turn out to be.
   * @throws TransportError for the run before, as {@link end}
   */
  add(frame: StreamFrame, frameType: number, now: Time): void {
    if (this.#count > 0 && !this.#isFollowedBy(frame)) this.end(now)
    const whole = this.#whole
    if (this.#count === 0) {
      whole.streamId = frame.streamId
      whole.offset = frame.offset
      whole.buffer = frame.buffer
      whole.start = frame.start
      whole.length = 0
    }
    this.#starts[this.#count] = frame.start
    this.#lengths[this.#count] = frame.length
    this.#count += 1
    whole.length += frame.length
    whole.fin = frame.fin
    this.#frameType = frameType
  }

  /** Hands the stream what there is. @throws TransportError as `StreamSet.onStream` */
  end(now: Time): void {
    if (this.#count === 0) return
    this.#join()
    this.#count = 0
    try {
      this.#streams.onStream(this.#whole, now)
    } catch (error) {
      if (error instanceof TransportError && error.frameType === 0n) error.frameType = BigInt(this.#frameType)
      throw error
    }
  }

  #isFollowedBy(frame: StreamFrame): boolean {
    const { buffer, fin, length, offset, streamId } = this.#whole
    const last = this.#count - 1
    return (
      frame.streamId === streamId &&
      frame.offset === offset + length &&
      !fin &&
      this.#count < MAX_FRAMES &&
      // Bytes are moved down only, and over nothing that is still to be moved.
      frame.buffer === buffer &&
      frame.start >= (this.#starts[last] ?? 0) + (this.#lengths[last] ?? 0)
    )
  }

  /** Moves the bytes of the frames together, behind those of the first. */
  #join(): void {
    const { buffer, start } = this.#whole
    let end = start + (this.#lengths[0] ?? 0)
    for (let index = 1; index < this.#count; index++) {
      const from = this.#starts[index] ?? 0
      const length = this.#lengths[index] ?? 0
      buffer.copyWithin(end, from, from + length)
      end += length
    }
  }
}
