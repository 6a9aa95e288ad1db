import { describe, expect, test } from 'vitest'
import { concat, EMPTY, encodeUtf8, fromHex } from '../base/bytes.ts'
import type { Signer } from '../crypto/provider.ts'
import { TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384 } from '../crypto/suites.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { encodeCertificate } from './certificate-messages.ts'
import { ED25519, P256 } from './certificates.fixtures.ts'
import { decodeClientHello } from './client-hello.ts'
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

const { clientHello, finished } = HandshakeType
const {
  alpn,
  cookie,
  earlyData,
  keyShare,
  preSharedKey,
  pskKeyExchangeModes,
  quicTransportParameters,
  serverName,
  signatureAlgorithms,
  supportedGroups,
  supportedVersions,
} = ExtensionType

/** One identity and one binder. */
const ONE_PSK = `000700010100000000002120${'00'.repeat(32)}`

interface Case {
  readonly name: string
  readonly alert: number
  readonly protocolViolation?: boolean
  readonly tamper?: Tamper
  readonly client?: Partial<TlsClientConfig>
  readonly server?: Partial<TlsServerConfig>
}

/** Where the suites end and the compression methods begin; the session id is empty. */
function compressionAt(message: Uint8Array): number {
  const suites = ((message[HEADER_LENGTH + 35] ?? 0) << 8) | (message[HEADER_LENGTH + 36] ?? 0)
  return 37 + suites
}

function edited(message: Uint8Array, edit: (extensions: Map<number, Uint8Array>) => void): Uint8Array {
  return editExtensions(message, compressionAt(message) + 2, edit)
}

function inHello(edit: (extensions: Map<number, Uint8Array>) => void): Tamper {
  return replacing('client', clientHello, (message) => edited(message, edit))
}

function body(type: number, make: (before: Uint8Array, message: Uint8Array) => Uint8Array): Tamper {
  return replacing('client', type, (message) => withBody(message, make(message.subarray(HEADER_LENGTH), message)))
}

function share(group: number, length: number, value = 9): Uint8Array {
  return concat(Uint8Array.of(group >>> 8, group, length >>> 8, length), new Uint8Array(length).fill(value))
}

function shares(...entries: readonly Uint8Array[]): Uint8Array {
  const list = concat(...entries)
  return concat(Uint8Array.of(list.length >>> 8, list.length), list)
}

