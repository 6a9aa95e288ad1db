import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameType, type StreamFrame } from '../wire/frame.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import { RunPlaces, StreamRun } from './stream-run.ts'

/** What a stream was given. */
interface Heard {
  readonly streamId: number
  readonly offset: number
  readonly bytes: number[]
  readonly fin: boolean
}

/** Hears runs. */
class Streams {
  readonly heard: Heard[] = []
  failure: TransportError | undefined

  onStream({ buffer, fin, length, offset, start, streamId }: StreamFrame): void {
    if (this.failure !== undefined) throw this.failure
    this.heard.push({ streamId, offset, bytes: [...buffer.subarray(start, start + length)], fin })
  }
}

/** Frames in a buffer in which each byte of a stream is its offset, and between them lies something else. */
function framesOf(
  pieces: readonly { readonly id: number; readonly offset: number; readonly length: number; readonly fin?: boolean }[],
  gap = 3,
): StreamFrame[] {
  const buffer = new Uint8Array(pieces.reduce((size, { length }) => size + gap + length, 0)).fill(0xee)
  let at = 0
  return pieces.map(({ fin = false, id, length, offset }) => {
    const start = at + gap
    for (let index = 0; index < length; index++) buffer[start + index] = offset + index
    at = start + length
    return { type: FrameType.stream, streamId: id, offset, fin, buffer, start, length }
  })
}

function runOf(frames: readonly StreamFrame[]): Heard[] {
  const streams = new Streams()
  const run = new StreamRun(streams, new RunPlaces())
  for (const frame of frames) run.add(frame, 0x0e, 0)
  run.end(0)
  return streams.heard
}

describe('frames that follow one another', () => {
  test('are one piece to the stream, with the bytes of all in order', () => {
    const frames = framesOf([
      { id: 4, offset: 10, length: 5 },
      { id: 4, offset: 15, length: 0 },
      { id: 4, offset: 15, length: 7, fin: true },
    ])
    expect(runOf(frames)).toEqual([
      { streamId: 4, offset: 10, bytes: Array.from({ length: 12 }, (_, index) => 10 + index), fin: true },
    ])
  })

  test.each([
    ['another stream', { id: 8, offset: 5, length: 1 }],
    ['a gap', { id: 4, offset: 6, length: 1 }],
    ['what came before', { id: 4, offset: 0, length: 5 }],
  ])('are two where the second is %s', (_, second) => {
    expect(runOf(framesOf([{ id: 4, offset: 0, length: 5 }, second]))).toHaveLength(2)
  })

  test('are two where the first was the end, so that what comes after it is looked at by itself', () => {
    const frames = framesOf([
      { id: 4, offset: 0, length: 5, fin: true },
      { id: 4, offset: 5, length: 1 },
    ])
    expect(runOf(frames)).toMatchObject([{ fin: true }, { fin: false, offset: 5 }])
  })

  test('are two where the second lies before the first', () => {
    const [first, second] = framesOf([
      { id: 4, offset: 5, length: 5 },
      { id: 4, offset: 0, length: 5 },
    ])
    expect(runOf([second, first].filter((frame) => frame !== undefined))).toEqual([
      { streamId: 4, offset: 0, bytes: [0, 1, 2, 3, 4], fin: false },
      { streamId: 4, offset: 5, bytes: [5, 6, 7, 8, 9], fin: false },
    ])
  })

  test('bring each stream the bytes that single frames bring it, whatever their order', () => {
    const piece = fc.record({
      id: fc.constantFrom(0, 4),
      offset: fc.integer({ min: 0, max: 40 }),
      length: fc.integer({ min: 0, max: 20 }),
    })
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.constant(undefined)), { maxLength: 150 }), (drawn) => {
        // Where nothing was drawn, the piece follows the one before.
        let last = { id: 0, offset: 0, length: 0 }
        const pieces = drawn.map(
          (one) => (last = one ?? { id: last.id, offset: (last.offset + last.length) % 100, length: 9 }),
        )
        const bytesOf = (heard: readonly Heard[]): string[] =>
          heard.flatMap(({ bytes, offset, streamId }) =>
            bytes.map((byte, index) => `${streamId} ${offset + index} ${byte}`),
          )
        const single = framesOf(pieces).flatMap((frame) => runOf([frame]))
        expect(bytesOf(runOf(framesOf(pieces)))).toEqual(bytesOf(single))
      }),
    )
  })
})

describe('an error of the stream', () => {
  test('names the type of the last frame, and leaves nothing to be heard', () => {
    const streams = new Streams()
    const run = new StreamRun(streams, new RunPlaces())
    streams.failure = new TransportError(TransportErrorCode.FLOW_CONTROL_ERROR, 'Too much')
    for (const frame of framesOf([
      { id: 4, offset: 0, length: 5 },
      { id: 4, offset: 5, length: 5 },
    ]))
      run.add(frame, 0x0c, 0)
    expect(() => run.end(0)).toThrow(expect.objectContaining({ frameType: 0x0cn }))
    run.end(0)
    expect(streams.heard).toEqual([])
  })
})
