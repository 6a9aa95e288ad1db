import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex } from '../base/bytes.ts'
import { noble } from '../crypto/noble/provider.ts'
import { TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256 } from '../crypto/suites.ts'
import { createPathVerifier } from '../x509/path.ts'
import { CA_CERTIFICATE, ED25519, P256, P384 } from './certificates.fixtures.ts'
import { decodeClientHello } from './client-hello.ts'
import { ExtensionType, HandshakeType, NamedGroup } from './code-points.ts'
import type { ClientHelloSummary } from './config.ts'
import {
  CLIENT_PARAMETERS,
  clientConfig,
  handshake,
  identityOf,
  isGrease,
  type Outcome,
  PACES,
  SERVER_PARAMETERS,
  seededRandom,
  serverConfig,
  splitMessages,
} from './handshake.fixtures.ts'
import { HEADER_LENGTH } from './message.ts'
import { decodeServerHello } from './server-hello.ts'
import { type TlsEvent, TlsLevel } from './session.ts'

const SUITES = [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256]
const GROUPS = [NamedGroup.x25519, NamedGroup.secp256r1, NamedGroup.secp384r1]
const KEYS = { P256, P384, ED25519 }

function messages(outcome: Outcome): readonly Uint8Array[] {
  return outcome.events.flatMap((event) => (event.type === 'message' ? splitMessages(event.bytes) : []))
}

function messageTypes(outcome: Outcome): readonly (number | undefined)[] {
  return messages(outcome).map((message) => message[0])
}

function clientHellos(outcome: Outcome): readonly ReturnType<typeof decodeClientHello>[] {
  return messages(outcome)
    .filter((message) => message[0] === HandshakeType.clientHello)
    .map((message) => decodeClientHello(message.subarray(HEADER_LENGTH)))
}

function secretOf(outcome: Outcome, level: TlsLevel, direction: 'read' | 'write'): string {
  const found = outcome.events.find(
    (event) => event.type === 'secret' && event.level === level && event.direction === direction,
  )
  return found?.type === 'secret' ? toHex(found.secret) : 'none'
}

function expectComplete(client: Outcome, server: Outcome): void {
  expect(client.error).toBeUndefined()
  expect(server.error).toBeUndefined()
  expect(client.complete).toBeDefined()
  expect(server.complete).toBeDefined()
  for (const level of [TlsLevel.handshake, TlsLevel.application]) {
    expect(secretOf(client, level, 'write')).toBe(secretOf(server, level, 'read'))
    expect(secretOf(client, level, 'read')).toBe(secretOf(server, level, 'write'))
    expect(secretOf(client, level, 'read')).not.toBe(secretOf(client, level, 'write'))
    expect(secretOf(client, level, 'read')).not.toBe('none')
  }
}

function shapeOf(event: TlsEvent): string {
  switch (event.type) {
    case 'message':
      return `message ${event.level} ${splitMessages(event.bytes).map((message) => message[0])}`
    case 'secret':
      return `secret ${event.level} ${event.direction}`
    default:
      return event.type
  }
}

