import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { hasVectors, readVectorText, vectorPath } from '../../../e2e/support/vectors.ts'
import { Writer } from '../../base/writer.ts'
import { Http3Error } from '../error.ts'
import type { Field } from '../field.ts'
import { QpackDecoder } from './decoder.ts'
import { writeSetCapacity } from './instructions.ts'
import { type InteropBlock, parseBlocks, parseQif } from './qif.fixtures.ts'

const FOLDER = 'qpack/interop'

interface InteropFile {
  readonly name: string
  readonly qif: string
  readonly capacity: number
  readonly blockedStreams: number
}

function files(): InteropFile[] {
  return ['ls-qpack', 'nghttp3', 'quinn'].flatMap((encoder) =>
    readdirSync(vectorPath(`${FOLDER}/encoded/${encoder}`)).map((file) => {
      const [qif = '', , capacity = '', blockedStreams = ''] = file.split('.')
      const name = `${encoder}/${file}`
      return { name, qif, capacity: Number(capacity), blockedStreams: Number(blockedStreams) }
    }),
  )
}

function blocksOf(name: string): InteropBlock[] {
  return parseBlocks(readFileSync(vectorPath(`${FOLDER}/${name}`)))
}

/** A decoder whose table has its full capacity from the start, as these files have it. */
function interopDecoder(capacity: number, blockedStreams: number): QpackDecoder {
  const decoder = new QpackDecoder({
    maxTableCapacity: capacity,
    maxBlockedStreams: blockedStreams,
    maxFieldSectionSize: 65_536,
  })
  const writer = new Writer()
  writeSetCapacity(writer, capacity)
  decoder.receive(writer.finish())
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

describe.skipIf(!hasVectors)('QPACK offline interop', () => {
  const lists = new Map<string, Field[][]>()
  for (const name of hasVectors ? ['netbsd-hq', 'fb-req-hq', 'fb-resp-hq'] : []) {
    lists.set(name, parseQif(readVectorText(`${FOLDER}/qifs/${name}.qif`)))
  }
  const all = hasVectors ? files() : []

  test('there are 66 files', () => {
    expect(all).toHaveLength(66)
  })

  test.each(all)('$name decodes to its header lists', ({ name, qif, capacity, blockedStreams }) => {
    const sections = decodeBlocks(interopDecoder(capacity, blockedStreams), blocksOf(`encoded/${name}`))
    expect(inStreamOrder(sections)).toEqual(lists.get(qif))
  })

  test.each(['err1', 'err3', 'err5', 'err7', 'err11'])('errors/%s is refused', (name) => {
    expect(() => decodeBlocks(interopDecoder(4096, 100), blocksOf(`errors/${name}`))).toThrow(Http3Error)
  })
})
