/** What each case of the interop runner asks of a connection, as options of isoquic. */
import { keyLogFile, qlogFolder } from '../../src/api/log-files.ts'
import type { CommonOptions } from '../../src/index.ts'
import type { Contract } from './contract.ts'

const CHACHA20 = 'TLS_CHACHA20_POLY1305_SHA256'

/** A version that nobody speaks (RFC 9000 §15). */
export const RESERVED_VERSION = 0x1a2a3a4a

/** QUIC versions 1 and 2 (RFC 9000 §15, RFC 9369 §3). */
export const VERSION_1 = 0x00000001
export const VERSION_2 = 0x6b3343cf

/** The group that no computer of today or tomorrow undoes (draft-ietf-tls-ecdhe-mlkem §5). */
const X25519_MLKEM768 = 0x11ec

/** ms; three of ten datagrams lost, in bursts, make a handshake wait for several probe timeouts. */
const PATIENCE = 60_000

/** The options that both roles share; asked for once in a process. */
export function commonOptions({ testCase, alpn, keepAlive, keyLog, qlogs }: Contract): CommonOptions {
  return {
    alpn: [alpn],
    handshakeTimeout: PATIENCE,
    ...(keepAlive !== undefined && { keepAlive }),
    ...(qlogs !== undefined && { observer: qlogFolder(qlogs) }),
    // A client begins with version 1 and offers 2; a server changes to it.
    ...(testCase === 'v2' && { versions: [VERSION_2, VERSION_1], preferredVersions: [VERSION_2] }),
    ...(testCase === 'mlkem' && { groups: [X25519_MLKEM768] }),
    ...(testCase === 'chacha20' && { cipherSuites: [CHACHA20] }),
    ...(keyLog !== undefined && { keyLog: keyLogFile(keyLog) }),
  }
}
