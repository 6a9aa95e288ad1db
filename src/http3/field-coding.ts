/** Field sections of one connection, packed and unpacked (RFC 9204): both directions of QPACK and the streams they speak on. */
import type { CriticalStreams } from './critical-streams.ts'
import { type Field, fieldSize } from './field.ts'
import type { Http3Config } from './options.ts'
import { type DecodedSection, QpackDecoder } from './qpack/decoder.ts'
import { QpackEncoder } from './qpack/encoder.ts'
import { DEFAULT_SETTINGS, type Settings } from './settings.ts'

/** QPACK, both directions. */
export class FieldCoding {
  readonly #encoder: QpackEncoder
  readonly #decoder: QpackDecoder
  readonly #critical: CriticalStreams
  #peer: Settings

  constructor(config: Http3Config, critical: CriticalStreams) {
    this.#critical = critical
    const { maxFieldSectionSize } = config.rememberedSettings ?? DEFAULT_SETTINGS
    this.#peer = { ...DEFAULT_SETTINGS, maxFieldSectionSize }
    this.#encoder = new QpackEncoder({ maxTableCapacity: config.qpackEncoderCapacity })
    this.#decoder = new QpackDecoder({
      maxTableCapacity: config.qpackMaxTableCapacity,
      maxBlockedStreams: config.qpackBlockedStreams,
      maxFieldSectionSize: config.maxFieldSectionSize,
    })
  }

  /** What the peer takes. */
  onSettings(settings: Settings): void {
    this.#peer = settings
    const { qpackMaxTableCapacity, qpackBlockedStreams } = settings
    this.#encoder.onPeerSettings({ maxTableCapacity: qpackMaxTableCapacity, maxBlockedStreams: qpackBlockedStreams })
    this.#tellDecoder()
  }

  /** @throws RangeError for a section that is larger than the peer takes (RFC 9114 §4.2.2) */
  encode(streamId: number, fields: readonly Field[]): Uint8Array {
    let size = 0
    for (const { name, value } of fields) size += fieldSize(name, value)
    const limit = this.#peer.maxFieldSectionSize
    if (size > limit)
      throw new RangeError(`The peer takes field sections of at most ${limit} bytes, this one has ${size}`)
    const section = this.#encoder.encode(streamId, fields, this.#critical.encoderCredit)
    this.#tellDecoder()
    return section
  }

  /** `undefined`: it waits for the peer's encoder stream. @throws Http3Error QPACK_DECOMPRESSION_FAILED */
  decode(streamId: number, section: Uint8Array): DecodedSection | undefined {
    const decoded = this.#decoder.decode(streamId, section)
    this.#tellEncoder()
    return decoded
  }

  /** Nothing more of the stream will be decoded. */
  cancel(streamId: number): void {
    this.#decoder.cancel(streamId)
    this.#tellEncoder()
  }

  /** The peer's encoder stream goes on. @throws Http3Error QPACK_ENCODER_STREAM_ERROR, QPACK_DECOMPRESSION_FAILED */
  onEncoderBytes(bytes: Uint8Array, onSection: (streamId: number, section: DecodedSection) => void): void {
    this.#decoder.receive(bytes)
    for (let next = this.#decoder.takeUnblocked(); next !== undefined; next = this.#decoder.takeUnblocked()) {
      onSection(next.streamId, next.section)
    }
    this.#tellEncoder()
  }

  /** The peer's decoder stream goes on. @throws Http3Error QPACK_DECODER_STREAM_ERROR */
  onDecoderBytes(bytes: Uint8Array): void {
    this.#encoder.receive(bytes)
  }

  #tellDecoder(): void {
    const instructions = this.#encoder.takeInstructions()
    if (instructions !== undefined) this.#critical.write('encoder', instructions)
  }

  #tellEncoder(): void {
    const instructions = this.#decoder.takeInstructions()
    if (instructions !== undefined) this.#critical.write('decoder', instructions)
  }
}
