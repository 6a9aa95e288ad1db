import { describe, expect, test } from 'vitest'
import { noble } from '../crypto/noble/provider.ts'
import { createClientSession } from './client-session.ts'
import { NamedGroup } from './code-points.ts'
import { clientConfig, serverConfig } from './handshake.fixtures.ts'
import { createServerSession } from './server-session.ts'

describe('a client configuration', () => {
  test.each([
    ['no protocol', { alpn: [] }],
    ['an empty protocol name', { alpn: [''] }],
    ['a protocol name of 256 bytes', { alpn: ['é'.repeat(128)] }],
    ['no suite', { suites: [] }],
    ['no group that the provider has', { groups: [0x0100] }],
    ['a share of a group that is not offered', { groups: [NamedGroup.x25519], shares: [NamedGroup.secp256r1] }],
    ['a server name that is not ASCII', { serverName: 'bücher.example' }],
    ['a server name that is too long', { serverName: 'a'.repeat(254) }],
    ['no verifier of handshake signatures', { crypto: { ...noble, verifiers: [] } }],
  ])('with %s is refused', (_name, changes) => {
    expect(() => createClientSession(clientConfig(changes))).toThrow(RangeError)
  })
})

describe('a server configuration', () => {
  test.each([
    ['no protocol', { alpn: [] }],
    ['no suite', { suites: [] }],
    ['no group that the provider has', { groups: [0x0100] }],
  ])('with %s is refused', (_name, changes) => {
    expect(() => createServerSession(serverConfig(changes))).toThrow(RangeError)
  })
})
