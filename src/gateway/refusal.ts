/** How each kind of client is told why: close codes of WebSockets, and HTTP with Proxy-Status (RFC 9209). */
import type { RefusalReason } from './rules.ts'

/** The codes of `docs/connect-udp-over-websocket.md` §4. */
const CLOSE_CODES: Readonly<Record<RefusalReason, number>> = {
  bad_request: 4400,
  unauthorized: 4401,
  destination_prohibited: 4403,
  destination_ip_prohibited: 4403,
  destination_port_prohibited: 4403,
  origin_prohibited: 4403,
  dns_error: 4404,
  idle: 4408,
  destination_unavailable: 4408,
  not_quic: 4415,
  rate_limited: 4429,
  internal_error: 4500,
}

/** The code with which a WebSocket is closed. */
export function closeCode(reason: RefusalReason): number {
  return CLOSE_CODES[reason]
}

const STATUS: Readonly<Record<RefusalReason, string>> = {
  bad_request: '400 Bad Request',
  unauthorized: '407 Proxy Authentication Required',
  destination_prohibited: '403 Forbidden',
  destination_ip_prohibited: '403 Forbidden',
  destination_port_prohibited: '403 Forbidden',
  origin_prohibited: '403 Forbidden',
  dns_error: '502 Bad Gateway',
  idle: '504 Gateway Timeout',
  destination_unavailable: '504 Gateway Timeout',
  not_quic: '403 Forbidden',
  rate_limited: '429 Too Many Requests',
  internal_error: '500 Internal Server Error',
}

/** RFC 9209 §2.3 has words for some of them; the others are said in `details`. */
const PROXY_ERRORS: Readonly<Partial<Record<RefusalReason, string>>> = {
  destination_ip_prohibited: 'destination_ip_prohibited',
  destination_unavailable: 'destination_unavailable',
  dns_error: 'dns_error',
  internal_error: 'proxy_internal_error',
}

/** The status with which a CONNECT is refused. */
export function refusalStatus(reason: RefusalReason): number {
  return Number.parseInt(STATUS[reason], 10)
}

/** The field `Proxy-Status` that says why (RFC 9209). */
export function proxyStatus(reason: RefusalReason): string {
  return `isoquic; error=${PROXY_ERRORS[reason] ?? 'http_request_denied'}; details="${reason}"`
}

/** A whole response that refuses a request. */
export function refusalResponse(reason: RefusalReason): string {
  return [
    `HTTP/1.1 ${STATUS[reason]}`,
    `Proxy-Status: ${proxyStatus(reason)}`,
    ...(reason === 'unauthorized' ? ['Proxy-Authenticate: Bearer'] : []),
    'Content-Length: 0',
    'Connection: close',
    '',
    '',
  ].join('\r\n')
}