const HELLO: readonly Case[] = [
  //= rfc9846#4.2.2-p1-1
  { name: 'another message', alert: 10, tamper: replacing('client', clientHello, () => fromHex('14000000')) },
  {
    //= rfc9846#4.3.1-p4-4
    name: 'older versions alone',
    alert: 70,
    tamper: inHello((extensions) => extensions.set(supportedVersions, fromHex('0403030302'))),
  },
  {
    //= rfc9846#E.2-p1-3
    name: 'no supported_versions',
    alert: 70,
    tamper: inHello((extensions) => extensions.delete(supportedVersions)),
  },
  {
    name: 'no extensions at all',
    alert: 70,
    tamper: body(clientHello, (b, message) => b.subarray(0, compressionAt(message) + 2)),
  },
  {
    //= rfc9846#4.2.2-p7.2-2
    //= rfc9846#E.5-p6-2
    name: 'another legacy_version',
    alert: 70,
    tamper: body(clientHello, (b) => concat(fromHex('0304'), b.subarray(2))),
  },
  {
    //= rfc9001#8.4-p2-2
    name: 'a session id',
    alert: 47,
    protocolViolation: true,
    tamper: body(clientHello, (b) => concat(b.subarray(0, 34), Uint8Array.of(32), new Uint8Array(32), b.subarray(35))),
  },
  {
    //= rfc9846#4.2.2-p7.10-2
    name: 'compression',
    alert: 47,
    tamper: body(clientHello, (b, message) => {
      const at = compressionAt(message)
      return concat(b.subarray(0, at), fromHex('020100'), b.subarray(at + 2))
    }),
  },
  {
    //= rfc9846#4.2.2-p7.8-1
    //= rfc9846#4.2.1-p8-1
    name: 'no suite in common',
    alert: 40,
    client: { suites: [TLS_AES_128_GCM_SHA256] },
    server: { suites: [TLS_AES_256_GCM_SHA384] },
  },
  {
    //= rfc9846#4.2.1-p3-1
    name: 'no group in common',
    alert: 40,
    client: { groups: [NamedGroup.x25519] },
    server: { groups: [NamedGroup.secp256r1] },
  },
  {
    //= rfc9846#9.2-p6.1-1
    //= rfc9846#9.2-p7-1
    name: 'no supported_groups',
    alert: 109,
    tamper: inHello((extensions) => extensions.delete(supportedGroups)),
  },
  {
    //= rfc9846#9.2-p6.2-1
    name: 'no key_share',
    alert: 109,
    tamper: inHello((extensions) => extensions.delete(keyShare)),
  },
  {
    //= rfc9846#4.3.3-p1-3
    name: 'no signature_algorithms',
    alert: 109,
    tamper: inHello((extensions) => extensions.delete(signatureAlgorithms)),
  },
  {
    //= rfc9001#8.2-p5-1
    name: 'no transport parameters',
    alert: 109,
    tamper: inHello((extensions) => extensions.delete(quicTransportParameters)),
  },
  {
    //= rfc9001#8.1-p1-1
    //= rfc9001#8.1-p2-1
    name: 'no ALPN',
    alert: 120,
    tamper: inHello((extensions) => extensions.delete(alpn)),
  },
  //= rfc9001#8.1-p3-2
  { name: 'no protocol in common', alert: 120, client: { alpn: ['h3'] }, server: { alpn: ['hq-interop', 'h2'] } },
  {
    name: 'an empty protocol name',
    alert: 50,
    tamper: inHello((extensions) => extensions.set(alpn, fromHex('0003000161'))),
  },
  {
    //= rfc9846#4.3.8-p10-2
    name: 'two shares of one group',
    alert: 47,
    tamper: inHello((extensions) => extensions.set(keyShare, shares(share(29, 32), share(29, 32)))),
  },
  {
    //= rfc9846#4.3.8-p10-3
    name: 'a share of a group that it does not support',
    alert: 47,
    tamper: inHello((extensions) => extensions.set(keyShare, shares(share(25, 32)))),
  },
  {
    name: 'a share that makes the secret zero',
    alert: 47,
    tamper: inHello((extensions) => extensions.set(keyShare, shares(share(29, 32, 0)))),
  },
  {
    name: 'a share of another length',
    alert: 47,
    tamper: inHello((extensions) => extensions.set(keyShare, shares(share(29, 33)))),
  },
  {
    name: 'a share that is no point of its curve',
    alert: 47,
    client: { groups: [NamedGroup.secp384r1] },
    tamper: inHello((extensions) => extensions.set(keyShare, shares(share(24, 97, 4)))),
  },
  {
    name: 'an empty share',
    alert: 50,
    tamper: inHello((extensions) => extensions.set(keyShare, shares(share(29, 0)))),
  },
  {
    //= rfc9846#4.3-p13-2
    name: 'an extension twice, though unknown',
    alert: 47,
    tamper: body(clientHello, (b, message) =>
      concat(b.subarray(0, compressionAt(message) + 2), fromHex('00087777000077770000')),
    ),
  },
  {
    //= rfc9846#4.3.11-p11-2
    name: 'pre_shared_key that is not the last extension',
    alert: 47,
    tamper: inHello((extensions) => {
      extensions.set(pskKeyExchangeModes, fromHex('0101'))
      extensions.set(preSharedKey, EMPTY)
      extensions.set(0x7777, EMPTY)
    }),
  },
  {
    //= rfc9846#4.3.9-p2-2
    name: 'pre_shared_key without modes',
    alert: 109,
    tamper: inHello((extensions) => extensions.set(preSharedKey, fromHex(ONE_PSK))),
  },
  {
    name: 'a host name of control characters',
    alert: 47,
    tamper: inHello((extensions) => extensions.set(serverName, fromHex('000600000361000a'))),
  },
  {
    name: 'an empty host name',
    alert: 50,
    tamper: inHello((extensions) => extensions.set(serverName, fromHex('0003000000'))),
  },
  { name: 'a byte too few', alert: 50, tamper: body(clientHello, (b) => b.subarray(0, -1)) },
  { name: 'a byte too many', alert: 50, tamper: body(clientHello, (b) => concat(b, Uint8Array.of(0))) },
  {
    name: 'an odd list of suites',
    alert: 50,
    tamper: body(clientHello, (b) => concat(b.subarray(0, 35), fromHex('0003130113'), b.subarray(-200))),
  },
  {
    name: 'no signature scheme in common',
    alert: 40,
    tamper: inHello((extensions) => extensions.set(signatureAlgorithms, fromHex('00020804'))),
  },
  {
    name: 'a scheme that only certificates may use',
    alert: 40,
    server: {
      selectIdentity: () => ({
        chain: [fromHex(P256.certificate)],
        signer: { schemes: [0x0401, 0x0203], sign: () => EMPTY },
      }),
    },
    tamper: inHello((extensions) => extensions.set(signatureAlgorithms, fromHex('000404010203'))),
  },
]

