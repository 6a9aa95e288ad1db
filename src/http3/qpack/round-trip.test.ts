import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Field } from '../field.ts'
import { QpackDecoder } from './decoder.ts'
import { QpackEncoder } from './encoder.ts'

const REQUEST: readonly Field[] = [
  { name: ':method', value: 'GET' },
  { name: ':scheme', value: 'https' },
  { name: ':authority', value: 'example.com' },
  { name: ':path', value: '/index.html' },
  { name: 'user-agent', value: 'isoquic' },
  { name: 'x-own', value: 'word' },
]

function pair(capacity: number, blockedStreams: number): { encoder: QpackEncoder; decoder: QpackDecoder } {
  const encoder = new QpackEncoder({ maxTableCapacity: capacity })
  encoder.onPeerSettings({ maxTableCapacity: capacity, maxBlockedStreams: blockedStreams })
  const limits = { maxTableCapacity: capacity, maxBlockedStreams: blockedStreams, maxFieldSectionSize: 65_536 }
  return { encoder, decoder: new QpackDecoder(limits) }
}

/** Sends `fields` and what the encoder stream must have for them; brings back what the decoder answers. */
function exchange(
  encoder: QpackEncoder,
  decoder: QpackDecoder,
  streamId: number,
  fields: readonly Field[],
): readonly Field[] | undefined {
  const section = encoder.encode(streamId, fields, 65_536)
  const instructions = encoder.takeInstructions()
  if (instructions !== undefined) decoder.receive(instructions)
  const decoded = decoder.decode(streamId, section)
  const answer = decoder.takeInstructions()
  if (answer !== undefined) encoder.receive(answer)
  return decoded?.fields
}

describe('what the encoder made, the decoder understands', () => {
  test('before the settings of the peer static entries and literals alone are used', () => {
    const encoder = new QpackEncoder({ maxTableCapacity: 4096 })
    const { decoder } = pair(0, 0)
    expect(exchange(encoder, decoder, 0, REQUEST)).toEqual(REQUEST)
    expect(encoder.takeInstructions()).toBeUndefined()
  })

  test('a request that comes again takes a byte for each field', () => {
    const { encoder, decoder } = pair(4096, 100)
    for (let i = 0; i < 4; i++) expect(exchange(encoder, decoder, 4 * i, REQUEST)).toEqual(REQUEST)
    expect(encoder.encode(16, REQUEST, 65_536)).toHaveLength(2 + REQUEST.length)
    expect(encoder.takeInstructions()).toBeUndefined()
  })

  test('any fields come back as they were, with any table', () => {
    const field = fc.record({
      name: fc.oneof(fc.constantFrom('cookie', 'x-own', ':path', 'accept'), latin1()),
      value: fc.oneof(fc.constantFrom('', '/', 'word', '*/*'), latin1()),
    })
    const property = fc.property(
      fc.array(fc.array(field, { maxLength: 12 }), { maxLength: 12 }),
      fc.constantFrom(0, 40, 100, 256, 4096),
      fc.nat(3),
      (lists, capacity, blockedStreams) => {
        const { encoder, decoder } = pair(capacity, blockedStreams)
        for (const [i, fields] of lists.entries()) {
          const back = exchange(encoder, decoder, 4 * i, fields)
          expect(back?.map(({ name, value }) => ({ name, value }))).toEqual(fields)
        }
      },
    )
    fc.assert(property)
  })
})

function latin1(): fc.Arbitrary<string> {
  return fc.uint8Array({ maxLength: 40 }).map((bytes) => String.fromCharCode(...bytes))
}
