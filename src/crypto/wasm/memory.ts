/** The memory of an engine, before there is anything that works in it: scratch, expanded keys, what the caller needs, the arena. */
import { CONTEXTS_END, READ_BEYOND } from './layout.ts'

const PAGE = 65_536

/** One memory, which never grows: a grown one detaches every view. */
export class EngineMemory {
  readonly memory: WebAssembly.Memory
  /** Where the packets lie. */
  readonly arena: Uint8Array

  /**
   * @param scratchBytes room that the caller needs beside the arena, from {@link CONTEXTS_END} on.
   * @throws RangeError where there is not so much memory.
   */
  constructor(arenaBytes: number, scratchBytes = 0) {
    const start = CONTEXTS_END + Math.ceil(scratchBytes / 64) * 64
    const pages = Math.ceil((start + arenaBytes + READ_BEYOND) / PAGE)
    this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
    this.arena = new Uint8Array(this.memory.buffer, start, arenaBytes)
  }
}
