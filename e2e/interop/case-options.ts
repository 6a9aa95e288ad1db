/** What each case of the interop runner asks of a connection, as options of isoquic. */
import { appendFileSync } from 'node:fs'
import { qlogFolder } from '../../src/cli/qlog-folder.ts'
import type { CommonOptions } from '../../src/index.ts'
import type { Contract } from './contract.ts'

const CHACHA20 = 'TLS_CHACHA20_POLY1305_SHA256'

/** A version that nobody speaks (RFC 9000 §15). */
export const RESERVED_VERSION = 0x1a2a3a4a

/** ms; three of ten datagrams lost, in bursts, make a handshake wait for several probe timeouts. */
const PATIENCE = 60_000

/** The options that both roles share; asked for once in a process. */
export function commonOptions({ testCase, alpn, keepAlive, keyLog, qlogs }: Contract): CommonOptions {
  return {
    alpn: [alpn],
    handshakeTimeout: PATIENCE,
    ...(keepAlive !== undefined && { keepAlive }),
    ...(qlogs !== undefined && { observer: qlogFolder(qlogs) }),
    ...(testCase === 'chacha20' && { cipherSuites: [CHACHA20] }),
    ...(keyLog !== undefined && { keyLog: (line: string) => appendFileSync(keyLog, `${line}\n`) }),
  }
}
