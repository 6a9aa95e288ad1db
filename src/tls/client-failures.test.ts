import { describe, expect, test } from 'vitest'
import { concat, EMPTY, fromHex } from '../base/bytes.ts'
import { noble } from '../crypto/noble/provider.ts'
import { TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384 } from '../crypto/suites.ts'
import { CertificateError } from '../x509/certificate-error.ts'
import { createPathVerifier } from '../x509/path.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { encodeCertificate, encodeCertificateVerify } from './certificate-messages.ts'
import { CA_CERTIFICATE, P256, P384, WALL_CLOCK } from './certificates.fixtures.ts'
import { ExtensionType, HandshakeType, NamedGroup } from './code-points.ts'
import type { TlsClientConfig, TlsServerConfig } from './config.ts'
import {
  alertOf,
  clientConfig,
  editExtensions,
  handshake,
  identityOf,
  PACES,
  replacing,
  serverConfig,
  type Tamper,
  withBody,
} from './handshake.fixtures.ts'
import { HEADER_LENGTH } from './message.ts'
import { decodeServerHello, encodeRetryRequest } from './server-hello.ts'

const { serverHello, encryptedExtensions, certificate, certificateVerify, finished } = HandshakeType
const { alpn, cookie, earlyData, keyShare, quicTransportParameters, serverName, supportedVersions } = ExtensionType

/** Where the extension block stands in the body of a ServerHello without a session id. */
const SERVER_HELLO_BLOCK = 38

interface Case {
  readonly name: string
  readonly alert: number
  readonly tamper?: Tamper
  readonly client?: Partial<TlsClientConfig>
  readonly server?: Partial<TlsServerConfig>
}

function inServerHello(edit: (extensions: Map<number, Uint8Array>) => void): Tamper {
  return replacing('server', serverHello, (message) => editExtensions(message, SERVER_HELLO_BLOCK, edit))
}

function inEncryptedExtensions(edit: (extensions: Map<number, Uint8Array>) => void): Tamper {
  return replacing('server', encryptedExtensions, (message) => editExtensions(message, 0, edit))
}

function patched(type: number, at: number, ...values: readonly number[]): Tamper {
  return replacing('server', type, (message) => {
    const copy = message.slice()
    copy.set(values, HEADER_LENGTH + at)
    return copy
  })
}

function body(type: number, make: (before: Uint8Array) => Uint8Array): Tamper {
  return replacing('server', type, (message) => withBody(message, make(message.subarray(HEADER_LENGTH))))
}

function twice(block: Uint8Array, extension: Uint8Array): Uint8Array {
  const length = extension.length * 2
  return concat(block, Uint8Array.of(length >>> 8, length), extension, extension)
}

