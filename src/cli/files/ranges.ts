/** Byte ranges (RFC 9110 §14). */

/** A part of a file: from its first byte, so many. */
export interface ByteRange {
  readonly start: number
  readonly length: number
}

/** With more than these a client is broken, or means ill (RFC 9110 §17.15). */
const MAX_RANGES = 16

/**
 * The part of `size` bytes that a `Range` field asks for. Of several that do not touch it is the first: a server may send a portion
 * and leave the rest to be asked for again (§14.2), which spares a second format of answers.
 * `'whole'`: the field is to be ignored; `'none'`: nothing of it is there (416).
 */
export function rangeOf(field: string | null, size: number): ByteRange | 'whole' | 'none' {
  // The unit is compared without case (§14.1), and one that is not known is ignored.
  const [, list] = /^bytes=(.*)$/i.exec(field?.trim() ?? '') ?? []
  if (list === undefined) return 'whole'
  const specs = list
    .split(',')
    .map((spec) => spec.trim())
    .filter((spec) => spec !== '')
  if (specs.length === 0 || specs.length > MAX_RANGES) return 'whole'
  const ranges: ByteRange[] = []
  for (const spec of specs) {
    const range = parse(spec, size)
    if (range === undefined) return 'whole'
    if (range.length > 0) ranges.push(range)
  }
  return coalesced(ranges) ?? 'none'
}

/** `undefined`: invalid. A length of 0: nothing of it is there. */
function parse(spec: string, size: number): ByteRange | undefined {
  const [, from, to] = /^(\d*)-(\d*)$/.exec(spec) ?? []
  if (from === undefined || to === undefined || (from === '' && to === '')) return undefined
  if (from === '') {
    const length = Math.min(Number(to), size)
    return { start: size - length, length }
  }
  const start = Number(from)
  if (to === '') return { start, length: Math.max(0, size - start) }
  if (Number(to) < start) return undefined
  return { start, length: Math.max(0, Math.min(Number(to) + 1, size) - start) }
}

/** The first range with all that overlap or touch it. */
function coalesced(ranges: readonly ByteRange[]): ByteRange | undefined {
  const [first, ...rest] = ranges
  if (first === undefined) return undefined
  let start = first.start
  let end = start + first.length
  for (let others = rest, isGrowing = true; isGrowing; ) {
    const [low, high] = [start, end]
    const touching = others.filter((range) => range.start <= high && range.start + range.length >= low)
    others = others.filter((range) => !touching.includes(range))
    for (const range of touching) {
      start = Math.min(start, range.start)
      end = Math.max(end, range.start + range.length)
    }
    isGrowing = touching.length > 0
  }
  return { start, length: end - start }
}
