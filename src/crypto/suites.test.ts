import { expect, test } from 'vitest'
import { suiteById, TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256 } from './suites.ts'

test('suites are found by their code points, and no others', () => {
  for (const suite of [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256]) {
    expect(suiteById(suite.id)).toBe(suite)
  }
  // TLS_AES_128_CCM_SHA256, and TLS_AES_128_CCM_8_SHA256, which QUIC forbids (RFC 9001 §5.3).
  expect(suiteById(0x1304)).toBeUndefined()
  expect(suiteById(0x1305)).toBeUndefined()
})

//= rfc9001#6.6-p10-2
test('the limits are those of RFC 9001 §6.6', () => {
  for (const suite of [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384]) {
    expect(suite.confidentialityLimit).toBe(2 ** 23)
    expect(suite.integrityLimit).toBe(2 ** 52)
  }
  expect(TLS_CHACHA20_POLY1305_SHA256.confidentialityLimit).toBeGreaterThan(2 ** 62)
  expect(TLS_CHACHA20_POLY1305_SHA256.integrityLimit).toBe(2 ** 36)
})