const SERVER_HELLO: readonly Case[] = [
  //= rfc9846#4.2.3-p4.2-2
  { name: 'another legacy_version', alert: 70, tamper: patched(serverHello, 0, 3, 4) },
  {
    //= rfc9846#4.2.3-p4.6-1
    name: 'a session id that was not sent',
    alert: 47,
    tamper: body(serverHello, (b) => concat(b.subarray(0, 34), Uint8Array.of(1, 7), b.subarray(35))),
  },
  //= rfc9846#4.2.3-p4.8-1
  { name: 'a suite that was not offered', alert: 47, tamper: patched(serverHello, 35, 0x13, 0x04) },
  //= rfc9846#4.2.3-p4.10-2
  { name: 'compression', alert: 47, tamper: patched(serverHello, 37, 1) },
  {
    //= rfc9001#4.2-p3-2
    //= rfc9846#E.1-p3-1
    name: 'an older version',
    alert: 70,
    tamper: inServerHello((extensions) => extensions.delete(supportedVersions)),
  },
  {
    //= rfc9846#4.2.3-p13-1
    //= rfc9846#4.2.3-p13-3
    name: 'the sign of a downgrade',
    alert: 47,
    tamper: replacing('server', serverHello, (message) => {
      const copy = editExtensions(message, SERVER_HELLO_BLOCK, (extensions) => extensions.delete(supportedVersions))
      copy.set(fromHex('444f574e47524401'), HEADER_LENGTH + 2 + 24)
      return copy
    }),
  },
  {
    //= rfc9846#4.3.1-p6-3
    name: 'TLS 1.2 in supported_versions',
    alert: 47,
    tamper: inServerHello((extensions) => extensions.set(supportedVersions, fromHex('0303'))),
  },
  { name: 'no key share', alert: 109, tamper: inServerHello((extensions) => extensions.delete(keyShare)) },
  {
    //= rfc9846#4.3.8-p19-1
    name: 'a share of another group',
    alert: 47,
    tamper: inServerHello((extensions) => extensions.set(keyShare, fromHex(`00170020${'09'.repeat(32)}`))),
  },
  {
    //= rfc9846#7.4.2-p4-2
    name: 'a share that makes the secret zero',
    alert: 47,
    tamper: inServerHello((extensions) => extensions.set(keyShare, fromHex(`001d0020${'00'.repeat(32)}`))),
  },
  {
    name: 'a share of another length',
    alert: 47,
    tamper: inServerHello((extensions) => extensions.set(keyShare, fromHex(`001d001f${'09'.repeat(31)}`))),
  },
  {
    //= rfc9846#4.3.8.2-p5-1
    name: 'a share that is no point of its curve',
    alert: 47,
    client: { groups: [NamedGroup.secp256r1] },
    tamper: inServerHello((extensions) => extensions.set(keyShare, fromHex(`0017004104${'09'.repeat(64)}`))),
  },
  {
    //= rfc9846#4.3-p9-2
    name: 'an extension that was not offered',
    alert: 110,
    tamper: inServerHello((extensions) => extensions.set(0x1234, EMPTY)),
  },
  {
    name: 'our own grease',
    alert: 110,
    client: { random: { fill: (bytes) => bytes.fill(9) } },
    tamper: inServerHello((extensions) => extensions.set(0x9a9a, EMPTY)),
  },
  {
    name: 'a pre-shared key',
    alert: 110,
    tamper: inServerHello((extensions) => extensions.set(ExtensionType.preSharedKey, fromHex('0000'))),
  },
  {
    //= rfc9846#4.3-p10-1
    name: 'an extension that belongs elsewhere',
    alert: 47,
    tamper: inServerHello((extensions) => extensions.set(alpn, fromHex('0003026871'))),
  },
  {
    //= rfc9846#4.3-p13-2
    name: 'an extension twice',
    alert: 47,
    tamper: body(serverHello, (b) => twice(b.subarray(0, SERVER_HELLO_BLOCK), fromHex('002b00020304'))),
  },
  //= rfc9846#6-p5-1
  { name: 'a byte too few', alert: 50, tamper: body(serverHello, (b) => b.subarray(0, -1)) },
  { name: 'a byte too many', alert: 50, tamper: body(serverHello, (b) => concat(b, Uint8Array.of(0))) },
  //= rfc9846#4-p3-2
  {
    name: 'Finished instead',
    alert: 10,
    tamper: (from, _, bytes) => [from === 'client' ? bytes : fromHex('14000000')],
  },
]

const REQUEST: Partial<TlsServerConfig> = { groups: [NamedGroup.secp384r1] }

function isRetryRequest(message: Uint8Array): boolean {
  return decodeServerHello(message.subarray(HEADER_LENGTH)).isRetryRequest
}

function inRetryRequest(edit: (extensions: Map<number, Uint8Array>) => void): Tamper {
  return replacing('server', serverHello, (message) =>
    isRetryRequest(message) ? editExtensions(message, SERVER_HELLO_BLOCK, edit) : message,
  )
}

/** Answers the second ClientHello, too, with a HelloRetryRequest. */
const RETRY_TWICE: Tamper = replacing('server', serverHello, () =>
  encodeRetryRequest(TLS_AES_128_GCM_SHA256.id, NamedGroup.secp384r1),
)

