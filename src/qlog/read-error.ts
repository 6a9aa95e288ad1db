/** What is wrong with a qlog file, and where. */

/** Why a file cannot be read at all. */
export type QlogErrorCode =
  /** It does not begin as a qlog file does. */
  | 'not_qlog'
  /** It is compressed: decompress it first. */
  | 'compressed'
  /** It names neither its `file_schema` nor its `qlog_version`. */
  | 'no_version'
  /** Its events are arrays, as before draft 02, and it does not say what their elements are. */
  | 'array_events'

/** A file that cannot be read as qlog. */
export class QlogError extends SyntaxError {
  override readonly name = 'QlogError'
  readonly code: QlogErrorCode
  /** Counted from 1. */
  readonly line: number
  /** Bytes before the place. */
  readonly offset: number

  constructor(code: QlogErrorCode, message: string, { line, offset }: Place) {
    super(message)
    this.code = code
    this.line = line
    this.offset = offset
  }
}

/** A place in a file. */
export interface Place {
  /** Counted from 1. */
  readonly line: number
  /** Bytes before it. */
  readonly offset: number
}

/** What a reader passed over. */
export type QlogWarningCode =
  /** A record or an element is no JSON. */
  | 'damaged'
  /** The file ends within a record, an event or its frame. */
  | 'truncated'
  /** It is longer than the reader's bound. */
  | 'too_large'
  /** It is JSON, but no event: it has no name or no time. */
  | 'not_an_event'
  /** An element of `traces` is no trace with events, but perhaps the report of an error. */
  | 'not_a_trace'
  /** The JSON around the traces is broken: what follows cannot be read. */
  | 'malformed'
  /** A trace says how its times are to be read behind its events, which were handed out as they are. */
  | 'late_times'

/** Something that was passed over, and where it begins. */
export interface QlogWarning extends Place {
  readonly code: QlogWarningCode
  readonly message: string
}
