import { describe, test } from 'vitest'
import { hasVectors, readVectors } from '../../e2e/support/vectors.ts'
import { concat, fromHex } from '../base/bytes.ts'
import { TlsAlert } from './alert.ts'
import { decodeClientHello } from './client-hello.ts'
import { createClientSession } from './client-session.ts'
import { clientConfig, serverConfig } from './handshake.fixtures.ts'
import { HEADER_LENGTH } from './message.ts'
import { createServerSession } from './server-session.ts'
import { TlsLevel } from './session.ts'

const inputs = hasVectors
  ? readVectors<{ readonly inputs: readonly string[] }>('seeds/neqo-client-hello.json').inputs
  : []

function onlyAlerts(work: () => void): void {
  try {
    work()
  } catch (error) {
    if (!(error instanceof TlsAlert)) throw error
  }
}

describe.skipIf(!hasVectors)('the ClientHello seeds of neqo', () => {
  test('bring forth nothing but alerts: as messages, as bodies, at each level, on either side', () => {
    for (const input of inputs) {
      const bytes = fromHex(input)
      const { length } = bytes
      const framed = concat(Uint8Array.of(1, length >>> 16, (length >>> 8) & 0xff, length & 0xff), bytes)
      onlyAlerts(() => decodeClientHello(bytes))
      onlyAlerts(() => decodeClientHello(bytes.subarray(HEADER_LENGTH)))
      for (const level of [TlsLevel.initial, TlsLevel.handshake]) {
        for (const one of [bytes, framed]) {
          onlyAlerts(() => createServerSession(serverConfig()).receive(level, one))
          onlyAlerts(() => createClientSession(clientConfig()).receive(level, one))
        }
      }
    }
  })
})
