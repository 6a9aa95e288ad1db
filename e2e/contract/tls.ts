/** §10 of the contract, second half: TLS, whom an end believes, resumption, and keys from elsewhere. */

import { createHash } from 'node:crypto'
import { expect } from 'vitest'
import { x25519MlKem768 } from '../../src/crypto/noble/ml-kem.ts'
import { noble } from '../../src/crypto/noble/provider.ts'
import { MemoryStore, type QuicSessionDetail, QuicTlsError } from '../../src/index.ts'
import { parseKeyLogLine } from '../../src/qlog.ts'
import { VERSION_1 } from '../../src/wire/version.ts'
import { above, bytesOf, first, readAll, rejection, writeAll } from './bytes.ts'
import { identityOf, type KeyKind } from './identities.ts'
import { row, type Section } from './row.ts'
import type { Host, Meeting, MeetOptions, Scene } from './scene.ts'

/** CRYPTO_ERROR with that alert, as qlog has it. */
const alert = (code: number): string => `crypto_error_0x1${code.toString(16).padStart(2, '0')}`

const EARLY = { earlyData: true } as const
const ZERO_RTT = { header: { packet_type: '0RTT' } }

/** A client that refuses the server, or a server that refuses its client, with an alert. */
async function refused(scene: Scene, options: MeetOptions, code: number): Promise<void> {
  const host = await scene.serve(options.server)
  const { client, log } = await scene.dial(host.server, options.client)
  const error = await rejection(client.closed)
  expect(error).toBeInstanceOf(QuicTlsError)
  const { side } = error as QuicTlsError
  if (side === 'local') await log.sent('connection_close', { error: alert(code) })
  else await log.received('connection_close', { error: alert(code) })
}

/** Proves that a handshake came about. */
async function accepted(scene: Scene, options: MeetOptions): Promise<Meeting> {
  const meeting = await scene.meet(options)
  await meeting.client.handshakeConfirmed
  await meeting.log.client.shows('connection_state_updated', { new: 'handshake_complete' })
  return meeting
}

/** A first visit, after which the client has sessions. */
async function visited(scene: Scene, host: Host, options: object): Promise<void> {
  const { client, log } = await scene.visit(host, options)
  await client.handshakeConfirmed
  await log.client.received('crypto')
  await scene.sleep(300)
  await client.close()
}

/** One more visit, which sends `bytes` before anything is heard. */
async function early(scene: Scene, host: Host, options: object, bytes: number): Promise<Meeting> {
  const before = host.logs.length
  const { client, log } = await scene.dial(host.server, { ...EARLY, ...options })
  const stream = await client.createUnidirectionalStream()
  const writing = writeAll(stream, bytesOf(bytes))
  const peer = await host.next()
  expect(await readAll(await first(peer.incomingUnidirectionalStreams))).toEqual(bytesOf(bytes))
  await writing
  const far = host.logs[before]
  if (far === undefined) throw new Error('The server made no log')
  return { host, server: host.server, client, peer, log: { client: log, server: far } }
}

const trusting = (what: string, claim: string, kind: KeyKind, onlyUdp = false) =>
  row(
    what,
    claim,
    async (scene) => {
      const identity = identityOf({ now: scene.wallClock(), kind })
      const { client } = await accepted(scene, {
        client: { ca: identity.ca, serverName: 'localhost' },
        server: { certificate: identity },
      })
      expect(client.peerCertificates?.[0]).toEqual(identity.certificate[0])
    },
    onlyUdp ? { over: ['udp'], because: 'the engine of the simulator has no RSA' } : {},
  )

const grouped = (name: string, group: number, options: { readonly least?: number } = {}) =>
  row(
    `\`groups\`: ${name}`,
    'agrees on keys',
    async (scene) => {
      const isOwn = group === x25519MlKem768.group
      const groups = [isOwn ? x25519MlKem768 : group]
      const { log } = await accepted(scene, { client: { groups }, server: { groups } })
      await log.client.sent('crypto', { offset: 0 })
      const hello = log.client.events('packet_sent', { header: { packet_type: 'initial' } })
      const sizes = hello.flatMap(({ frames }) => frames as { offset?: number; raw?: { payload_length?: number } }[])
      const size = Math.max(...sizes.map(({ offset = 0, raw }) => offset + (raw?.payload_length ?? 0)))
      expect(size).toBeGreaterThan(options.least ?? 150)
    },
    { interop: options.least === undefined ? [] : ['mlkem'] },
  )

