/**
 * An encoder and a decoder with a network between them that delays and cuts: the encoder stream, the decoder stream and
 * every request stream keep their own order, and nothing else does.
 */
import type { Field } from '../field.ts'
import type { QpackDecoder } from './decoder.ts'
import type { QpackEncoder } from './encoder.ts'

/** An integer from 0 up to, not including, `bound`. */
export type Draw = (bound: number) => number

/** Both ends, and what is between them. */
export class QpackLink {
  readonly encoder: QpackEncoder
  readonly decoder: QpackDecoder
  /** The sections that were decoded, by stream. */
  readonly received: Map<number, (readonly Field[])[]> = new Map()
  /** Bytes that the encoder made, of sections and of instructions. */
  bytes = 0
  /** Whether the decoder's instructions go back. */
  isAcknowledged = true
  readonly #draw: Draw
  readonly #sections = new Map<number, Uint8Array[]>()
  #encoderStream: number[] = []
  #decoderStream: number[] = []

  constructor(encoder: QpackEncoder, decoder: QpackDecoder, draw: Draw) {
    this.encoder = encoder
    this.decoder = decoder
    this.#draw = draw
  }

  /** Encodes a section and puts it on its way. */
  send(streamId: number, fields: readonly Field[], credit: number = Number.POSITIVE_INFINITY): void {
    const section = this.encoder.encode(streamId, fields, credit)
    const instructions = this.encoder.takeInstructions()
    this.bytes += section.length + (instructions?.length ?? 0)
    if (instructions !== undefined) this.#encoderStream.push(...instructions)
    const queue = this.#sections.get(streamId)
    if (queue === undefined) this.#sections.set(streamId, [section])
    else queue.push(section)
  }

  /** Delivers something: a section, or some bytes of one of the two streams. `false`: there is nothing. */
  step(): boolean {
    const ways: (() => void)[] = []
    if (this.#sections.size > 0) ways.push(() => this.#deliverSection())
    if (this.#encoderStream.length > 0) ways.push(() => this.#deliverInstructions())
    if (this.#decoderStream.length > 0) ways.push(() => this.#deliverAnswers())
    ways[this.#draw(Math.max(1, ways.length))]?.()
    return ways.length > 0
  }

  /** Delivers all sections, and nothing that they may wait for. */
  deliverSections(): void {
    while (this.#sections.size > 0) this.#deliverSection()
  }

  /** Delivers all. */
  settle(): void {
    while (this.step());
  }

  /** The receiver of a stream gives it up, with all that is on its way on it. */
  cancel(streamId: number): void {
    this.#sections.delete(streamId)
    this.decoder.cancel(streamId)
    this.#answer()
  }

  #deliverSection(): void {
    const ids = [...this.#sections.keys()]
    const streamId = ids[this.#draw(ids.length)] ?? 0
    const queue = this.#sections.get(streamId) ?? []
    const bytes = queue.shift()
    if (queue.length === 0) this.#sections.delete(streamId)
    const section = bytes === undefined ? undefined : this.decoder.decode(streamId, bytes)
    if (section !== undefined) this.#receive(streamId, section.fields)
    this.#answer()
  }

  #deliverInstructions(): void {
    this.decoder.receive(Uint8Array.from(this.#encoderStream.splice(0, 1 + this.#draw(200))))
    for (let next = this.decoder.takeUnblocked(); next !== undefined; next = this.decoder.takeUnblocked()) {
      this.#receive(next.streamId, next.section.fields)
    }
    this.#answer()
  }

  #deliverAnswers(): void {
    this.encoder.receive(Uint8Array.from(this.#decoderStream.splice(0, 1 + this.#draw(8))))
  }

  #receive(streamId: number, fields: readonly Field[]): void {
    const sections = this.received.get(streamId)
    if (sections === undefined) this.received.set(streamId, [fields])
    else sections.push(fields)
  }

  #answer(): void {
    const answer = this.decoder.takeInstructions()
    if (answer !== undefined && this.isAcknowledged) this.#decoderStream.push(...answer)
  }
}
