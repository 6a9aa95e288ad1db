/**
 * The error codes of WebTransport over HTTP/3 (draft-ietf-webtrans-http3 §9.5), and the two mappings between what an
 * application says of a stream and what stands in RESET_STREAM and STOP_SENDING (§4.4).
 */

/** Codes of the protocol itself. */
export const WebTransportErrorCode = {
  /** A stream came for a session that is not there. */
  WT_BUFFERED_STREAM_REJECTED: 0x3994bd84n,
  /** The session of a stream has ended. */
  WT_SESSION_GONE: 0x170d7b68n,
  WT_FLOW_CONTROL_ERROR: 0x045d4487n,
  WT_ALPN_ERROR: 0x0817b3ddn,
  /** The peer lacks a setting or a transport parameter that WebTransport needs. */
  WT_REQUIREMENTS_NOT_MET: 0x212c0d48n,
} as const

/** The largest code that an application can give. */
export const MAX_APPLICATION_CODE = 0xffff_ffff

/** The largest code in draft -02, §4.3: it has eight bits there. */
const MAX_CODE_OF_DRAFT_02 = 0xff

/** Where the range begins, and ends. Both are exact as numbers, and so is all between. */
const FIRST = 0x52e4_a40f_a8db
const LAST = 0x52e5_ac98_3162

/** Every so many codes of HTTP/3 one is reserved (RFC 9114 §8.1) and skipped. */
const PERIOD = 0x1f

/**
 * The code of HTTP/3 that stands for an application's. In draft -02 what is above 255 becomes 255, since nothing else that
 * its peers read would come nearer.
 * @throws RangeError for anything but an integer from 0 to 2^32-1.
 */
export function toHttpCode(code: number, draft: number): bigint {
  if (!(Number.isInteger(code) && code >= 0 && code <= MAX_APPLICATION_CODE)) {
    throw new RangeError(`code must be an integer from 0 to ${MAX_APPLICATION_CODE}, got ${code}`)
  }
  const told = draft === 2 ? Math.min(code, MAX_CODE_OF_DRAFT_02) : code
  return BigInt(FIRST + told + Math.floor(told / (PERIOD - 1)))
}

/**
 * The application's code that a code of HTTP/3 stands for; `undefined`: it stands for none, and the stream was reset
 * without. In draft -02 as well all 32 bits are taken, since some of its peers send them.
 */
export function toApplicationCode(code: bigint): number | undefined {
  if (code < BigInt(FIRST) || code > BigInt(LAST)) return undefined
  const shifted = Number(code) - FIRST
  // Those of the form 0x1f * N + 0x21 are reserved; the first of them is 30 above the beginning of the range.
  if (shifted % PERIOD === PERIOD - 1) return undefined
  return shifted - Math.floor(shifted / PERIOD)
}
