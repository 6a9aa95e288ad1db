import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Field } from '../field.ts'
import { QpackDecoder } from './decoder.ts'
import { failure, newDecoder, newEncoder } from './qpack.fixtures.ts'
import { type Draw, QpackLink } from './qpack-link.fixtures.ts'

const LATIN1 = fc.uint8Array({ maxLength: 40 }).map((bytes) => String.fromCharCode(...bytes))
const FIELD: fc.Arbitrary<Field> = fc
  .record({
    name: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('cookie', 'x-own', ':path', 'accept', 'via', 'x-id') },
      { weight: 1, arbitrary: LATIN1 },
    ),
    value: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom('', '/', 'word', '*/*', 'session=0123456789abcdef') },
      { weight: 1, arbitrary: fc.nat(9).map(String) },
      { weight: 1, arbitrary: LATIN1 },
    ),
    isNeverIndexed: fc.constantFrom(false, false, false, true),
  })
  .map(({ name, value, isNeverIndexed }) => (isNeverIndexed ? { name, value, isNeverIndexed } : { name, value }))

/** A small generator of its own, so that shrinking the fields leaves the order of delivery alone. */
function draws(seed: number): Draw {
  let state = seed | 1
  return (bound) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % bound
  }
}

/** The encoder may have marked a line itself. */
function linesOf(sections: readonly (readonly Field[])[]): string[][] {
  return sections.map((fields) => fields.map(({ name, value }) => JSON.stringify([name, value])))
}

describe('what the encoder made, the decoder understands', () => {
  const SETTINGS = fc.record({
    capacity: fc.constantFrom(0, 40, 100, 256, 1024, 4096),
    blockedStreams: fc.constantFrom(0, 1, 2, 100),
    seed: fc.nat(),
    credit: fc.constantFrom(0, 10, 60, Infinity, Infinity),
    isAcknowledged: fc.constantFrom(true, true, true, false),
  })
  const SECTIONS = fc.array(
    fc.record({ fields: fc.array(FIELD, { maxLength: 8 }), stream: fc.nat(7), steps: fc.nat(8) }),
    {
      maxLength: 40,
    },
  )

  test('any fields, with any table, in any order of delivery', () => {
    const property = fc.property(
      SETTINGS,
      SECTIONS,
      ({ capacity, blockedStreams, seed, credit, ...rest }, sections) => {
        const decoder = newDecoder({ maxTableCapacity: capacity, maxBlockedStreams: blockedStreams })
        const link = new QpackLink(newEncoder(capacity, blockedStreams), decoder, draws(seed))
        link.isAcknowledged = rest.isAcknowledged
        const sent = new Map<number, Field[][]>()
        for (const { fields, stream, steps } of sections) {
          link.send(4 * stream, fields, credit)
          sent.set(4 * stream, [...(sent.get(4 * stream) ?? []), fields])
          for (let i = 0; i < steps; i++) link.step()
        }
        link.settle()
        for (const [streamId, lists] of sent) {
          const received = link.received.get(streamId) ?? []
          expect(linesOf(received)).toEqual(linesOf(lists))
          // What was marked stays marked.
          for (const [i, list] of lists.entries()) {
            for (const [j, { isNeverIndexed }] of list.entries()) {
              if (isNeverIndexed === true) expect(received[i]?.[j]?.isNeverIndexed).toBe(true)
            }
          }
        }
      },
    )
    fc.assert(property, { numRuns: 300 })
  })

  test('no more streams are blocked than allowed, though all sections come first', () => {
    const property = fc.property(SETTINGS, SECTIONS, ({ capacity, blockedStreams, seed }, sections) => {
      const decoder = newDecoder({ maxTableCapacity: capacity, maxBlockedStreams: blockedStreams })
      const link = new QpackLink(newEncoder(capacity, blockedStreams), decoder, draws(seed))
      for (const { fields, stream, steps } of sections) {
        // A stream of its own for each, but for a few.
        link.send(steps === 8 ? 4 * stream : 4 * (8 + link.received.size + sections.length * stream), fields)
        link.deliverSections()
        for (let i = 0; i < steps; i++) link.step()
      }
      link.settle()
    })
    fc.assert(property, { numRuns: 200 })
  })

  test('streams may be given up at any time', () => {
    const property = fc.property(SETTINGS, SECTIONS, ({ capacity, blockedStreams, seed }, sections) => {
      const draw = draws(seed)
      const decoder = newDecoder({ maxTableCapacity: capacity, maxBlockedStreams: blockedStreams })
      const link = new QpackLink(newEncoder(capacity, blockedStreams), decoder, draw)
      for (const [i, { fields, steps }] of sections.entries()) {
        link.send(4 * i, fields)
        for (let step = 0; step < steps; step++) link.step()
        if (draw(3) === 0) link.cancel(4 * draw(i + 1))
      }
      link.settle()
      for (const [streamId, lists] of link.received)
        expect(linesOf(lists)).toEqual(linesOf([sections[streamId / 4]?.fields ?? []]))
    })
    fc.assert(property, { numRuns: 200 })
  })
})

describe('random bytes', () => {
  const PIECES = fc.array(fc.record({ to: fc.nat(3), stream: fc.nat(3), bytes: fc.uint8Array({ maxLength: 40 }) }), {
    maxLength: 20,
  })

  test('are decoded, or refused with a code of their stream', () => {
    const allowed = {
      section: ['none', 'QPACK_DECOMPRESSION_FAILED', 'QPACK_DECOMPRESSION_FAILED (stream)', 'H3_EXCESSIVE_LOAD'],
      instruction: ['none', 'QPACK_ENCODER_STREAM_ERROR'],
    }
    const property = fc.property(PIECES, (pieces) => {
      const decoder = new QpackDecoder({ maxTableCapacity: 256, maxBlockedStreams: 2, maxFieldSectionSize: 200 })
      // A table with something in it, so that references can be right.
      decoder.receive(Uint8Array.of(0x3f, 0xe1, 0x01, 0xc0, 0x01, 0x61, 0x41, 0x61, 0x01, 0x62))
      for (const { to, stream, bytes } of pieces) {
        if (to === 0) decoder.cancel(stream)
        else if (to === 1) expect(allowed.section).toContain(failure(() => decoder.decode(stream, bytes)))
        else if (to === 2) expect(allowed.section).toContain(failure(() => decoder.takeUnblocked()))
        else {
          const code = failure(() => decoder.receive(bytes))
          expect(allowed.instruction).toContain(code)
          // The connection is over.
          if (code !== 'none') return
        }
        decoder.takeInstructions()
      }
    })
    fc.assert(property, { numRuns: 1000 })
  })

  test('in the place of one byte of a good section never do more', () => {
    const encoder = newEncoder()
    const fields = [':method: GET', ':path: /x', 'via: a', 'x-own: word'].map((line) => ({
      name: line.slice(0, line.indexOf(':', 1)),
      value: line.slice(line.indexOf(': ') + 2),
    }))
    const section = encoder.encode(0, fields, Infinity)
    const instructions = encoder.takeInstructions() ?? new Uint8Array(0)
    for (let at = 0; at < section.length; at++) {
      for (let value = 0; value < 256; value++) {
        const decoder = newDecoder({ maxBlockedStreams: 1 })
        decoder.receive(instructions)
        const changed = Uint8Array.from(section)
        changed[at] = value
        expect(failure(() => decoder.decode(0, changed))).toMatch(/^(none|QPACK_DECOMPRESSION_FAILED)/)
      }
    }
  })
})
