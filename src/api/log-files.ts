/**
 * Logs in files, for Node, Deno and Bun: qlog, one file for each connection, by the name that the drafts recommend,
 * `<odcid>_<role>.sqlog`; and the NSS key log. Written in blocks, and at the end of the process whatever is left, so that a
 * log is whole however its connection ends.
 */
import { appendFileSync, closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { type KeyLogger, type KeyLogOptions, keyLogTo } from '../qlog/keylog-to.ts'
import { type QlogOptions, qlogTo } from '../qlog/qlog-to.ts'
import type { QlogRecordSink } from '../qlog/sink.ts'
import type { ObserverFactory } from '../wire/observer.ts'

/** UTF-16 code units that are written at once. */
const BLOCK = 65_536

/** ms after which a file has what was logged, for whoever looks on. */
const FLUSH_AFTER = 250

/** For whoever runs the process alone: the keys of a connection are in the file. */
const SECRET_MODE = 0o600

/**
 * The option `observer` of `connect` and `listen`: logs each connection into a file of `folder`, which is made where it is
 * missing. A connection has at most 64 KiB that are not in its file yet.
 * @throws Error where the folder cannot be made
 *
 * @example
 * ```ts
 * import { listen } from 'isoquic'
 * import { devCertificate } from 'isoquic/dev'
 * import { qlogFolder } from 'isoquic/qlog/files'
 *
 * const certificate = await devCertificate()
 * const server = await listen(transport, { alpn: ['echo'], certificate, observer: qlogFolder('logs') })
 * ```
 */
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

/**
 * The option `keyLog` of `connect` and `listen`: appends each line to a file at once, as `SSLKEYLOGFILE` has it. A new file can
 * be read by its owner alone. What cannot be written disturbs no connection: `onError` is told of it once.
 *
 * @example
 * ```ts
 * import { connect } from 'isoquic'
 * import { keyLogFile } from 'isoquic/qlog/files'
 *
 * const keyLog = keyLogFile('keys.log')
 * const connection = await connect(transport, { address: 'example.org:4433', alpn: ['echo'], keyLog })
 * ```
 */
export function keyLogFile(path: string, options: KeyLogOptions = {}): KeyLogger {
  return keyLogTo((line) => appendFileSync(path, line, { mode: SECRET_MODE }), options)
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