function afterRetry(edit: (message: Uint8Array) => Uint8Array): Tamper {
  return replacing('server', serverHello, (message) => (isRetryRequest(message) ? message : edit(message)))
}

const RETRY: readonly Case[] = [
  {
    //= rfc9846#4.2.4-p3-2
    name: 'a request for no change',
    alert: 47,
    tamper: inRetryRequest((extensions) => extensions.delete(keyShare)),
  },
  {
    //= rfc9846#4.3.8-p15-1
    //= rfc9846#4.3.8-p15-2
    name: 'a request for a group that was not offered',
    alert: 47,
    tamper: inRetryRequest((extensions) => extensions.set(keyShare, fromHex('0019'))),
  },
  {
    name: 'a request for a share that is there',
    alert: 47,
    tamper: inRetryRequest((extensions) => extensions.set(keyShare, fromHex('001d'))),
  },
  {
    //= rfc9846#4.2.4-p2-3
    name: 'an extension that was not offered',
    alert: 110,
    tamper: inRetryRequest((extensions) => extensions.set(0x1234, EMPTY)),
  },
  {
    name: 'an empty cookie',
    alert: 50,
    tamper: inRetryRequest((extensions) => extensions.set(cookie, fromHex('0000'))),
  },
  {
    name: 'no version',
    alert: 70,
    tamper: inRetryRequest((extensions) => extensions.delete(supportedVersions)),
  },
  //= rfc9846#4.2.4-p3-3
  { name: 'a second request', alert: 10, tamper: RETRY_TWICE },
  {
    //= rfc9846#4.2.4-p6-3
    name: 'another suite afterwards',
    alert: 47,
    tamper: afterRetry((message) => {
      const copy = message.slice()
      copy.set([TLS_AES_256_GCM_SHA384.id >>> 8, TLS_AES_256_GCM_SHA384.id & 0xff], HEADER_LENGTH + 35)
      return copy
    }),
  },
  {
    //= rfc9846#4.3.8-p19-3
    //= rfc9846#4.3.8-p19-4
    name: 'another group afterwards',
    alert: 47,
    tamper: afterRetry((message) =>
      editExtensions(message, SERVER_HELLO_BLOCK, (extensions) =>
        extensions.set(keyShare, fromHex(`001d0020${'09'.repeat(32)}`)),
      ),
    ),
  },
  {
    //= rfc9846#4.2.4-p8-1
    name: 'another version afterwards',
    alert: 47,
    tamper: afterRetry((message) =>
      editExtensions(message, SERVER_HELLO_BLOCK, (extensions) => extensions.set(supportedVersions, fromHex('0305'))),
    ),
  },
].map((one) => ({ ...one, server: REQUEST }))

const ENCRYPTED_EXTENSIONS: readonly Case[] = [
  //= rfc9001#8.1-p2-2
  { name: 'no protocol', alert: 120, tamper: inEncryptedExtensions((extensions) => extensions.delete(alpn)) },
  {
    //= rfc9001#8.1-p3-3
    name: 'a protocol that was not offered',
    alert: 120,
    tamper: inEncryptedExtensions((extensions) => extensions.set(alpn, fromHex('0003026833'))),
  },
  {
    name: 'two protocols',
    alert: 50,
    tamper: inEncryptedExtensions((extensions) => extensions.set(alpn, fromHex('0006026833026834'))),
  },
  {
    //= rfc9001#8.2-p5-1
    name: 'no transport parameters',
    alert: 109,
    tamper: inEncryptedExtensions((extensions) => extensions.delete(quicTransportParameters)),
  },
  {
    name: 'early data that was not offered',
    alert: 110,
    tamper: inEncryptedExtensions((extensions) => extensions.set(earlyData, EMPTY)),
  },
  {
    //= rfc9846#4.4.1-p2-1
    name: 'a key share',
    alert: 47,
    tamper: inEncryptedExtensions((extensions) => extensions.set(keyShare, EMPTY)),
  },
  {
    name: 'an acknowledgement of SNI that says something',
    alert: 50,
    tamper: inEncryptedExtensions((extensions) => extensions.set(serverName, fromHex('00'))),
  },
  {
    name: 'an acknowledgement of SNI that was not sent',
    alert: 110,
    client: { serverName: undefined },
    tamper: inEncryptedExtensions((extensions) => extensions.set(serverName, EMPTY)),
  },
  {
    //= rfc9846#4.3-p6-2
    name: 'bytes behind the block',
    alert: 50,
    tamper: body(encryptedExtensions, (b) => concat(b, Uint8Array.of(0))),
  },
  {
    //= rfc9846#4.4.1-p1-1
    name: 'Certificate first',
    alert: 10,
    tamper: replacing('server', encryptedExtensions, () => encodeCertificate([fromHex(P256.certificate)])),
  },
]