const retry = { groups: [NamedGroup.secp384r1] }

function isSecond(message: Uint8Array): boolean {
  const hello = decodeClientHello(message.subarray(HEADER_LENGTH))
  return hello.keyShares?.some(({ group }) => group === NamedGroup.secp384r1) === true
}

function inSecondHello(edit: (extensions: Map<number, Uint8Array>) => void): Tamper {
  return replacing('client', clientHello, (message) => (isSecond(message) ? edited(message, edit) : message))
}

const SECOND_HELLO: readonly Case[] = [
  {
    name: 'another random',
    alert: 47,
    tamper: replacing('client', clientHello, (message) => {
      if (!isSecond(message)) return message
      const copy = message.slice()
      copy[HEADER_LENGTH + 5] = (copy[HEADER_LENGTH + 5] ?? 0) ^ 1
      return copy
    }),
  },
  {
    name: 'other protocols',
    alert: 47,
    tamper: inSecondHello((extensions) => extensions.set(alpn, concat(fromHex('000b0a'), encodeUtf8('hq-interoq')))),
  },
  {
    name: 'other transport parameters',
    alert: 47,
    tamper: inSecondHello((extensions) => extensions.set(quicTransportParameters, EMPTY)),
  },
  { name: 'no host name any more', alert: 47, tamper: inSecondHello((extensions) => extensions.delete(serverName)) },
  {
    //= rfc9846#4.3.8-p15-3
    name: 'the share that was not asked for',
    alert: 47,
    tamper: inSecondHello((extensions) => extensions.set(keyShare, shares(share(29, 32)))),
  },
  {
    name: 'a second share',
    alert: 47,
    tamper: inSecondHello((extensions) =>
      extensions.set(keyShare, shares((extensions.get(keyShare) ?? EMPTY).subarray(2), share(29, 32))),
    ),
  },
  { name: 'no share', alert: 47, tamper: inSecondHello((extensions) => extensions.set(keyShare, shares())) },
  {
    //= rfc9846#4.3.2-p4-2
    name: 'a cookie that was not given',
    alert: 47,
    tamper: inSecondHello((extensions) => extensions.set(cookie, fromHex('000101'))),
  },
  {
    //= rfc9846#4.3.10-p9.2-1
    name: 'early data',
    alert: 47,
    tamper: inSecondHello((extensions) => extensions.set(earlyData, EMPTY)),
  },
  {
    name: 'Finished instead',
    alert: 10,
    tamper: replacing('client', clientHello, (message) => (isSecond(message) ? fromHex('14000000') : message)),
  },
].map((one) => ({ ...one, server: retry }))

const CLIENT_FLIGHT: readonly Case[] = [
  {
    name: 'one bit more in Finished',
    alert: 51,
    tamper: body(finished, (b) => b.map((byte, i) => byte ^ (i === 0 ? 1 : 0))),
  },
  { name: 'a Finished cut short', alert: 50, tamper: body(finished, (b) => b.subarray(1)) },
  {
    //= rfc9001#8.3-p2-1
    name: 'EndOfEarlyData',
    alert: 10,
    tamper: replacing('client', finished, (message) => concat(fromHex('05000000'), message)),
  },
  {
    name: 'Certificate that was not asked for',
    alert: 10,
    tamper: replacing('client', finished, (message) => concat(encodeCertificate([]), message)),
  },
  {
    //= rfc9846#4.7.3-p1-1
    name: 'KeyUpdate',
    alert: 10,
    tamper: replacing('client', finished, (message) => concat(fromHex('1800000100'), message)),
  },
  {
    //= rfc9846#4.2.2-p3-1
    name: 'ClientHello again',
    alert: 10,
    tamper: replacing('client', finished, () => fromHex('01000000')),
  },
]

