import { describe, expect, test } from 'vitest'
import { hasVectors } from '../../../e2e/support/vectors.ts'
import { SeededRandom } from '../../simulator/seeded-random.ts'
import type { Field } from '../field.ts'
import { blocksOf, interopFiles, interopLists } from './interop-files.fixtures.ts'
import { newDecoder, newEncoder } from './qpack.fixtures.ts'
import { type Draw, QpackLink } from './qpack-link.fixtures.ts'

function newLink(capacity: number, blockedStreams: number, draw: Draw): QpackLink {
  const decoder = newDecoder({ maxTableCapacity: capacity, maxBlockedStreams: blockedStreams })
  return new QpackLink(newEncoder(capacity, blockedStreams), decoder, draw)
}

/** The encoder may have marked lines; the files know of no such mark. */
function plain(fields: readonly Field[] | undefined): Field[] | undefined {
  return fields?.map(({ name, value }) => ({ name, value }))
}

describe.skipIf(!hasVectors)('our own encodings of the QPACK offline interop corpus', () => {
  const lists = hasVectors ? interopLists() : new Map<string, Field[][]>()
  const all = hasVectors ? interopFiles() : []

  // Bytes of all encodings together, ours against theirs: what our encoder's choices are worth.
  test.each([
    ['ls-qpack', 1.02],
    ['nghttp3', 1],
    ['quinn', 0.75],
  ])('our encodings are no larger than those of %s, times %d', (encoder, most) => {
    let theirs = 0
    let ours = 0
    for (const { name, qif, capacity, blockedStreams, isAcknowledged } of all) {
      if (!name.startsWith(encoder)) continue
      for (const { bytes } of blocksOf(`encoded/${name}`)) theirs += bytes.length
      const link = newLink(capacity, blockedStreams, () => 0)
      link.isAcknowledged = isAcknowledged
      for (const [i, fields] of (lists.get(qif) ?? []).entries()) {
        link.send(4 * i, fields)
        link.settle()
      }
      ours += link.bytes
    }
    expect(ours / theirs).toBeLessThan(most)
  })

  const ways = [...lists.keys()].flatMap((qif) =>
    [0, 256, 4096, 65_536].flatMap((capacity) =>
      [0, 1, 100].flatMap((blockedStreams) =>
        [true, false].map((isAcknowledged) => ({ qif, capacity, blockedStreams, isAcknowledged })),
      ),
    ),
  )

  test.each(ways)('$qif: $capacity bytes, $blockedStreams blocked, acknowledged: $isAcknowledged', (way) => {
    const random = new SeededRandom(2, JSON.stringify(way))
    const link = newLink(way.capacity, way.blockedStreams, (bound) => random.integer(bound))
    link.isAcknowledged = way.isAcknowledged
    // The longer files in part: all of them is done above.
    const part = (lists.get(way.qif) ?? []).slice(0, 60)
    for (const [i, fields] of part.entries()) {
      link.send(4 * i, fields)
      for (let step = random.integer(6); step > 0; step--) link.step()
    }
    link.settle()
    expect(link.received.size).toBe(part.length)
    for (const [i, fields] of part.entries()) expect(plain(link.received.get(4 * i)?.[0])).toEqual(fields)
  })
})