export const TLS: Section = {
  title: '10 · TLS and trust',
  file: 'e2e/contract/tls.ts',
  rows: [
    ...['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'].map((name) =>
      row(
        `\`cipherSuites: ['${name}']\``,
        'protects everything',
        async (scene) => {
          const { client, peer, log } = await scene.meet({ client: { cipherSuites: [name] } })
          await log.client.shows('parameters_set', { tls_cipher: name.replace('TLS_', '') })
          const stream = await client.createUnidirectionalStream()
          await writeAll(stream, bytesOf(5000))
          expect(await readAll(await first(peer.incomingUnidirectionalStreams))).toEqual(bytesOf(5000))
        },
        { interop: name.includes('CHACHA') ? ['chacha20'] : name.includes('128') ? ['handshake'] : [] },
      ),
    ),
    grouped('X25519', 29),
    grouped('P-256', 23),
    grouped('P-384', 24),
    grouped('X25519MLKEM768 (`x25519MlKem768` of `isoquic/crypto/ml-kem`)', 4588, { least: 1300 }),
    row('HelloRetryRequest', 'is answered with a share of the group that the server wants', async (scene) => {
      const { log } = await accepted(scene, { client: { groups: [29, 24] }, server: { groups: [24] } })
      // The second ClientHello follows the first one in the stream of CRYPTO frames.
      await log.client.sent('crypto', { offset: above(100) })
    }),
    trusting('`certificate` with ECDSA P-256, `ca`', 'is verified up to the given anchors', 'P-256'),
    trusting('`certificate` with ECDSA P-384', 'is verified', 'P-384'),
    trusting('`certificate` with Ed25519', 'is verified', 'Ed25519'),
    trusting('`certificate` with RSA (PSS)', 'is verified', 'RSA', true),
    row(
      '`privateKey` as a `CryptoKey`',
      'may be one that nobody can extract',
      async (scene) => {
        const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
        const { privateKeyDer, certificate } = scene.certificate
        const bytes = new Uint8Array(privateKeyDer)
        const privateKey = await crypto.subtle.importKey('pkcs8', bytes, algorithm, false, ['sign'])
        await accepted(scene, { server: { certificate: { certificate, privateKey } } })
      },
      { over: ['udp'], because: 'Web Crypto takes the host’s time' },
    ),
    row('`privateKey` as a signer of one’s own', 'may take its time', async (scene) => {
      const { privateKeyDer, certificate } = scene.certificate
      const inner = await noble.createSigner(privateKeyDer)
      let signed = 0
      const privateKey = {
        schemes: inner.schemes,
        sign: async (scheme: number, message: Uint8Array) => {
          signed++
          await scene.sleep(30)
          return inner.sign(scheme, message)
        },
      }
      await accepted(scene, { server: { certificate: { certificate, privateKey } } })
      expect(signed).toBe(1)
    }),
    row(
      '`alpn`',
      'is mandatory, and a mismatch is `no_application_protocol`',
      async (scene) => {
        await refused(scene, { client: { alpn: ['nothing'] } }, 120)
        const { client, log } = await scene.meet({ client: { alpn: ['b', 'a'] }, server: { alpn: ['a', 'b'] } })
        expect(client.alpn).toBe('a')
        await log.client.shows('alpn_information', { chosen_alpn: { string_value: 'a' } })
      },
      { interop: ['handshake'] },
    ),
    row('`serverName`, several certificates', 'shows the certificate of the name', async (scene) => {
      const now = scene.wallClock()
      const [one, other] = [identityOf({ now, names: ['one.test'] }), identityOf({ now, names: ['other.test'] })]
      const host = await scene.serve({ certificate: [one, other] })
      for (const [serverName, { ca, certificate }] of [
        ['one.test', one],
        ['other.test', other],
      ] as const) {
        const { client, log } = await scene.visit(host, { serverName, ca })
        expect(client.peerCertificates).toEqual(certificate)
        await log.client.shows('connection_state_updated', { new: 'handshake_complete' })
      }
    }),
    row('`server.setCertificates(certificates)`', 'changes them for the handshakes from then on', async (scene) => {
      const next = identityOf({ now: scene.wallClock() })
      const { host, client } = await scene.meet()
      await host.server.setCertificates(next)
      const later = await scene.visit(host, { ca: next.ca, serverName: 'localhost' })
      expect(later.client.peerCertificates).toEqual(next.certificate)
      expect(await client.ping()).toBeGreaterThan(0)
      await later.log.client.shows('connection_state_updated', { new: 'handshake_complete' })
    }),
    row(
      'Server authentication',
      'is on by default: an unknown authority is `unknown_ca`',
      async (scene) => {
        const [mine, theirs] = [0, 0].map(() => identityOf({ now: scene.wallClock() }))
        if (mine === undefined || theirs === undefined) throw new Error('There are two')
        const client = { ca: mine.ca, serverName: 'localhost' }
        await refused(scene, { client, server: { certificate: theirs } }, 48)
      },
      { interop: ['handshake'] },
    ),
    row('Server authentication: the host name', 'must be in the certificate', async (scene) => {
      const identity = identityOf({ now: scene.wallClock(), names: ['right.test'] })
      const client = { ca: identity.ca, serverName: 'wrong.test' }
      await refused(scene, { client, server: { certificate: identity } }, 42)
    }),
    row('Server authentication: the validity', 'must not be over', async (scene) => {
      const identity = identityOf({ now: scene.wallClock(), lifetime: -1000 })
      const client = { ca: identity.ca, serverName: 'localhost' }
      await refused(scene, { client, server: { certificate: identity } }, 45)
    }),
    row('`serverCertificateHashes`', 'trust one certificate', async (scene) => {
      await accepted(scene, { client: { serverCertificateHashes: [scene.certificate.hash] } })
      const value = new Uint8Array(32)
      await refused(scene, { client: { serverCertificateHashes: [{ algorithm: 'sha-256', value }] } }, 46)
    }),
    row('`spkiPins`', 'trust one key', async (scene) => {
      const certificate = identityOf({ now: scene.wallClock() })
      const pin = new Uint8Array(createHash('sha256').update(certificate.spki).digest())
      await accepted(scene, { client: { spkiPins: [pin] }, server: { certificate } })
      await refused(scene, { client: { spkiPins: [new Uint8Array(32)] }, server: { certificate } }, 46)
    }),
    row("`verify: 'insecure'`, `verify: (chain, name) => boolean`", 'judge in place of all that', async (scene) => {
      await accepted(scene, { client: { verify: 'insecure' } })
      const seen: unknown[] = []
      const verify = (chain: readonly Uint8Array[], name: string | undefined): boolean => seen.push(chain[0], name) < 0
      await refused(scene, { client: { verify, serverName: 'localhost' } }, 46)
      expect(seen).toEqual([scene.certificate.certificateDer, 'localhost'])
    }),
    row(
      '`clientCertificates: { mode, verify }`, a client’s `certificate`',
      'are asked for, required, and verified',
      async (scene) => {
        const { certificate } = scene
        const verify = (chain: readonly Uint8Array[]): boolean => chain[0]?.length === certificate.certificateDer.length
        const clientCertificates = { mode: 'require', verify } as const
        const { peer } = await accepted(scene, { client: { certificate }, server: { clientCertificates } })
        expect(peer.peerCertificates).toEqual([certificate.certificateDer])
        await refused(scene, { server: { clientCertificates } }, 116)
        const asking = { mode: 'request', verify } as const
        const free = await accepted(scene, { server: { clientCertificates: asking } })
        expect(free.peer.peerCertificates).toBeUndefined()
      },
    ),
    row(
      '`keyLog`',
      'takes NSS lines with which the connection can be read',
      async (scene) => {
        const lines: string[] = []
        const { log } = await scene.meet({ client: { keyLog: (line) => void lines.push(line) } })
        const labels = lines.map((line) => parseKeyLogLine(line)?.label)
        expect(labels).toEqual(expect.arrayContaining(['CLIENT_TRAFFIC_SECRET_0', 'SERVER_TRAFFIC_SECRET_0']))
        await log.client.shows('key_updated', { key_type: 'client_1rtt_secret', trigger: 'tls' })
      },
      { interop: ['keyupdate'] },
    ),
    row('`exportKeyingMaterial(label, context, length)`', 'gives both ends the same', async (scene) => {
      const { client, peer } = await accepted(scene, {})
      const material = client.exportKeyingMaterial('EXPORTER-contract', bytesOf(3), 40)
      expect(material.length).toBe(40)
      expect(peer.exportKeyingMaterial('EXPORTER-contract', bytesOf(3), 40)).toEqual(material)
      expect(peer.exportKeyingMaterial('EXPORTER-contract', bytesOf(4), 40)).not.toEqual(material)
    }),
  ],
}