const TABLES = { ClientHello: HELLO, 'the second ClientHello': SECOND_HELLO, 'the last flight': CLIENT_FLIGHT }

const signerOf = (sign: Signer['sign']): Signer => ({ schemes: [0x0403], sign })

describe.each(PACES)('a server, public-key work $name', (pace) => {
  for (const [what, cases] of Object.entries(TABLES)) {
    describe(`refuses in ${what}`, () => {
      test.each(cases)('$name', async ({ alert, protocolViolation, tamper, client, server }) => {
        const outcome = await handshake(clientConfig(client), serverConfig(server), pace, tamper)
        expect(alertOf(outcome.server).description).toBe(alert)
        expect(alertOf(outcome.server).protocolViolation).toBe(protocolViolation ?? false)
        expect(outcome.server.complete).toBeUndefined()
      })
    })
  }

  test('refuses a name that it has no certificate for', async () => {
    const config = serverConfig({ selectIdentity: () => undefined })
    const named = await handshake(clientConfig(), config, pace)
    expect(alertOf(named.server).description).toBe(AlertDescription.unrecognizedName)
    expect(named.server.events.filter(({ type }) => type !== 'failed')).toEqual([])
    const unnamed = await handshake(clientConfig({ serverName: undefined }), config, pace)
    expect(alertOf(unnamed.server).description).toBe(AlertDescription.handshakeFailure)
  })

  test('sends the alert that the choice of an identity throws, and internal_error for any other error', async () => {
    for (const [thrown, description] of [
      [new TlsAlert(AlertDescription.accessDenied, 'Not for you'), 49],
      [new Error('The disk is full'), 80],
    ] as const) {
      const config = serverConfig({
        selectIdentity(): never {
          throw thrown
        },
      })
      const { server } = await handshake(clientConfig(), config, pace)
      expect(alertOf(server).description).toBe(description)
      expect(description === 80 ? alertOf(server).cause : alertOf(server)).toBe(thrown)
    }
  })

  test('reports a signer that fails as internal_error, and has said nothing by then', async () => {
    const cause = new Error('The card was pulled')
    const signer = signerOf((): never => {
      throw cause
    })
    const config = serverConfig({ selectIdentity: () => ({ chain: [fromHex(P256.certificate)], signer }) })
    const { server } = await handshake(clientConfig(), config, pace)
    expect(alertOf(server).description).toBe(AlertDescription.internalError)
    expect(alertOf(server).cause).toBe(cause)
    expect(server.events.filter(({ type }) => type !== 'failed')).toEqual([])
  })

  test('lets pass what the callback for parameters throws', async () => {
    const error = new RangeError('A parameter is out of bounds')
    const config = serverConfig({
      parameters(): never {
        throw error
      },
    })
    const { server } = await handshake(clientConfig(), config, pace)
    expect(server.error).toBe(error)
  })

  //= rfc9846#4.2.2-p7.12-1
  //= rfc9846#9.3-p4.2-1
  //= rfc9846#4.3.1-p4-2
  test('passes over everything that it does not know', async () => {
    const unknown = inHello((extensions) => {
      extensions.set(0x0a0a, fromHex('00'))
      extensions.set(28, fromHex('4001'))
      extensions.set(21, new Uint8Array(100))
      extensions.set(0xfe0d, new Uint8Array(30))
      extensions.set(supportedVersions, fromHex('06' + '7f1c' + 'baba' + '0304'))
      extensions.set(signatureAlgorithms, fromHex('0006' + '1a1a' + '0201' + '0807'))
    })
    const config = serverConfig({ selectIdentity: () => identityOf(ED25519) })
    // The client does not know what was added, so the handshake ends with its Finished, but the server's flight is out.
    const { server } = await handshake(clientConfig(), config, pace, unknown)
    expect(server.events.map(({ type }) => type)).toContain('message')
  })

  test('takes a name list of a type that it does not know, and a literal address, for no name', async () => {
    for (const list of ['000401000161', '000c0000093132372e302e302e31']) {
      const asked: (string | undefined)[] = []
      const config = serverConfig({
        selectIdentity(hello) {
          asked.push(hello.serverName)
          return identityOf(P256)
        },
      })
      await handshake(
        clientConfig(),
        config,
        pace,
        inHello((extensions) => extensions.set(serverName, fromHex(list))),
      )
      expect(asked).toEqual([undefined])
    }
  })
})