const leaf = fromHex(P256.certificate)

function withEntryExtension(type: number): Tamper {
  return body(certificate, (b) => {
    const entries = concat(b.subarray(4, -2), Uint8Array.of(0, 4, type >>> 8, type, 0, 0))
    return concat(Uint8Array.of(0, 0, entries.length >>> 8, entries.length), entries)
  })
}

const CERTIFICATES: readonly Case[] = [
  {
    //= rfc9846#4.5.1.3-p2-1
    //= rfc9846#4.5.1-p11-1
    name: 'no certificate',
    alert: 50,
    tamper: replacing('server', certificate, () => encodeCertificate([])),
  },
  {
    name: 'a context',
    alert: 47,
    tamper: replacing('server', certificate, () => encodeCertificate([leaf], fromHex('01'))),
  },
  { name: 'an OCSP response that was not asked for', alert: 110, tamper: withEntryExtension(5) },
  { name: 'an extension that belongs elsewhere', alert: 47, tamper: withEntryExtension(supportedVersions) },
  {
    name: 'a chain without end',
    alert: 42,
    tamper: replacing('server', certificate, () => encodeCertificate(new Array(33).fill(leaf))),
  },
  {
    name: 'a certificate that is none',
    alert: 42,
    tamper: replacing('server', certificate, () => encodeCertificate([fromHex('3003020101')])),
  },
  {
    name: 'an empty certificate',
    alert: 50,
    tamper: replacing('server', certificate, () => encodeCertificate([EMPTY])),
  },
  {
    name: 'Finished instead',
    alert: 10,
    tamper: replacing('server', certificate, () => fromHex('14000000')),
  },
  {
    //= rfc9846#4.5.2-p1-3
    name: 'no CertificateVerify',
    alert: 10,
    tamper: replacing('server', certificateVerify, () => EMPTY),
  },
  {
    //= rfc9846#4.5.2-p14-1
    name: 'a signature scheme that was not offered',
    alert: 47,
    tamper: patched(certificateVerify, 0, 0x08, 0x04),
  },
  {
    //= rfc9846#4.5.2-p16-1
    name: 'a scheme of another curve than the key’s',
    alert: 47,
    tamper: patched(certificateVerify, 0, 0x05, 0x03),
  },
  {
    //= rfc9846#4.5.2-p16-2
    name: 'SHA-1',
    alert: 47,
    tamper: patched(certificateVerify, 0, 0x02, 0x03),
  },
  {
    //= rfc9846#4.5.2-p17-1
    //= rfc9846#4.5.2-p19-1
    name: 'the signature of another key',
    alert: 51,
    server: { selectIdentity: () => ({ chain: [leaf], signer: identityOf(OTHER).signer }) },
  },
  {
    name: 'a signature that is none',
    alert: 51,
    tamper: replacing('server', certificateVerify, () => encodeCertificateVerify(0x0403, fromHex('30'))),
  },
  { name: 'bytes behind the signature', alert: 50, tamper: body(certificateVerify, (b) => concat(b, leaf)) },
]

