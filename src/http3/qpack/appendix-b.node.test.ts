import { describe, expect, test } from 'vitest'
import { hasVectors, readVectors } from '../../../e2e/support/vectors.ts'
import { fromHex, toHex } from '../../base/bytes.ts'
import { Http3Error } from '../error.ts'
import type { Field } from '../field.ts'
import { fieldSize } from '../field.ts'
import type { QpackDecoder } from './decoder.ts'
import { EncoderTable } from './encoder-table.ts'
import { field, newDecoder, newEncoder, section } from './qpack.fixtures.ts'
import { QpackLink } from './qpack-link.fixtures.ts'

interface TableEntry extends Field {
  readonly absoluteIndex: number
  readonly references: number
}

interface Step {
  readonly stream: string
  readonly bytes: string
  readonly instructions: readonly string[]
  readonly dynamicTable: {
    readonly entries: readonly TableEntry[]
    readonly acknowledged: number
    readonly size: number
  }
  readonly fieldLines?: readonly Field[]
}

interface Example {
  readonly section: string
  readonly title: string
  readonly steps: readonly Step[]
}

const CAPACITY = 220
const examples = hasVectors
  ? readVectors<{ readonly examples: readonly Example[] }>('qpack/rfc9204-appendix-b.json').examples
  : []
const steps = examples.flatMap((example) => example.steps).map(whole)

/** The file has lost the last line of the bytes of B.3, ASCII alone, which the RFC shows beside them. */
function whole(step: Step): Step {
  return step.bytes.endsWith('0c63757374') ? { ...step, bytes: `${step.bytes}6f6d2d76616c7565` } : step
}

/** A decoder that has seen the first `count` steps, but for sections that were cancelled; and what it said of the last. */
function decoderAfter(count: number): { readonly decoder: QpackDecoder; readonly said: string } {
  const decoder = newDecoder({ maxTableCapacity: CAPACITY })
  let said = ''
  for (const step of steps.slice(0, count)) {
    const bytes = fromHex(step.bytes)
    if (step.stream === 'Encoder') decoder.receive(bytes)
    else if (step.stream !== 'Decoder' && step.stream !== '8') decoder.decode(Number(step.stream), bytes)
    if (step.instructions[0]?.startsWith('Stream Cancellation')) decoder.cancel(8)
    // The decoder of the appendix says what it says at the steps of its stream, or not at all.
    if (step.stream === 'Decoder') said = toHex(decoder.takeInstructions() ?? new Uint8Array(0))
  }
  return { decoder, said }
}

/** Entry after entry, as a section that refers to one of them alone shows it. */
function entriesOf(decoder: QpackDecoder): (Field & { readonly absoluteIndex: number })[] {
  const entries: (Field & { readonly absoluteIndex: number })[] = []
  for (let absoluteIndex = 0; absoluteIndex < 6; absoluteIndex++) {
    try {
      const [line] = decoder.decode(100, section(absoluteIndex + 1, '80', CAPACITY))?.fields ?? []
      if (line !== undefined) entries.push({ absoluteIndex, name: line.name, value: line.value })
    } catch (error) {
      expect(error).toBeInstanceOf(Http3Error)
    }
  }
  return entries
}

describe.skipIf(!hasVectors)('RFC 9204 Appendix B', () => {
  test.each(steps.map((step, index) => ({ ...step, index })))('step $index: $instructions', (step) => {
    const { decoder, said } = decoderAfter(step.index + 1)
    const expected = step.dynamicTable.entries.map(({ absoluteIndex, name, value }) => ({ absoluteIndex, name, value }))
    if (step.fieldLines !== undefined) {
      // The table is as it was: sections do not change it.
      const fields = decoderAfter(step.index).decoder.decode(Number(step.stream), fromHex(step.bytes))?.fields
      expect(fields).toEqual(step.fieldLines)
    }
    // A cancellation that the appendix sends alone goes here along with the inserts that nothing has acknowledged.
    if (step.stream === 'Decoder') expect(said).toBe(step.bytes === '48' ? '4801' : step.bytes)
    const entries = entriesOf(decoder)
    expect(entries).toEqual(expected)
    expect(entries.reduce((sum, { name, value }) => sum + fieldSize(name, value), 0)).toBe(step.dynamicTable.size)
  })

  test('the table of an encoder that makes the same choices goes through the same states', () => {
    const table = new EncoderTable()
    table.setCapacity(CAPACITY)
    const insert = (line: string, duplicateOf = -1): void => {
      const { name, value } = field(line)
      expect(table.hasRoom(name, value, Infinity)).toBe(true)
      table.insert(name, value, duplicateOf)
    }
    const check = (index: number): void => {
      const { entries, acknowledged } = steps[index]?.dynamicTable ?? { entries: [], acknowledged: 0 }
      const found: unknown[] = []
      for (let i = table.dropCount; i < table.insertCount; i++) {
        const entry = table.get(i)
        found.push({ absoluteIndex: entry?.index, name: entry?.name, value: entry?.value })
      }
      expect(found).toEqual(entries.map(({ absoluteIndex, name, value }) => ({ absoluteIndex, name, value })))
      expect(table.knownReceivedCount).toBe(acknowledged)
    }
    check(0)
    insert(':authority: www.example.com')
    insert(':path: /sample/path')
    check(1)
    table.knownReceivedCount = 2
    check(3)
    insert('custom-key: custom-value')
    check(4)
    table.knownReceivedCount = 3
    check(5)
    expect(table.find(':authority', 'www.example.com')?.index).toBe(0)
    insert(':authority: www.example.com', 0)
    check(6)
    expect(table.find(':authority', 'www.example.com')?.index).toBe(3)
    expect(table.findName('custom-key')).toBe(2)
    insert('custom-key: custom-value2')
    check(9)
    expect(table.findName('custom-key')).toBe(4)
    expect(table.find('custom-key', 'custom-value')?.index).toBe(2)
  })

  test('the lists of the appendix come through an encoder and a decoder of ours', () => {
    const link = new QpackLink(newEncoder(CAPACITY, 1), newDecoder({ maxTableCapacity: CAPACITY }), () => 0)
    const lists = steps.flatMap((step) => (step.fieldLines === undefined ? [] : [step.fieldLines]))
    expect(lists).toHaveLength(3)
    for (let i = 0; i < 12; i++) {
      link.send(4 * i, lists[i % 3] ?? [])
      link.settle()
      expect(link.received.get(4 * i)).toEqual([lists[i % 3]])
    }
  })
})
