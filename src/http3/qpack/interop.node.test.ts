import { describe, expect, test } from 'vitest'
import { hasVectors } from '../../../e2e/support/vectors.ts'
import { SeededRandom } from '../../simulator/seeded-random.ts'
import type { Field } from '../field.ts'
import type { QpackDecoder } from './decoder.ts'
import { blocksOf, type InteropBlock, type InteropFile, interopFiles, interopLists } from './interop-files.fixtures.ts'
import { failure, inserts, newDecoder } from './qpack.fixtures.ts'

/** A decoder whose table has its full capacity from the start, as these files have it. */
function interopDecoder(capacity: number, blockedStreams: number): QpackDecoder {
  const decoder = newDecoder({ maxTableCapacity: capacity, maxBlockedStreams: blockedStreams })
  decoder.receive(inserts(capacity))
  return decoder
}

/** What comes of the blocks: the sections by stream. */
function decodeBlocks(decoder: QpackDecoder, blocks: Iterable<InteropBlock>): Map<number, readonly Field[]> {
  const sections = new Map<number, readonly Field[]>()
  for (const { streamId, bytes } of blocks) {
    if (streamId === 0) decoder.receive(bytes)
    else {
      const section = decoder.decode(streamId, bytes)
      if (section !== undefined) sections.set(streamId, section.fields)
    }
    for (let next = decoder.takeUnblocked(); next !== undefined; next = decoder.takeUnblocked()) {
      sections.set(next.streamId, next.section.fields)
    }
  }
  return sections
}

function inStreamOrder(sections: Map<number, readonly Field[]>): (readonly Field[])[] {
  return [...sections].sort(([a], [b]) => a - b).map(([, fields]) => fields)
}

/**
 * The blocks in another order. The encoder stream keeps its own, cut into pieces. A section that may wait comes amid the
 * pieces before it; where the encoder was told of no section, up to three blocks earlier or later.
 */
function shuffled(blocks: readonly InteropBlock[], file: InteropFile): InteropBlock[] {
  const random = new SeededRandom(1, file.name)
  const keyed: { readonly block: InteropBlock; readonly key: number }[] = []
  let time = 0
  for (const [i, block] of blocks.entries()) {
    if (block.streamId !== 0) {
      const mayWait = file.blockedStreams > 0 && blocks[i - 1]?.streamId === 0
      const shift = !file.isAcknowledged ? 6 * random.next() - 3 : mayWait ? random.next() : 1
      keyed.push({ block, key: time + shift })
      continue
    }
    time++
    for (let at = 0; at < block.bytes.length; ) {
      const end = at + 1 + random.integer(20)
      const key = time + (0.9 * at) / block.bytes.length
      keyed.push({ block: { streamId: 0, bytes: block.bytes.subarray(at, end) }, key })
      at = end
    }
  }
  return keyed.sort((a, b) => a.key - b.key).map(({ block }) => block)
}

describe.skipIf(!hasVectors)('QPACK offline interop', () => {
  const lists = hasVectors ? interopLists() : new Map<string, Field[][]>()
  const all = hasVectors ? interopFiles() : []

  test('there are 66 files', () => {
    expect(all).toHaveLength(66)
  })

  test.each(all)('$name decodes to its header lists', ({ name, qif, capacity, blockedStreams }) => {
    const sections = decodeBlocks(interopDecoder(capacity, blockedStreams), blocksOf(`encoded/${name}`))
    expect(inStreamOrder(sections)).toEqual(lists.get(qif))
  })

  test.each(all)('$name decodes whatever overtakes what', (file) => {
    const decoder = interopDecoder(file.capacity, file.blockedStreams)
    const sections = decodeBlocks(decoder, shuffled(blocksOf(`encoded/${file.name}`), file))
    expect(inStreamOrder(sections)).toEqual(lists.get(file.qif))
  })

  test.each([
    ['err1', 'QPACK_DECOMPRESSION_FAILED'],
    ['err3', 'QPACK_DECOMPRESSION_FAILED'],
    ['err5', 'QPACK_DECOMPRESSION_FAILED'],
    ['err7', 'QPACK_DECOMPRESSION_FAILED'],
    ['err11', 'QPACK_ENCODER_STREAM_ERROR'],
  ])('errors/%s is refused with %s', (name, code) => {
    expect(failure(() => decodeBlocks(interopDecoder(4096, 100), blocksOf(`errors/${name}`)))).toBe(code)
  })
})
