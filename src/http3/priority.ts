/**
 * Extensible priorities (RFC 9218): the Priority field and the PRIORITY_UPDATE frame of HTTP/3. Which stream is then
 * served first is the scheduler's business.
 */
import { encodeUtf8, toLatin1 } from '../base/bytes.ts'
import { Reader } from '../base/reader.ts'
import { varintSize } from '../base/varint.ts'
import { Writer } from '../base/writer.ts'
import { checkPriority, DEFAULT_PRIORITY, type StreamPriority } from '../streams/scheduler.ts'
import { Http3Error, Http3ErrorCode } from './error.ts'
import { encodeFrame, FrameType } from './frames.ts'
import { type Member, parseDictionary } from './structured-fields.ts'

/** Urgency and incremental (RFC 9218 §4.1, §4.2). */
export type Priority = StreamPriority

/**
 * The priority that a Priority field value asks for. What is missing, unknown, out of range or of another type takes its
 * default; so does everything in a value that is malformed (RFC 9218 §4).
 */
export function parsePriority(value: string): Priority {
  const members = parseDictionary(value)
  if (members === undefined) return DEFAULT_PRIORITY
  return { urgency: urgencyOf(members.get('u')), incremental: incrementalOf(members.get('i')) }
}

function urgencyOf(member: Member | undefined): number {
  if (member === undefined || !('item' in member)) return DEFAULT_PRIORITY.urgency
  const { type, value } = member.item
  const isUrgency = type === 'integer' && value >= 0 && value <= 7
  // A sign alone does not make 0 another number: "-0" is the Integer 0.
  return isUrgency ? Math.abs(value) : DEFAULT_PRIORITY.urgency
}

function incrementalOf(member: Member | undefined): boolean {
  if (member === undefined || !('item' in member)) return DEFAULT_PRIORITY.incremental
  return member.item.type === 'boolean' ? member.item.value : DEFAULT_PRIORITY.incremental
}

/**
 * The Priority field value for a priority; '' for the default, which needs no field.
 * @throws RangeError unless the urgency is from 0 to 7.
 */
export function formatPriority(priority: Priority): string {
  checkPriority(priority)
  const parameters: string[] = []
  if (priority.urgency !== DEFAULT_PRIORITY.urgency) parameters.push(`u=${priority.urgency}`)
  if (priority.incremental) parameters.push('i')
  return parameters.join(', ')
}

/**
 * A whole PRIORITY_UPDATE frame for a request stream (RFC 9218 §7.2).
 * @throws RangeError unless the urgency is from 0 to 7.
 */
export function encodePriorityUpdate(streamId: number, priority: Priority): Uint8Array {
  const value = encodeUtf8(formatPriority(priority))
  const writer = new Writer(varintSize(streamId) + value.length)
  writer.varint(streamId)
  writer.bytes(value)
  return encodeFrame(FrameType.priorityUpdateRequest, writer.finish())
}

/** What a PRIORITY_UPDATE frame says. */
export interface PriorityUpdate {
  /** The stream or push that it is about; an id above 2^53-1 reads as 2^53-1. */
  readonly id: number
  readonly priority: Priority
}

/**
 * Reads the payload of a PRIORITY_UPDATE frame of either type. A field value that cannot be parsed gives the default.
 * @throws Http3Error H3_FRAME_ERROR where the id is truncated (RFC 9114 §7.1).
 */
export function decodePriorityUpdate(payload: Uint8Array): PriorityUpdate {
  const reader = new Reader(payload)
  const id = reader.varintSaturated()
  if (!reader.ok) {
    throw new Http3Error(
      Http3ErrorCode.H3_FRAME_ERROR,
      `PRIORITY_UPDATE of ${payload.length} bytes ends within its element id`,
    )
  }
  return { id, priority: parsePriority(toLatin1(payload, reader.offset)) }
}
