/** Lines of the NSS key log (draft-ietf-tls-keylogfile), by which analysers such as Wireshark decrypt a capture. */
import { toHex } from '../base/bytes.ts'

/** The labels of TLS 1.3 secrets (draft-ietf-tls-keylogfile §2.1). */
export type KeyLogLabel =
  | 'CLIENT_EARLY_TRAFFIC_SECRET'
  | 'CLIENT_HANDSHAKE_TRAFFIC_SECRET'
  | 'SERVER_HANDSHAKE_TRAFFIC_SECRET'
  | 'CLIENT_TRAFFIC_SECRET_0'
  | 'SERVER_TRAFFIC_SECRET_0'
  | 'EXPORTER_SECRET'

/** One line, without its end. */
export function keyLogLine(label: KeyLogLabel, clientRandom: Uint8Array, secret: Uint8Array): string {
  return `${label} ${toHex(clientRandom)} ${toHex(secret)}`
}
