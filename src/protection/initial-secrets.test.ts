import { expect, test } from 'vitest'
import { fromHex, toHex } from '../base/bytes.ts'
import { NONCE_LENGTH } from '../crypto/packet-nonce.ts'
import type { PacketEngine } from '../crypto/provider.ts'
import { TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256 } from '../crypto/suites.ts'
import { VERSION_1, VERSION_2 } from '../wire/version.ts'
import { deriveHeaderKey, deriveNextSecret, deriveProtector } from './derive.ts'
import { initialSecrets } from './initial-secrets.ts'

const DESTINATION = fromHex('8394c8f03e515708')

/** Appendix A.1 of RFC 9001 and RFC 9369: secret, key, IV, header key of client and server. */
const SECRETS = [
  {
    name: 'RFC 9001',
    version: VERSION_1,
    client: [
      'c00cf151ca5be075ed0ebfb5c80323c42d6b7db67881289af4008f1f6c357aea',
      '1f369613dd76d5467730efcbe3b1a22d',
      'fa044b2f42a3fd3b46fb255c',
      '9f50449e04a0e810283a1e9933adedd2',
    ],
    server: [
      '3c199828fd139efd216c155ad844cc81fb82fa8d7446fa7d78be803acdda951b',
      'cf3a5331653c364c88f0f379b6067e37',
      '0ac1493ca1905853b0bba03e',
      'c206b8d9b9f0f37644430b490eeaa314',
    ],
  },
  {
    name: 'RFC 9369',
    version: VERSION_2,
    client: [
      '14ec9d6eb9fd7af83bf5a668bc17a7e283766aade7ecd0891f70f9ff7f4bf47b',
      '8b1a0bc121284290a29e0971b5cd045d',
      '91f73e2351d8fa91660e909f',
      '45b95e15235d6f45a6b19cbcb0294ba9',
    ],
    server: [
      '0263db1782731bf4588e7e4d93b7463907cb8cd8200b5da55a8bd488eafc37c1',
      '82db637861d55e1d011f19ea71d5d2a7',
      'dd13c276499c0249d3310652',
      'edf6d05c83121201b436e16877593c3a',
    ],
  },
] as const

/** Appendix A.5 of both: the ChaCha20 secret's key, IV, header key and next secret. */
const CHACHA_SECRET = '9ac312a7f877468ebe69422748ad00a15443f18203a07d6060f688f30f21632b'
const CHACHA = [
  {
    version: VERSION_1,
    key: 'c6d98ff3441c3fe1b2182094f69caa2ed4b716b65488960a7a984979fb23e1c8',
    iv: 'e0459b3474bdd0e44a41c144',
    headerKey: '25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4',
    next: '1223504755036d556342ee9361d253421a826c9ecdf3c7148684b36b714881f9',
  },
  {
    version: VERSION_2,
    key: '3bfcddd72bcf02541d7fa0dd1f5f9eeea817e09a6963a0e6c7df0f9a1bab90f2',
    iv: 'a6b5bc6ab7dafce30ffff5dd',
    headerKey: 'd659760d2ba434a226fd37b35c69e2da8211d10c4f12538787d65645d5d1b8e2',
    next: 'c69374c49e3d2a9466fa689e49d476db5d0dfbc87d32ceeaa6343fd0ae4c7d88',
  },
] as const

/** The keys that an engine was given, in hexadecimal: key, IV, header key. */
function derivedKeys(version: number, secret: Uint8Array, suite = TLS_AES_128_GCM_SHA256): string[] {
  const keys: string[] = []
  const engine: PacketEngine = {
    arena: new Uint8Array(0),
    createProtector(_suite, key, iv, headerKey) {
      keys.push(toHex(key), toHex(iv), toHex(headerKey))
      return { seal() {}, unmask() {}, open() {}, discard() {} }
    },
  }
  deriveProtector(engine, suite, version, secret, deriveHeaderKey(suite, version, secret))
  return keys
}

for (const { name, version, client, server } of SECRETS) {
  //= rfc9001#5.2-p8-1
  test(`${name} A.1: Initial secrets and keys of both directions`, () => {
    const secrets = initialSecrets(version, DESTINATION)
    expect([toHex(secrets.client), ...derivedKeys(version, secrets.client)]).toEqual(client)
    expect([toHex(secrets.server), ...derivedKeys(version, secrets.server)]).toEqual(server)
  })
}

for (const { version, key, iv, headerKey, next } of CHACHA) {
  test(`A.5 of version ${version.toString(16)}: keys and the next secret of a ChaCha20 secret`, () => {
    const secret = fromHex(CHACHA_SECRET)
    expect(derivedKeys(version, secret, TLS_CHACHA20_POLY1305_SHA256)).toEqual([key, iv, headerKey])
    expect(toHex(deriveNextSecret(TLS_CHACHA20_POLY1305_SHA256, version, secret))).toBe(next)
  })
}

test('an IV has the length of the nonce', () => {
  expect(NONCE_LENGTH).toBe(12)
})

test('a destination of no bytes has secrets too', () => {
  expect(initialSecrets(VERSION_1, new Uint8Array(0)).client.length).toBe(32)
})

test('a version that is not spoken is refused', () => {
  expect(() => initialSecrets(0x1a2a3a4a, DESTINATION)).toThrow(/version must be 1 or 2 of QUIC, got 0x1a2a3a4a/)
})
