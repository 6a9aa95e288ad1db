/** The files of the QPACK offline interop corpus: header lists, and what encoders made of them. */
import type { Field } from '../field.ts'

/** The header lists of a `.qif` file: name TAB value, an empty line between lists. */
export function parseQif(text: string): Field[][] {
  const lists: Field[][] = []
  let list: Field[] = []
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue
    const tab = line.indexOf('\t')
    if (tab >= 0) list.push({ name: line.slice(0, tab), value: line.slice(tab + 1) })
    else if (list.length > 0) {
      lists.push(list)
      list = []
    }
  }
  if (list.length > 0) lists.push(list)
  return lists
}

/** One block of an encoded file: stream 0 is the encoder stream, any other carries a section. */
export interface InteropBlock {
  readonly streamId: number
  readonly bytes: Uint8Array
}

/** The blocks of an encoded file: 8 bytes of stream id, 4 of length, the data. */
export function parseBlocks(file: Uint8Array): InteropBlock[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const blocks: InteropBlock[] = []
  for (let at = 0; at < file.length; ) {
    const length = view.getUint32(at + 8)
    const bytes = file.subarray(at + 12, at + 12 + length)
    blocks.push({ streamId: Number(view.getBigUint64(at)), bytes })
    at += 12 + length
  }
  return blocks
}
