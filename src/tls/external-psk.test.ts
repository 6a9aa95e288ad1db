import { describe, expect, test } from 'vitest'
import { concat, encodeUtf8, equalBytes, fromHex } from '../base/bytes.ts'
import { hashOf } from '../crypto/hkdf.ts'
import { TLS_AES_256_GCM_SHA384 } from '../crypto/suites.ts'
import { P256 } from './certificates.fixtures.ts'
import { encodeClientHello } from './client-hello.ts'
import { createClientSession } from './client-session.ts'
import { ExtensionType, HandshakeType, NamedGroup } from './code-points.ts'
import {
  alertOf,
  clientConfig,
  editExtensions,
  handshake,
  identityOf,
  PACES,
  replacing,
  serverConfig,
  splitMessages,
} from './handshake.fixtures.ts'
import { HEADER_LENGTH } from './message.ts'
import { type ExternalPsk, pskBinder } from './psk.ts'
import { PskMode } from './psk-extensions.ts'
import { expectAgreement, Regulars, ticketPolicy, ticketsOf } from './resumption.fixtures.ts'
import { decodeServerHello } from './server-hello.ts'
import { createServerSession } from './server-session.ts'
import { TlsLevel } from './session.ts'

const PSK: ExternalPsk = { identity: encodeUtf8('sensor 7'), key: new Uint8Array(32).fill(5) }
const find = (identity: Uint8Array): ExternalPsk | undefined => (equalBytes(identity, PSK.identity) ? PSK : undefined)
const { pskKe, pskDheKe } = PskMode

/** A ClientHello that offers the key alone, without groups, shares and schemes. */
function clientHelloAlone(): Uint8Array {
  const fields = {
    random: new Uint8Array(32),
    suites: [0x1301],
    groups: [],
    keyShares: [],
    schemes: [],
    certificateSchemes: undefined,
    alpn: [encodeUtf8('hq-interop')],
    serverName: undefined,
    cookie: undefined,
    parameters: new Uint8Array(),
    grease: undefined,
    pskModes: [pskKe],
    psks: [{ identity: PSK.identity, obfuscatedAge: 0, hash: 'sha256' as const }],
    hasEarlyData: false,
  }
  const { supportedGroups, keyShare, signatureAlgorithms } = ExtensionType
  const hello = editExtensions(encodeClientHello(fields), 37 + 2 + 2, (extensions) => {
    for (const type of [supportedGroups, keyShare, signatureAlgorithms]) extensions.delete(type)
  })
  const digest = hashOf('sha256', hello.subarray(0, hello.length - 35))
  hello.set(pskBinder('sha256', PSK.key, 'external', digest), hello.length - 32)
  return hello
}

