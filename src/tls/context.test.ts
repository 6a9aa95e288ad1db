import { expect, test } from 'vitest'
import { EMPTY } from '../base/bytes.ts'
import { TLS_AES_128_GCM_SHA256 } from '../crypto/suites.ts'
import { HandshakeContext } from './context.ts'
import { clientConfig } from './handshake.fixtures.ts'
import { TlsLevel } from './session.ts'

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)
const secret = (): Uint8Array => new Uint8Array(32).fill(7)

//= rfc9846#6-p3-2
test('at the end every secret is wiped that was not given away', () => {
  const context = new HandshakeContext(clientConfig())
  const kept = context.keep(secret())
  const exporter = context.keep(secret())
  context.openExporter(TLS_AES_128_GCM_SHA256, exporter)
  context.emitSecret(TlsLevel.handshake, 'read', kept, TLS_AES_128_GCM_SHA256)
  const [taken] = context.takeEvents()
  context.wipeAll()
  expect(isZero(kept)).toBe(true)
  expect(isZero(exporter)).toBe(true)
  expect(taken?.type === 'secret' && isZero(taken.secret)).toBe(false)
  expect(() => context.export('EXPORTER-x', EMPTY, 8)).toThrow(Error)
  expect(context.takeEvents()).toEqual([])
})

test('a secret that has done its duty is wiped, and its copy in an event is not', () => {
  const context = new HandshakeContext(clientConfig())
  const kept = context.keep(secret())
  context.emitSecret(TlsLevel.handshake, 'write', kept, TLS_AES_128_GCM_SHA256)
  context.wipe(kept)
  expect(isZero(kept)).toBe(true)
  const [event] = context.takeEvents()
  expect(event).toMatchObject({ type: 'secret', secret: secret() })
})
