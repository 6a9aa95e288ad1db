/** Numbers of the wire in words (RFC 9000 §17, §19). */

const PACKETS = ['Initial', '0-RTT', 'Handshake', 'Retry', '1-RTT', 'Version Negotiation']

const FRAMES: Readonly<Record<number, string>> = {
  0: 'PADDING',
  1: 'PING',
  2: 'ACK',
  3: 'ACK',
  4: 'RESET_STREAM',
  5: 'STOP_SENDING',
  6: 'CRYPTO',
  7: 'NEW_TOKEN',
  8: 'STREAM',
  16: 'MAX_DATA',
  17: 'MAX_STREAM_DATA',
  18: 'MAX_STREAMS',
  19: 'MAX_STREAMS',
  20: 'DATA_BLOCKED',
  21: 'STREAM_DATA_BLOCKED',
  24: 'NEW_CONNECTION_ID',
  25: 'RETIRE_CONNECTION_ID',
  26: 'PATH_CHALLENGE',
  27: 'PATH_RESPONSE',
  28: 'CONNECTION_CLOSE',
  29: 'CONNECTION_CLOSE',
  30: 'HANDSHAKE_DONE',
  31: 'IMMEDIATE_ACK',
  48: 'DATAGRAM',
  175: 'ACK_FREQUENCY',
}

/** The name of a packet's type. */
export function packetName(type: number): string {
  return PACKETS[type] ?? String(type)
}

/** The name of a frame's type. */
export function frameName(type: number): string {
  return FRAMES[type] ?? `0x${type.toString(16)}`
}