export const RESUMPTION: Section = {
  title: '10 · Resumption, 0-RTT, external keys',
  file: 'e2e/contract/tls.ts',
  rows: [
    row(
      '`sessionStore`',
      'has the second connection resumed, by a PSK with its binder, without a certificate',
      async (scene) => {
        const sessionStore = new MemoryStore()
        const host = await scene.serve()
        await visited(scene, host, { sessionStore })
        const { client, peer, log } = await scene.visit(host, { sessionStore })
        expect(await client.ready).toMatchObject({ resumed: true, earlyDataAccepted: false })
        expect(await peer.ready).toMatchObject({ resumed: true })
        expect(client.peerCertificates).toBeUndefined()
        await log.client.shows('connection_state_updated', { new: 'handshake_complete' })
        expect(log.client.events('packet_sent', ZERO_RTT)).toEqual([])
      },
      { interop: ['resumption'] },
    ),
    row('`session`, event `session`', 'hands a session from one connection to another', async (scene) => {
      const host = await scene.serve({ earlyData: true })
      const { client } = await scene.dial(host.server)
      const told = new Promise<QuicSessionDetail>((resolve) => {
        client.addEventListener('session', (event) => resolve((event as CustomEvent<QuicSessionDetail>).detail))
      })
      const { session, allowsEarlyData, expiresAt } = await told
      expect(allowsEarlyData).toBe(true)
      expect(expiresAt).toBeGreaterThan(scene.wallClock())
      await host.next()
      const next = await scene.visit(host, { session })
      expect(await next.client.ready).toMatchObject({ resumed: true })
      await next.log.client.shows('connection_state_updated', { new: 'handshake_complete' })
    }),
    row(
      '`earlyData`, `earlyDataAccepted`: 0-RTT',
      'leaves with the first packets, and is read before the handshake is over',
      async (scene) => {
        const sessionStore = new MemoryStore()
        const host = await scene.serve({ earlyData: true })
        await visited(scene, host, { sessionStore })
        const { client, log } = await early(scene, host, { sessionStore }, 900)
        expect(await client.ready).toMatchObject({ resumed: true, earlyDataAccepted: true })
        expect(await client.earlyDataAccepted).toBe(true)
        await log.client.shows('packet_sent', ZERO_RTT)
        await log.client.shows('parameters_restored', { initial_max_data: 1_048_576 })
      },
      { interop: ['zerortt'] },
    ),
    row('Early data', 'is bounded by the remembered `initial_max_data`', async (scene) => {
      const sessionStore = new MemoryStore()
      const host = await scene.serve({ earlyData: true, initialMaxData: 2000 })
      await visited(scene, host, { sessionStore })
      const { log } = await early(scene, host, { sessionStore }, 9000)
      await log.client.shows('parameters_restored', { initial_max_data: 2000 })
      const packets = log.client.events('packet_sent', ZERO_RTT)
      type Seen = { readonly frame_type: string; readonly offset?: number; readonly raw?: { payload_length: number } }
      const ends = packets
        .flatMap(({ frames }) => frames as readonly Seen[])
        .filter(({ frame_type: type }) => type === 'stream')
        .map(({ offset = 0, raw }) => offset + (raw?.payload_length ?? 0))
      expect(Math.max(...ends)).toBe(2000)
    }),
    row('Early data that is refused, `acceptEarlyData`', 'is sent again after the handshake', async (scene) => {
      const sessionStore = new MemoryStore()
      let asked = 0
      const acceptEarlyData = ({ alpn, ticketId }: { readonly alpn: string; readonly ticketId: Uint8Array }) => {
        asked++
        expect([alpn, ticketId.length]).toEqual(['contract', 16])
        return false
      }
      const host = await scene.serve({ earlyData: true, acceptEarlyData })
      await visited(scene, host, { sessionStore })
      const { client, log } = await early(scene, host, { sessionStore }, 3000)
      expect(await client.ready).toMatchObject({ resumed: true, earlyDataAccepted: false })
      expect(asked).toBe(1)
      await log.client.shows('packet_sent', ZERO_RTT)
      await log.client.sent('stream', { stream_id: 2, fin: true })
    }),
    row('A server whose limits have shrunk', 'takes no early data under the remembered ones', async (scene) => {
      const sessionStore = new MemoryStore()
      const common = { earlyData: true, tickets: { key: bytesOf(32) } }
      const host = await scene.serve({ ...common, initialMaxData: 50_000 })
      await visited(scene, host, { sessionStore })
      const next = await scene.serve({ ...common, initialMaxData: 900 }, scene.first('server').successor())
      const { client, log } = await early(scene, next, { sessionStore }, 2000)
      expect(await client.ready).toMatchObject({ earlyDataAccepted: false })
      await log.client.shows('parameters_restored', { initial_max_data: 50_000 })
      await log.client.shows('parameters_set', { initiator: 'remote', initial_max_data: 900 })
    }),
    row('A ticket that is replayed', 'is accepted once for early data', async (scene) => {
      const host = await scene.serve({ earlyData: true })
      const { client } = await scene.dial(host.server)
      const told = new Promise<QuicSessionDetail>((resolve) => {
        client.addEventListener('session', (event) => resolve((event as CustomEvent<QuicSessionDetail>).detail))
      })
      const { session } = await told
      await host.next()
      expect(await (await early(scene, host, { session }, 10)).client.earlyDataAccepted).toBe(true)
      const again = await early(scene, host, { session }, 10)
      expect(await again.client.ready).toMatchObject({ resumed: true, earlyDataAccepted: false })
      await again.log.client.shows('packet_sent', ZERO_RTT)
    }),
    row(
      '`tickets: { key, count, lifetime }`, `server.rotateTicketKey(key)`',
      'resume after a restart, and after one change of the key',
      async (scene) => {
        const sessionStore = new MemoryStore()
        const tickets = { key: bytesOf(32), count: 3, lifetime: 60_000 }
        const host = await scene.serve({ tickets })
        await visited(scene, host, { sessionStore })
        const next = await scene.serve({ tickets }, scene.first('server').successor())
        next.server.rotateTicketKey(bytesOf(40))
        const one = await scene.visit(next, { sessionStore })
        expect(await one.client.ready).toMatchObject({ resumed: true })
        await one.log.client.shows('connection_state_updated', { new: 'handshake_complete' })
        next.server.rotateTicketKey(bytesOf(50))
        next.server.rotateTicketKey(bytesOf(60))
        // What is left is of the first key.
        const other = await scene.visit(next, { session: sessionOf(sessionStore) })
        expect(await other.client.ready).toMatchObject({ resumed: false })
      },
    ),
    row('`tickets: { applicationState }`', 'refuses early data that relied on another state', async (scene) => {
      const sessionStore = new MemoryStore()
      const common = { earlyData: true, tickets: { key: bytesOf(32), applicationState: bytesOf(3) } }
      const host = await scene.serve(common)
      await visited(scene, host, { sessionStore })
      const tickets = { key: bytesOf(32), applicationState: bytesOf(4) }
      const next = await scene.serve({ ...common, tickets }, scene.first('server').successor())
      const { client, log } = await early(scene, next, { sessionStore }, 100)
      expect(await client.ready).toMatchObject({ resumed: true, earlyDataAccepted: false })
      await log.client.shows('packet_sent', ZERO_RTT)
    }),
    row('`tickets: false`', 'gives none out', async (scene) => {
      const sessionStore = new MemoryStore()
      const host = await scene.serve({ tickets: false })
      await visited(scene, host, { sessionStore })
      const { client, log } = await scene.visit(host, { sessionStore })
      expect(await client.ready).toMatchObject({ resumed: false })
      await log.client.shows('connection_state_updated', { new: 'handshake_complete' })
    }),
    row(
      '`psk: { identity, key }`, `psk: { find }`, `pskIdentity` (psk_dhe_ke)',
      'stand in for certificates',
      async (scene) => {
        const key = bytesOf(32)
        const find = (identity: Uint8Array) => (identity.length === 8 ? { key } : undefined)
        const { client, peer } = await accepted(scene, {
          client: { psk: { identity: 'sensor 7', key } },
          server: { psk: { find } },
        })
        expect(client.pskIdentity).toEqual(new TextEncoder().encode('sensor 7'))
        expect(peer.pskIdentity).toEqual(client.pskIdentity)
        expect(client.peerCertificates).toBeUndefined()
      },
    ),
    row("`psk: { modes: ['psk_ke'] }`", 'goes without a key exchange', async (scene) => {
      const key = bytesOf(32)
      const modes = ['psk_ke'] as const
      const { client } = await accepted(scene, {
        client: { psk: { identity: 'sensor 7', key, modes } },
        server: { psk: { find: async () => ({ key }), modes } },
      })
      expect(client.pskIdentity).toBeDefined()
      expect(client.version).toBe(VERSION_1)
    }),
  ],
}

/** What a store has for its only server. */
function sessionOf(store: MemoryStore): Uint8Array | undefined {
  for (const server of ['192.0.2.1:4433', 'localhost:4433']) {
    const session = store.get(server)
    if (session !== undefined) return session
  }
  return undefined
}
