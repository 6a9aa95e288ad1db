/**
 * qlog files in a folder, one for each connection, by the name that the drafts recommend: `<odcid>_<role>.sqlog`. Written in
 * blocks, and at the end of the process whatever is left, so that a log is whole however its connection ends.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type QlogOptions, qlogTo } from '../qlog/qlog-to.ts'
import type { QlogRecordSink } from '../qlog/sink.ts'
import type { ObserverFactory } from '../wire/observer.ts'

/** UTF-16 code units that are written at once. */
const BLOCK = 65_536

/** ms after which a file has what was logged, for whoever looks on. */
const FLUSH_AFTER = 250

/** The option `observer` of `connect` and `listen`: logs into `folder`, which is made where it is missing. @throws Error where it cannot be */
export function qlogFolder(folder: string, options: QlogOptions = {}): ObserverFactory {
  mkdirSync(folder, { recursive: true })
  const open = new Set<QlogFileSink>()
  process.once('exit', () => {
    for (const file of [...open]) file.close()
  })
  return qlogTo(({ fileName }) => new QlogFileSink(join(folder, fileName), open), {
    wallClock: () => Date.now(),
    ...options,
  })
}

/** One file. */
class QlogFileSink implements QlogRecordSink {
  readonly #file: number
  readonly #open: Set<QlogFileSink>
  #waiting = ''
  #timer: NodeJS.Timeout | undefined = undefined

  constructor(path: string, open: Set<QlogFileSink>) {
    this.#file = openSync(path, 'w')
    this.#open = open
    open.add(this)
  }

  write(record: string): void {
    this.#waiting += record
    if (this.#waiting.length >= BLOCK) this.#flush()
    else this.#timer ??= setTimeout(() => this.#flushLate(), FLUSH_AFTER).unref()
  }

  close(): void {
    this.#open.delete(this)
    try {
      this.#flush()
    } finally {
      closeSync(this.#file)
    }
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const bytes = Buffer.from(this.#waiting)
    this.#waiting = ''
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#file, bytes, at)
  }

  #flushLate(): void {
    try {
      this.#flush()
    } catch {
      // The next record meets the same fault where it can be reported.
      this.#timer = undefined
    }
  }
}