describe.each(PACES)('public-key work $name', (pace) => {
  for (const suite of SUITES) {
    for (const group of GROUPS) {
      for (const [name, pair] of Object.entries(KEYS)) {
        test(`a handshake completes with ${suite.name}, group ${group} and a ${name} certificate`, async () => {
          const { client, server } = await handshake(
            clientConfig({ suites: [suite], groups: [group] }),
            serverConfig({ selectIdentity: () => identityOf(pair) }),
            pace,
          )
          expectComplete(client, server)
          expect(client.complete).toMatchObject({ alpn: 'hq-interop', resumed: false, earlyData: false, group, suite })
          expect(server.complete).toMatchObject({ alpn: 'hq-interop', resumed: false, earlyData: false, group, suite })
          expect(client.complete?.peerCertificates.map(toHex)).toEqual([pair.certificate])
          expect(server.complete?.peerCertificates).toEqual([])
        })
      }
    }
  }

  //= rfc9001#8.2-p5-1
  test('events come in the order that the contract names', async () => {
    const { client, server } = await handshake(clientConfig(), serverConfig(), pace)
    expectComplete(client, server)
    expect(client.events.map(shapeOf)).toEqual([
      'message 0 1',
      'secret 2 read',
      'secret 2 write',
      'peer-parameters',
      'message 2 20',
      'secret 4 write',
      'secret 4 read',
      'complete',
    ])
    expect(server.events.map(shapeOf)).toEqual([
      'peer-parameters',
      'message 0 2',
      'secret 2 read',
      'secret 2 write',
      'message 2 8,11,15,20',
      'secret 4 write',
      'secret 4 read',
      'complete',
    ])
  })

  test('transport parameters cross over, and the server makes its own of the client’s', async () => {
    const asked: string[] = []
    const { client, server } = await handshake(
      clientConfig({
        parameters(peer) {
          asked.push(`client: ${peer === undefined ? 'none' : toHex(peer)}`)
          return CLIENT_PARAMETERS
        },
      }),
      serverConfig({
        parameters(peer) {
          asked.push(`server: ${peer === undefined ? 'none' : toHex(peer)}`)
          return SERVER_PARAMETERS
        },
      }),
      pace,
    )
    expectComplete(client, server)
    expect(asked).toEqual(['client: none', `server: ${toHex(CLIENT_PARAMETERS)}`])
    expect(client.events).toContainEqual({ type: 'peer-parameters', bytes: SERVER_PARAMETERS })
    expect(server.events).toContainEqual({ type: 'peer-parameters', bytes: CLIENT_PARAMETERS })
  })

  test('the server’s preference decides suite and protocol', async () => {
    const { client, server } = await handshake(
      clientConfig({ alpn: ['b', 'a'], suites: SUITES }),
      serverConfig({ alpn: ['c', 'a', 'b'], suites: [TLS_CHACHA20_POLY1305_SHA256, TLS_AES_128_GCM_SHA256] }),
      pace,
    )
    expectComplete(client, server)
    expect(client.complete).toMatchObject({ alpn: 'a', suite: TLS_CHACHA20_POLY1305_SHA256 })
  })

  test('a client that likes ChaCha20 best gets it from a server that has it', async () => {
    const chosen = async (client: typeof SUITES, server: typeof SUITES): Promise<unknown> => {
      const ends = await handshake(clientConfig({ suites: client }), serverConfig({ suites: server }), pace)
      return ends.client.complete?.suite
    }
    const [aes, chacha] = [TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256]
    expect(await chosen([chacha, aes], [aes, chacha])).toBe(chacha)
    expect(await chosen([aes, chacha], [aes, chacha])).toBe(aes)
    expect(await chosen([chacha, aes], [aes])).toBe(aes)
  })

  test('a group with a share goes before a better one without', async () => {
    const { client, server } = await handshake(
      clientConfig({ groups: [NamedGroup.secp256r1, NamedGroup.x25519], shares: [NamedGroup.secp256r1] }),
      serverConfig({ groups: [NamedGroup.x25519, NamedGroup.secp256r1] }),
      pace,
    )
    expectComplete(client, server)
    expect(client.complete?.group).toBe(NamedGroup.secp256r1)
    expect(messageTypes(client)).toEqual([1, 20])
  })

  test('several shares may be offered, and the server takes the one it likes best', async () => {
    const { client, server } = await handshake(
      clientConfig({ shares: [NamedGroup.secp384r1, NamedGroup.x25519] }),
      serverConfig({ groups: [NamedGroup.secp384r1, NamedGroup.x25519] }),
      pace,
    )
    expectComplete(client, server)
    const [hello] = clientHellos(client)
    //= rfc9846#4.3.8-p8-1
    expect(hello?.keyShares?.map(({ group }) => group)).toEqual([NamedGroup.x25519, NamedGroup.secp384r1])
    expect(server.complete?.group).toBe(NamedGroup.secp384r1)
  })

  for (const group of GROUPS) {
    //= rfc9846#4.2.1-p5-1
    //= rfc9846#4.2.4-p4-1
    test(`a HelloRetryRequest brings forth a share of group ${group}`, async () => {
      const offered = [...GROUPS.filter((other) => other !== group), group]
      const { client, server } = await handshake(
        clientConfig({ groups: offered }),
        serverConfig({ groups: [group], suites: [TLS_AES_256_GCM_SHA384] }),
        pace,
      )
      expectComplete(client, server)
      expect(client.complete?.group).toBe(group)
      const [first, second] = clientHellos(client)
      expect(first?.keyShares?.map((entry) => entry.group)).toEqual([offered[0]])
      expect(second?.keyShares?.map((entry) => entry.group)).toEqual([group])
      const hellos = messages(server).filter((message) => message[0] === HandshakeType.serverHello)
      const decoded = hellos.map((message) => decodeServerHello(message.subarray(HEADER_LENGTH)))
      expect(decoded.map(({ isRetryRequest }) => isRetryRequest)).toEqual([true, false])
      //= rfc9846#4.2.4-p6-2
      expect(decoded.map(({ suite }) => suite)).toEqual([0x1302, 0x1302])
    })
  }

  //= rfc9846#4.2.2-p1-2
  test('the second ClientHello is the first but for its share', async () => {
    const { client } = await handshake(clientConfig(), serverConfig({ groups: [NamedGroup.secp384r1] }), pace)
    const [first, second] = clientHellos(client)
    expect(second?.random).toEqual(first?.random)
    expect(second?.suites).toEqual(first?.suites)
    const { keyShare } = ExtensionType
    const others = (entries: Iterable<[number, Uint8Array]>): unknown =>
      [...entries].filter(([type]) => type !== keyShare)
    expect(others(second?.extensions ?? [])).toEqual(others(first?.extensions ?? []))
  })

  //= rfc9114#3.2-p2-1
  //= rfc9114#3.2-p2-2
  test('the server chooses the certificate by the name that is asked for', async () => {
    const asked: ClientHelloSummary[] = []
    const { client, server } = await handshake(
      clientConfig({ serverName: 'P384.Example', alpn: ['x', 'hq-interop'] }),
      serverConfig({
        selectIdentity(hello) {
          asked.push(hello)
          return identityOf(hello.serverName === 'p384.example' ? P384 : P256)
        },
      }),
      pace,
    )
    expectComplete(client, server)
    expect(asked).toEqual([
      { serverName: 'p384.example', schemes: [0x0403, 0x0807, 0x0503, 0x0603], alpn: ['x', 'hq-interop'] },
    ])
    expect(client.complete?.peerCertificates.map(toHex)).toEqual([P384.certificate])
    expect(client.complete?.serverName).toBe('P384.Example')
    expect(server.complete?.serverName).toBe('p384.example')
  })

  for (const name of ['192.0.2.1', '2001:db8::1', undefined]) {
    test(`no SNI is sent for ${name}`, async () => {
      const verified: unknown[] = []
      const { client, server } = await handshake(
        clientConfig({
          serverName: name,
          verifier: {
            verify(...question) {
              verified.push(question.slice(1))
            },
          },
        }),
        serverConfig(),
        pace,
      )
      expectComplete(client, server)
      expect(clientHellos(client)[0]?.extensions.has(ExtensionType.serverName)).toBe(false)
      expect(server.complete?.serverName).toBeUndefined()
      expect(verified).toEqual([[name, 'server', clientConfig().wallClock()]])
    })
  }

  //= rfc9001#4.4-p2-1
  test('a real chain is verified, name and all', async () => {
    const verifier = createPathVerifier({ anchors: [fromHex(CA_CERTIFICATE)], verifiers: noble.verifiers })
    const { client, server } = await handshake(clientConfig({ verifier }), serverConfig(), pace)
    expectComplete(client, server)
  })

  test('both sides export the same keying material, and different for another label', async () => {
    const { client, server } = await handshake(clientConfig(), serverConfig(), pace)
    const context = fromHex('0a0b')
    const one = client.session.exportKeyingMaterial('EXPORTER-test', context, 100)
    expect(one).toHaveLength(100)
    expect(server.session.exportKeyingMaterial('EXPORTER-test', context, 100)).toEqual(one)
    expect(server.session.exportKeyingMaterial('EXPORTER-tess', context, 100)).not.toEqual(one)
    client.session.discard()
    expect(() => client.session.exportKeyingMaterial('EXPORTER-test', context, 100)).toThrow(Error)
  })

  test('both key logs have the same five lines, with the client’s random and the secrets', async () => {
    const logs: { client: string[]; server: string[] } = { client: [], server: [] }
    const { client, server } = await handshake(
      clientConfig({ keyLog: (line) => logs.client.push(line) }),
      serverConfig({ keyLog: (line) => logs.server.push(line) }),
      pace,
    )
    expectComplete(client, server)
    const random = toHex(clientHellos(client)[0]?.random ?? new Uint8Array())
    expect(logs.client).toEqual([
      `CLIENT_HANDSHAKE_TRAFFIC_SECRET ${random} ${secretOf(client, TlsLevel.handshake, 'write')}`,
      `SERVER_HANDSHAKE_TRAFFIC_SECRET ${random} ${secretOf(client, TlsLevel.handshake, 'read')}`,
      `CLIENT_TRAFFIC_SECRET_0 ${random} ${secretOf(client, TlsLevel.application, 'write')}`,
      `SERVER_TRAFFIC_SECRET_0 ${random} ${secretOf(client, TlsLevel.application, 'read')}`,
      expect.stringMatching(/^EXPORTER_SECRET [0-9a-f]{64} [0-9a-f]{64}$/),
    ])
    expect(logs.server).toEqual(logs.client)
  })

  test('messages may be cut into single bytes', async () => {
    const { client, server } = await handshake(clientConfig(), serverConfig(), pace, (_from, _level, bytes) =>
      [...bytes].map((byte) => Uint8Array.of(byte)),
    )
    expectComplete(client, server)
  })

  //= rfc9001#8.4-p2-1
  //= rfc9001#4.2-p3-1
  //= rfc9846#4.2.2-p7.2-1
  //= rfc9846#4.2.2-p7.6-4
  //= rfc9846#4.2.2-p7.10-1
  test('the ClientHello offers TLS 1.3 alone, no compression and no compatibility mode, and has grease', async () => {
    const { client } = await handshake(clientConfig(), serverConfig(), pace)
    const [hello] = clientHellos(client)
    expect(hello?.legacyVersion).toBe(0x0303)
    expect(hello?.legacySessionId).toHaveLength(0)
    expect(hello?.compressionMethods).toEqual(Uint8Array.of(0))
    expect(hello?.versions?.filter((version) => !isGrease(version))).toEqual([0x0304])
    const lists = [
      hello?.versions ?? [],
      hello?.suites ?? [],
      hello?.groups ?? [],
      [...(hello?.extensions.keys() ?? [])],
    ]
    for (const list of lists) expect(list.filter(isGrease)).toHaveLength(1)
  })

  test('without grease there is none', async () => {
    const { client, server } = await handshake(clientConfig({ grease: false }), serverConfig(), pace)
    expectComplete(client, server)
    const [hello] = clientHellos(client)
    const lists = [
      hello?.versions ?? [],
      hello?.suites ?? [],
      hello?.groups ?? [],
      [...(hello?.extensions.keys() ?? [])],
    ]
    expect(lists.flat().some(isGrease)).toBe(false)
  })

  // The host has randomness of its own.
  if (pace.isWeb === true) return
  test('the same seeds make the same bytes', async () => {
    const run = async (): Promise<string> => {
      const random = { client: seededRandom(7), server: seededRandom(8) }
      const { client, server } = await handshake(
        clientConfig({ random: random.client }),
        serverConfig({ random: random.server }),
        pace,
      )
      return toHex(concat(...messages(client), ...messages(server)))
    }
    expect(await run()).toBe(await run())
  })
})
