/** Which field lines were met lately: one that comes for the second time is likely to come again. */

// Lines remembered: the last one to two times this.
const GENERATION = 256

/** Hashes of the lines met lately, in bounded memory. */
export class FieldHistory {
  #recent = new Set<number>()
  #before = new Set<number>()

  /** Whether the line was met before; from now on it was. Two lines may rarely be taken for one. */
  meets(name: string, value: string): boolean {
    const hash = hashOf(name, value)
    if (this.#recent.has(hash)) return true
    if (this.#recent.size >= GENERATION) {
      this.#before = this.#recent
      this.#recent = new Set()
    }
    this.#recent.add(hash)
    return this.#before.has(hash)
  }
}

/** FNV-1a over the 16-bit units of both, 30 bits of it. */
function hashOf(name: string, value: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193)
  hash = Math.imul(hash ^ 0x100, 0x01000193)
  for (let i = 0; i < value.length; i++) hash = Math.imul(hash ^ value.charCodeAt(i), 0x01000193)
  return hash & 0x3fff_ffff
}
