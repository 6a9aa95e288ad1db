/** What each case of the interop runner asks of a connection, as options of isoquic. */
import { appendFileSync } from 'node:fs'
import type { CommonOptions } from '../../src/index.ts'
import type { Contract } from './contract.ts'
import { qlogObserver } from './qlog.ts'

const CHACHA20 = 'TLS_CHACHA20_POLY1305_SHA256'

/** A version that nobody speaks (RFC 9000 §15). */
export const RESERVED_VERSION = 0x1a2a3a4a

/** ms; three of ten datagrams lost, in bursts, make a handshake wait for several probe timeouts. */
const PATIENCE = 60_000

/** The options that both roles share. */
export function commonOptions(contract: Contract): CommonOptions {
  const { testCase, keyLog } = contract
  return {
    alpn: [contract.alpn],
    handshakeTimeout: PATIENCE,
    observer: qlogObserver(contract.qlogs, contract.role),
    ...(testCase === 'chacha20' && { cipherSuites: [CHACHA20] }),
    ...(keyLog !== undefined && { keyLog: (line: string) => appendFileSync(keyLog, `${line}\n`) }),
  }
}
