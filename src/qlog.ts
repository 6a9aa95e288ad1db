/** Logs of connections for people and tools: qlog written and read, and the NSS key log. */
export { formatKeyLogLine, type KeyLogEntry, parseKeyLog, parseKeyLogLine } from './qlog/keylog.ts'
export { type QlogOptions, qlogTo } from './qlog/qlog-to.ts'
export { type QlogFile, type QlogTrace, readQlog } from './qlog/reader.ts'
export type { QlogEvent, QlogObject, QlogTraceInfo } from './qlog/schema.ts'
export type { QlogRecordSink, QlogSink } from './qlog/sink.ts'
export type { QlogWriterOptions } from './qlog/writer.ts'
export type { Observer, ObserverFactory } from './wire/observer.ts'