/** A P-256 key that has no certificate: that of the fixture with its scalar changed. */
const OTHER = { ...P256, privateKey: P256.privateKey.replace(/0420(..)/, '042001') }

const FINISHED: readonly Case[] = [
  //= rfc9846#4.5.3-p2-1
  { name: 'one bit more', alert: 51, tamper: body(finished, (b) => b.map((byte, i) => (i === 31 ? byte ^ 1 : byte))) },
  { name: 'a byte less', alert: 50, tamper: body(finished, (b) => b.subarray(1)) },
  { name: 'nothing in it', alert: 50, tamper: body(finished, () => EMPTY) },
  { name: 'KeyUpdate instead', alert: 10, tamper: replacing('server', finished, () => fromHex('1800000100')) },
]

const TABLES = {
  ServerHello: SERVER_HELLO,
  HelloRetryRequest: RETRY,
  EncryptedExtensions: ENCRYPTED_EXTENSIONS,
  'Certificate and CertificateVerify': CERTIFICATES,
  Finished: FINISHED,
}

describe.each(PACES)('a client, public-key work $name', (pace) => {
  for (const [what, cases] of Object.entries(TABLES)) {
    describe(`refuses in ${what}`, () => {
      test.each(cases)('$name', async ({ alert, tamper, client, server }) => {
        const outcome = await handshake(clientConfig(client), serverConfig(server), pace, tamper)
        expect(alertOf(outcome.client).description).toBe(alert)
        expect(outcome.client.complete).toBeUndefined()
        expect(outcome.server.complete).toBeUndefined()
      })
    })
  }

  const verifier = createPathVerifier({ anchors: [fromHex(CA_CERTIFICATE)], verifiers: noble.verifiers })

  //= rfc9114#3.1-p2-1
  //= rfc9114#3.1-p2-2
  test('refuses a certificate for another name', async () => {
    const config = clientConfig({ verifier, serverName: 'other.example' })
    const { client } = await handshake(config, serverConfig(), pace)
    expect(alertOf(client).description).toBe(AlertDescription.badCertificate)
    expect(alertOf(client).cause).toBeInstanceOf(CertificateError)
    expect(alertOf(client).message).toContain('other.example')
  })

  test('refuses an issuer that it does not trust', async () => {
    const foreign = createPathVerifier({ anchors: [fromHex(P384.certificate)], verifiers: noble.verifiers })
    const { client } = await handshake(clientConfig({ verifier: foreign }), serverConfig(), pace)
    expect(alertOf(client).description).toBe(AlertDescription.unknownCa)
  })

  test('refuses a certificate that has expired', async () => {
    const config = clientConfig({ verifier, wallClock: () => WALL_CLOCK * 3 })
    const { client } = await handshake(config, serverConfig(), pace)
    expect(alertOf(client).description).toBe(AlertDescription.certificateExpired)
  })

  test('sends the alert that a verifier throws, and certificate_unknown for any other error', async () => {
    for (const [thrown, description] of [
      [new TlsAlert(AlertDescription.certificateRevoked, 'It was revoked'), 44],
      [new Error('The disk is full'), 46],
    ] as const) {
      const refusing = {
        verify(): never {
          throw thrown
        },
      }
      const { client } = await handshake(clientConfig({ verifier: refusing }), serverConfig(), pace)
      expect(alertOf(client).description).toBe(description)
    }
  })

  test('reports a provider that cannot make a share as internal_error', async () => {
    const broken = {
      ...noble,
      groups: [
        {
          group: NamedGroup.x25519,
          generate(): never {
            throw new Error('No entropy')
          },
          respond(): never {
            throw new Error('No entropy')
          },
        },
      ],
    }
    const start = async (): Promise<unknown> => {
      try {
        return (await handshake(clientConfig({ crypto: broken }), serverConfig(), pace)).client.error
      } catch (error) {
        return error
      }
    }
    expect(await start()).toMatchObject({ description: AlertDescription.internalError })
  })
})
