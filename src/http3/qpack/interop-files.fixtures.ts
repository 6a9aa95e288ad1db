/** The files of the QPACK offline interop corpus: header lists, and what encoders made of them. */
import { readdirSync, readFileSync } from 'node:fs'
import { readVectorText, vectorPath } from '../../../e2e/support/vectors.ts'
import type { Field } from '../field.ts'

const FOLDER = 'qpack/interop'

/** The header lists of a `.qif` file: name TAB value, an empty line between lists. */
function parseQif(text: string): Field[][] {
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
function parseBlocks(file: Uint8Array): InteropBlock[] {
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

/** An encoded file, as its name says it: what table it is for, and whether its encoder was told of each section. */
export interface InteropFile {
  readonly name: string
  readonly qif: string
  readonly capacity: number
  readonly blockedStreams: number
  readonly isAcknowledged: boolean
}

/** The 66 encoded files. */
export function interopFiles(): InteropFile[] {
  return ['ls-qpack', 'nghttp3', 'quinn'].flatMap((encoder) =>
    readdirSync(vectorPath(`${FOLDER}/encoded/${encoder}`)).map((file) => {
      const [qif = '', , capacity = '', blockedStreams = '', acknowledged] = file.split('.')
      const name = `${encoder}/${file}`
      return {
        name,
        qif,
        capacity: Number(capacity),
        blockedStreams: Number(blockedStreams),
        isAcknowledged: acknowledged === '1',
      }
    }),
  )
}

/** The blocks of a file of the corpus. */
export function blocksOf(name: string): InteropBlock[] {
  return parseBlocks(readFileSync(vectorPath(`${FOLDER}/${name}`)))
}

/** The header lists of each `.qif`, by its name. */
export function interopLists(): Map<string, Field[][]> {
  const names = ['netbsd-hq', 'fb-req-hq', 'fb-resp-hq']
  return new Map(names.map((name) => [name, parseQif(readVectorText(`${FOLDER}/qifs/${name}.qif`))]))
}
