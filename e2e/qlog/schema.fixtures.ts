/** Holds logs to the CDDL of the drafts, quickly: events of one shape, which differ in digits alone, are checked once. */
import { Cddl } from '../../src/qlog/cddl.fixtures.ts'
import type { QlogObject } from '../../src/qlog/schema.ts'
import { readVectorText } from '../support/vectors.ts'

/** What a log has been found to hold, and to break. */
export class SchemaCheck {
  readonly #schema = new Cddl(
    readVectorText('qlog/qlog-main-schema.cddl'),
    readVectorText('qlog/qlog-quic-events.cddl'),
  )
  readonly #shapes = new Set<string>()
  /** What is wrong, one sentence each, once for each shape. */
  readonly faults: string[] = []
  readonly events: Map<string, number> = new Map<string, number>()
  readonly frames: Set<string> = new Set<string>()
  /** Values of members that name a case, such as `packet_lost trigger time_threshold`. */
  readonly cases: Set<string> = new Set<string>()
  records = 0

  /** Checks one record of a log; `where` names the log in faults. */
  add(record: string, where: string): void {
    this.records += 1
    const shape = record.replace(/\d+/g, '0').replace(/"[0-9a-f]*0[0-9a-f]*"/g, '"0"')
    const value = JSON.parse(record.slice(1)) as QlogObject
    const name = value['name']
    if (typeof name === 'string') this.#count(name, value)
    if (this.#shapes.has(shape)) return
    this.#shapes.add(shape)
    const faults = typeof name === 'string' ? this.#eventFaults(name, value) : this.#schema.check('QlogFileSeq', value)
    for (const fault of faults) this.faults.push(`${where}: ${fault}`)
  }

  #count(name: string, { data }: QlogObject): void {
    this.events.set(name, (this.events.get(name) ?? 0) + 1)
    const { frames, header, new: state, trigger } = data as QlogObject
    for (const each of [trigger, state]) if (typeof each === 'string') this.cases.add(`${name} ${each}`)
    if (typeof header === 'object' && header !== null) {
      this.cases.add(`${name} ${(header as QlogObject)['packet_type']}`)
    }
    if (!Array.isArray(frames)) return
    for (const { frame_type, frame_type_bytes } of frames as QlogObject[]) {
      this.frames.add(frame_type === 'unknown' ? `0x${Number(frame_type_bytes).toString(16)}` : String(frame_type))
    }
  }

  #eventFaults(name: string, { data, ...rest }: QlogObject): string[] {
    const rule = this.#schema.eventRule(name)
    if (rule === undefined) return [`There is no event ${name}`]
    return [...this.#schema.check('Event', { ...rest, data: { message: '' } }), ...this.#schema.check(rule, data)]
  }
}