describe.each(PACES)('an external key, public-key work $name', (pace) => {
  test('stands in for the certificate: nobody shows one', async () => {
    const sent: number[] = []
    const visit = await handshake(
      clientConfig({ psk: PSK }),
      // There is none that could be shown.
      serverConfig({ psk: { find }, selectIdentity: () => undefined }),
      pace,
      (_from, _level, bytes) => {
        sent.push(...splitMessages(bytes).map((message) => message[0] ?? 0))
        return [bytes]
      },
    )
    expectAgreement(visit)
    expect(sent).toEqual([1, 2, 8, 20, 20])
    expect(visit.client.complete).toMatchObject({
      resumed: false,
      earlyData: false,
      pskIdentity: PSK.identity,
      peerCertificates: [],
      group: NamedGroup.x25519,
    })
  })

  test('is used alone where both sides want it so: without a key exchange', async () => {
    const visit = await handshake(
      clientConfig({ psk: PSK, pskModes: [pskKe] }),
      serverConfig({ psk: { find, modes: [pskDheKe, pskKe] } }),
      pace,
    )
    expectAgreement(visit)
    expect(visit.client.complete).toMatchObject({ pskIdentity: PSK.identity, group: undefined })
    const both = await handshake(
      clientConfig({ psk: PSK, pskModes: [pskKe, pskDheKe] }),
      serverConfig({ psk: { find, modes: [pskDheKe, pskKe] } }),
      pace,
    )
    expectAgreement(both)
    expect(both.client.complete?.group).toBe(NamedGroup.x25519)
  })

  test('a ClientHello for a key alone may do without groups, shares and schemes', async () => {
    const { clientHello } = HandshakeType
    const visit = await handshake(
      clientConfig({ psk: PSK, pskModes: [pskKe] }),
      serverConfig({ psk: { find: () => undefined, modes: [pskKe] } }),
      pace,
      replacing('client', clientHello, (message) => {
        const body = message.subarray(HEADER_LENGTH)
        const blockAt = 37 + (((body[35] ?? 0) << 8) | (body[36] ?? 0)) + 2
        return editExtensions(message, blockAt, (extensions) => {
          extensions.delete(ExtensionType.keyShare)
          extensions.delete(ExtensionType.supportedGroups)
          extensions.delete(ExtensionType.signatureAlgorithms)
        })
      }),
    )
    // RFC 8446 §9.2: but where the key is not known, they are missed.
    expect(alertOf(visit.server).description).toBe(109)
    const alone = clientHelloAlone()
    const server = createServerSession(serverConfig({ psk: { find, modes: [pskKe] } }))
    server.receive(TlsLevel.initial, alone)
    const event = [server.poll(), server.poll()].find((each) => each?.type === 'message')
    const hello = decodeServerHello((event?.bytes ?? alone).subarray(HEADER_LENGTH))
    expect([...hello.extensions.keys()]).toEqual([ExtensionType.preSharedKey, ExtensionType.supportedVersions])
  })

  test('needs the key exchange unless told otherwise', async () => {
    const { server } = await handshake(
      clientConfig({ psk: PSK, pskModes: [pskKe] }),
      serverConfig({ psk: { find }, selectIdentity: () => undefined }),
      pace,
    )
    // The key is passed over, and there is no certificate.
    expect(alertOf(server).description).toBe(112)
  })

  //= rfc9846#4.3.11-p5-2
  //= rfc9846#4.3.11-p7-3
  test('has a say in the suite: its hash decides', async () => {
    const long: ExternalPsk = { ...PSK, hash: 'sha384' }
    const visit = await handshake(clientConfig({ psk: long }), serverConfig({ psk: { find: () => long } }), pace)
    expectAgreement(visit)
    expect(visit.client.complete).toMatchObject({ suite: TLS_AES_256_GCM_SHA384, pskIdentity: PSK.identity })
  })

  test('goes through a HelloRetryRequest', async () => {
    const visit = await handshake(
      clientConfig({ psk: PSK }),
      serverConfig({ psk: { find }, groups: [NamedGroup.secp384r1] }),
      pace,
    )
    expectAgreement(visit)
    expect(visit.client.complete).toMatchObject({ pskIdentity: PSK.identity, group: NamedGroup.secp384r1 })
  })

  test('that the server does not know leads to a certificate, or to an alert where there is none', async () => {
    const visit = await handshake(clientConfig({ psk: PSK }), serverConfig({ psk: { find: () => undefined } }), pace)
    expectAgreement(visit)
    expect(visit.client.complete).toMatchObject({ pskIdentity: undefined })
    expect(visit.client.complete?.peerCertificates).toEqual(identityOf(P256).chain)
    const { server } = await handshake(
      clientConfig({ psk: PSK }),
      serverConfig({ selectIdentity: () => undefined }),
      pace,
    )
    expect(alertOf(server).description).toBe(112)
  })

  test('that is another one under the same label is refused', async () => {
    const other = { ...PSK, key: new Uint8Array(32).fill(6) }
    const { server } = await handshake(clientConfig({ psk: other }), serverConfig({ psk: { find } }), pace)
    expect(alertOf(server).description).toBe(51)
  })

  test('is never taken for the key of a ticket', async () => {
    // Who knows the bytes of a resumption key, offered as an external one: the binder label differs (RFC 8446 §7.1).
    const regulars = new Regulars(pace)
    const session = await regulars.session()
    const psk = { identity: session.ticket, key: session.key }
    const { server } = await regulars.visit({ psk })
    expect(alertOf(server).description).toBe(51)
  })

  test('goes behind a ticket, and brings none of its own', async () => {
    const regulars = new Regulars(pace)
    const first = await regulars.visit({ psk: PSK }, { psk: { find } })
    expectAgreement(first)
    expect(ticketsOf(first.client)).toEqual([])
    const session = await regulars.session()
    const resumed = await regulars.resume(session, { psk: PSK }, { psk: { find } })
    expectAgreement(resumed)
    expect(resumed.client.complete).toMatchObject({ resumed: true, earlyData: true, pskIdentity: undefined })
    // Where the ticket is worth nothing, the key behind it is used; early data was for the first.
    const strange = await regulars.resume(session, { psk: PSK }, { psk: { find }, tickets: undefined })
    expectAgreement(strange)
    expect(strange.client.complete).toMatchObject({ resumed: false, earlyData: false, pskIdentity: PSK.identity })
  })

  test('a look-up that throws ends with internal_error', async () => {
    const broken = (): never => {
      throw new Error('the database is gone')
    }
    const { server } = await handshake(clientConfig({ psk: PSK }), serverConfig({ psk: { find: broken } }), pace)
    expect(alertOf(server).description).toBe(80)
  })
})

test('a look-up may take its time', async () => {
  const later = async (identity: Uint8Array): Promise<ExternalPsk | undefined> => find(identity)
  const slow = { name: 'slowly', isSlow: true }
  expectAgreement(await handshake(clientConfig({ psk: PSK }), serverConfig({ psk: { find: later } }), slow))
})

describe('a configuration is refused', () => {
  test.each([
    ['no identity', { psk: { ...PSK, identity: new Uint8Array() } }],
    ['a short key', { psk: { ...PSK, key: new Uint8Array(15) } }],
    ['a hash of no suite', { psk: { ...PSK, hash: 'sha384' as const }, suites: clientConfig().suites.slice(0, 1) }],
    ['no mode', { psk: PSK, pskModes: [] }],
    ['an unknown mode', { psk: PSK, pskModes: [2] }],
  ])('of a client: %s', (_name, changes) => {
    expect(() => createClientSession(clientConfig(changes))).toThrow(RangeError)
  })

  test.each([
    ['an unknown mode', { psk: { find, modes: [3] } }],
    ['too many tickets', { tickets: ticketPolicy({ count: 17 }) }],
    ['tickets for more than a week', { tickets: ticketPolicy({ lifetime: 604_801 }) }],
    ['tickets for no time', { tickets: ticketPolicy({ lifetime: 0 }) }],
  ])('of a server: %s', (_name, changes) => {
    expect(() => createServerSession(serverConfig(changes))).toThrow(RangeError)
  })
})

test('an external identity is not disguised: its age is 0', async () => {
  const hellos: Uint8Array[] = []
  await handshake(
    clientConfig({ psk: PSK }),
    serverConfig({ psk: { find } }),
    { name: '', isSlow: false },
    (from, _l, bytes) => {
      if (from === 'client') hellos.push(bytes)
      return [bytes]
    },
  )
  const hello = hellos[0] ?? new Uint8Array()
  const tail = concat(Uint8Array.of(0, PSK.identity.length), PSK.identity, fromHex('00000000'))
  const at = hello.length - 2 - 33 - tail.length
  expect(hello.subarray(at, at + tail.length)).toEqual(tail)
})
