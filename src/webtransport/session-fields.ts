/** The header sections of CONNECT and of its answer (draft-ietf-webtrans-http3 §3.2, §3.3): made, checked, understood. */
import { checkCapsuleMessage } from '../http3/capsule-protocol.ts'
import type { Field } from '../http3/field.ts'
import { malformed, unsendable } from '../http3/field-rules.ts'
import { type RequestHead, type ResponseHead, requestFields, responseFields } from '../http3/message.ts'
import { formatPriority, type Priority } from '../http3/priority.ts'
import { draftRequestFields, draftResponseFields, upgradeToken, type WebTransportDraft } from './negotiation.ts'
import {
  AVAILABLE_PROTOCOLS_FIELD,
  formatProtocol,
  formatProtocols,
  PROTOCOL_FIELD,
  parseProtocol,
  parseProtocols,
} from './protocols.ts'

/** What a client asks for a session with. */
export interface SessionRequest {
  /** Host, and the port unless it is that of https. */
  readonly authority: string
  /** With the query. */
  readonly path: string
  /** Of the page that asks; browsers name it always. */
  readonly origin?: string | undefined
  readonly fields?: Iterable<Field> | undefined
  /** Application protocols, the most preferred first. */
  readonly protocols?: readonly string[] | undefined
  /** Without one of them in the answer the session fails with WT_ALPN_ERROR; default `false`. */
  readonly requiresProtocol?: boolean | undefined
  /** Of the session against all else on the connection; the server hears of it (§3.4). */
  readonly priority?: Priority | undefined
}

/** How a server accepts. */
export interface SessionAnswer {
  /** 2xx; default 200. */
  readonly status?: number | undefined
  /** One of those that the client offered. */
  readonly protocol?: string | undefined
  readonly fields?: Iterable<Field> | undefined
}

/** How a server refuses. */
export interface SessionRefusal {
  /** 3xx to 5xx. */
  readonly status: number
  readonly fields?: Iterable<Field> | undefined
  readonly body?: Uint8Array | undefined
}

/**
 * The header section of CONNECT.
 * @throws TypeError for fields or protocols that must not be sent
 */
export function connectFields(request: SessionRequest, draft: WebTransportDraft): Field[] {
  const { authority, path, origin, priority, protocols = [] } = request
  const fields: Field[] = origin === undefined ? [] : [{ name: 'origin', value: origin }]
  fields.push(...draftRequestFields(draft))
  if (protocols.length > 0) fields.push({ name: AVAILABLE_PROTOCOLS_FIELD, value: formatProtocols(protocols) })
  if (priority !== undefined) fields.push({ name: 'priority', value: formatPriority(priority) })
  fields.push(...ownFields(request.fields, AVAILABLE_PROTOCOLS_FIELD))
  const lines = requestFields({
    method: 'CONNECT',
    protocol: upgradeToken(draft),
    scheme: 'https',
    authority,
    path,
    fields,
  })
  checkCapsuleMessage(lines, undefined, unsendable)
  return lines
}

/**
 * The header section that accepts.
 * @throws TypeError for fields that must not be sent, and a protocol that was not offered; RangeError for a status that opens
 * no session
 */
export function answerFields(
  answer: SessionAnswer,
  offered: readonly string[],
  draft: WebTransportDraft | undefined,
): Field[] {
  const { protocol, status = 200 } = answer
  if (!(Number.isInteger(status) && status >= 200 && status <= 299)) {
    throw new RangeError(`status must be from 200 to 299, got ${status}`)
  }
  if (protocol !== undefined && !offered.includes(protocol)) {
    throw new TypeError(`protocol must be one of those that the client offered, got ${JSON.stringify(protocol)}`)
  }
  const fields: Field[] = draft === undefined ? [] : [...draftResponseFields(draft)]
  if (protocol !== undefined) fields.push({ name: PROTOCOL_FIELD, value: formatProtocol(protocol) })
  fields.push(...ownFields(answer.fields, PROTOCOL_FIELD))
  const lines = responseFields(status, fields)
  checkCapsuleMessage(lines, status, unsendable)
  return lines
}

/**
 * The header section that refuses.
 * @throws TypeError for fields that must not be sent; RangeError for a status that refuses nothing
 */
export function refusalFields({ fields = [], status }: SessionRefusal): Field[] {
  if (!(Number.isInteger(status) && status >= 300 && status <= 599)) {
    throw new RangeError(`status must be from 300 to 599, got ${status}`)
  }
  return responseFields(status, fields)
}

/** The fields that the application gives. @throws TypeError where one is ours to give */
function ownFields(fields: Iterable<Field> | undefined, reserved: string): Field[] {
  const own = [...(fields ?? [])]
  for (const { name } of own) {
    if (name.toLowerCase() === reserved) throw new TypeError(`The field ${reserved} cannot be given among the fields`)
  }
  return own
}

/** What a client offers (§3.3). */
export function offeredProtocols(head: RequestHead): readonly string[] {
  return parseProtocols(joined(head.fields, AVAILABLE_PROTOCOLS_FIELD) ?? '') ?? []
}

/** What the server chose (§3.3). */
export function chosenProtocol(head: ResponseHead): string | undefined {
  const value = joined(head.fields, PROTOCOL_FIELD)
  return value === undefined ? undefined : parseProtocol(value)
}

/** The lines of a field as one (RFC 9110 §5.3). */
function joined(fields: readonly Field[], wanted: string): string | undefined {
  const values = fields.filter(({ name }) => name === wanted).map(({ value }) => value)
  return values.length === 0 ? undefined : values.join(', ')
}

/** The value of a field that comes once at most; of several the first. */
export function fieldValue(fields: readonly Field[], wanted: string): string | undefined {
  return fields.find(({ name }) => name === wanted)?.value
}

/** RFC 9297 §3.2, of an answer that opens a session. @throws Http3Error H3_MESSAGE_ERROR */
export function checkOpening(head: ResponseHead): void {
  checkCapsuleMessage(head.fields, head.status, malformed)
}

/** Newest draft §3.2, and RFC 9297 §3.2. @throws Http3Error H3_MESSAGE_ERROR for what is no request for a session */
export function checkConnect(head: RequestHead): { readonly authority: string; readonly path: string } {
  const { authority, path, scheme } = head
  if (scheme !== 'https') throw malformed(`A session must be asked for with https, and is with ${scheme}`)
  if (authority === undefined || path === undefined)
    throw malformed('A session must be asked for with authority and path')
  checkCapsuleMessage(head.fields, undefined, malformed)
  return { authority, path }
}
