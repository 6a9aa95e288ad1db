import { describe, expect, test } from 'vitest'
import { encodeUtf8 } from '../base/bytes.ts'
import type { Observer } from '../wire/observer.ts'
import { PacketType } from '../wire/packet-type.ts'
import { VERSION_1, VERSION_2 } from '../wire/version.ts'
import type { QuicConnection } from './connection.ts'
import { QuicEndpoint } from './endpoint.ts'
import type { ConnectOptions } from './endpoint-core.ts'
import { QuicStreamError } from './errors.ts'
import { type ClientStore, MemoryStore } from './memory.ts'
import { bytesOf, readAll, rejection, Stage, type StageOptions, testCertificate, writeAll } from './pipe.fixtures.ts'
import type { QuicSessionDetail } from './recall.ts'
import type { ListenOptions, QuicServer } from './server.ts'
import type { EarlyDataAttempt } from './server-tickets.ts'

/** A server that echoes, and a client's endpoint from which it can be visited again and again. */
class Regulars {
  readonly stage: Stage
  readonly endpoint: QuicEndpoint
  server: QuicServer | undefined
  /** The server's ends, in the order in which they were handed out, and how far they were. */
  readonly peers: { readonly connection: QuicConnection; readonly state: string; readonly alpn: string | undefined }[] =
    []

  /** @param delay ms from one end to the other. */
  constructor(options: StageOptions = {}, delay = 0) {
    const defer = (task: () => void): void => {
      const { environment } = this.stage
      environment.setTimer(environment.now() + delay, task)
    }
    this.stage = new Stage({ ...options, pipe: { defer } })
    const { crypto, environment } = this.stage.clientOptions()
    this.endpoint = new QuicEndpoint(this.stage.near, { crypto, environment })
  }

  async listen(options: Partial<ListenOptions> = {}): Promise<this> {
    const server = await this.stage.listen(options)
    this.server = server
    void (async () => {
      for await (const connection of server) {
        this.peers.push({ connection, state: connection.state, alpn: connection.alpn })
        void echo(connection).catch(() => {})
      }
    })()
    return this
  }

  connect(options: Partial<ConnectOptions> = {}): QuicConnection {
    return this.endpoint.connect('server.test:4433', this.stage.clientOptions(options))
  }

  /** Connects, asks for an echo of `bytes` before anything else, and closes once the handshake is confirmed. */
  async visit(options: Partial<ConnectOptions> = {}, bytes: Uint8Array = bytesOf(3_000)): Promise<QuicConnection> {
    const connection = this.connect(options)
    const answer = (async () => {
      const stream = await connection.createBidirectionalStream()
      await writeAll(stream.writable, bytes)
      return readAll(stream.readable)
    })()
    expect(await this.stage.environment.until(answer)).toEqual(bytes)
    await this.stage.environment.until(connection.handshakeConfirmed)
    await this.stage.environment.pass(200)
    await this.stage.environment.until(connection.close())
    return connection
  }
}

async function echo(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingBidirectionalStreams) {
    stream.readable.pipeTo(stream.writable).catch(() => {})
  }
}

const EARLY = { earlyData: true }

describe('a session store', () => {
  test('has the second connection resumed, without a certificate', async () => {
    const sessionStore = new MemoryStore()
    const regulars = await new Regulars().listen()
    const first = await regulars.visit({ sessionStore })
    expect(await first.ready).toMatchObject({ resumed: false, earlyDataAccepted: false })
    expect(first.peerCertificates).toEqual(testCertificate().certificate)
    const second = await regulars.visit({ sessionStore })
    expect(await second.ready).toMatchObject({ resumed: true, earlyDataAccepted: false })
    expect(await second.earlyDataAccepted).toBe(false)
    expect(second.peerCertificates).toBeUndefined()
    const [, peer] = regulars.peers
    expect(await peer?.connection.ready).toMatchObject({ resumed: true })
  })

  //= rfc9001#4.5-p4-1
  test('gives each session out once, the newest first', () => {
    const store = new MemoryStore({ maxServers: 2, maxPerServer: 2 })
    for (const value of [1, 2, 3]) store.set('a', Uint8Array.of(value))
    expect(store.get('a')).toEqual(Uint8Array.of(3))
    expect(store.get('a')).toEqual(Uint8Array.of(2))
    expect(store.get('a')).toBeUndefined()
    for (const server of ['a', 'b', 'c']) store.set(server, Uint8Array.of(7))
    expect(store.get('a')).toBeUndefined()
    expect(store.get('b')).toEqual(Uint8Array.of(7))
    expect(() => new MemoryStore({ maxServers: 0 })).toThrow(RangeError)
  })

  test('knows servers by name and port, and may take its time', async () => {
    const asked: string[] = []
    const memory = new MemoryStore()
    const sessionStore: ClientStore = {
      get: async (server) => {
        asked.push(server)
        return memory.get(server)
      },
      set: async (server, value) => memory.set(server, value),
    }
    const regulars = await new Regulars().listen({ earlyData: true })
    await regulars.visit({ sessionStore, ...EARLY })
    const second = await regulars.visit({ sessionStore, ...EARLY })
    expect(await second.ready).toMatchObject({ resumed: true, earlyDataAccepted: true })
    expect(asked).toEqual(['server.test:4433', 'server.test:4433'])
  })

  test('that fails to keep something costs nothing, and one that fails to give ends the attempt with words', async () => {
    const broken: ClientStore = { get: () => undefined, set: () => Promise.reject(new Error('disk full')) }
    const regulars = await new Regulars().listen()
    await regulars.visit({ sessionStore: broken, tokenStore: broken })
    const unreadable: ClientStore = { get: () => Promise.reject(new Error('disk gone')), set: () => {} }
    const error = await regulars.stage.environment.until(
      rejection(regulars.connect({ sessionStore: unreadable }).ready),
    )
    expect(error).toMatchObject({ message: expect.stringContaining('disk gone') })
  })

  test('is passed over where the client believes in somebody else than it did', async () => {
    const sessionStore = new MemoryStore()
    const regulars = await new Regulars().listen()
    await regulars.visit({ sessionStore, ca: undefined as never, verify: 'insecure' })
    const strict = await regulars.visit({ sessionStore })
    expect(await strict.ready).toMatchObject({ resumed: false })
    expect(strict.peerCertificates).toBeDefined()
  })

  test('is of no use where the server gives out no tickets, asks for certificates, or has another key', async () => {
    for (const server of [
      { tickets: false as const },
      { clientCertificates: { mode: 'request' as const, verify: 'insecure' as const } },
    ]) {
      const sessionStore = new MemoryStore()
      const regulars = await new Regulars().listen(server)
      await regulars.visit({ sessionStore })
      expect(sessionStore.get('server.test:4433')).toBeUndefined()
    }
    const sessionStore = new MemoryStore()
    const regulars = await new Regulars().listen()
    await regulars.visit({ sessionStore })
    regulars.server?.rotateTicketKey(new Uint8Array(32).fill(1))
    expect(await (await regulars.visit({ sessionStore })).ready).toMatchObject({ resumed: true })
    regulars.server?.rotateTicketKey(new Uint8Array(32).fill(2))
    regulars.server?.rotateTicketKey(new Uint8Array(32).fill(3))
    expect(await (await regulars.visit({ sessionStore })).ready).toMatchObject({ resumed: false })
  })
})

test('a token store saves the Retry of the second connection', async () => {
  const tokenStore = new MemoryStore()
  const regulars = await new Regulars().listen({ retry: 'always' })
  const tokens: Uint8Array[] = []
  const get = tokenStore.get.bind(tokenStore)
  tokenStore.get = (server) => {
    const token = get(server)
    if (token !== undefined) tokens.push(token)
    return token
  }
  await regulars.visit({ tokenStore })
  expect(tokens).toHaveLength(0)
  await regulars.visit({ tokenStore })
  expect(tokens).toHaveLength(1)
})

//= rfc9369#5-p1-1
test('what one version of QUIC has left is not used in another', async () => {
  const stores = { sessionStore: new MemoryStore(), tokenStore: new MemoryStore() }
  const versions = [VERSION_1, VERSION_2]
  const regulars = await new Regulars().listen({ earlyData: true, versions })
  await regulars.visit({ ...stores, ...EARLY, versions })
  const packets: number[] = []
  const observer = (): Observer => ({
    packetSent: ({ type, tokenLength = 0 }) => void packets.push(type, tokenLength),
  })
  const second = await regulars.visit({ ...stores, ...EARLY, versions, version: VERSION_2, observer })
  expect(second.version).toBe(VERSION_2)
  expect(await second.ready).toMatchObject({ resumed: false })
  expect(packets).not.toContain(PacketType.zeroRtt)
  expect(Math.max(...packets)).toBe(PacketType.oneRtt)
  const third = await regulars.visit({ ...stores, ...EARLY, versions, version: VERSION_2, observer })
  expect(await third.ready).toMatchObject({ resumed: true, earlyDataAccepted: true })
  expect(packets).toContain(PacketType.zeroRtt)
  expect(Math.max(...packets)).toBeGreaterThan(16)
})

//= rfc9368#2.5-p1-1
//= rfc9368#2.5-p1-2
test('a client whose server has changed the version begins with that one the next time', async () => {
  const sessionStore = new MemoryStore()
  const tokenStore = new MemoryStore()
  const regulars = await new Regulars().listen({ earlyData: true, preferredVersions: [VERSION_2] })
  const versions: number[] = []
  const observer = (): Observer => ({ packetSent: ({ version }) => void versions.push(version ?? 0) })
  const first = await regulars.visit({ sessionStore, tokenStore, observer })
  expect([versions[0], first.version]).toEqual([VERSION_1, VERSION_2])
  versions.length = 0
  const second = await regulars.visit({ sessionStore, observer, ...EARLY })
  expect([versions[0], second.version]).toEqual([VERSION_2, VERSION_2])
  expect(await second.ready).toMatchObject({ resumed: true, earlyDataAccepted: true })
  versions.length = 0
  await regulars.visit({ tokenStore, observer })
  expect(versions[0]).toBe(VERSION_2)
  // What the application says goes first, and what is not spoken is not begun with.
  for (const options of [{ version: VERSION_1 }, { versions: [VERSION_1] }]) {
    versions.length = 0
    const next = await regulars.visit({ sessionStore, tokenStore, observer, ...options })
    expect([versions[0], (await next.ready).resumed]).toEqual([VERSION_1, false])
  }
})

describe('early data', () => {
  test('is read before the handshake is complete, by a connection that the server hands out at once', async () => {
    const sessionStore = new MemoryStore()
    const regulars = await new Regulars({}, 20).listen({ earlyData: true })
    const { environment } = regulars.stage
    await regulars.visit({ sessionStore, ...EARLY })
    const connection = regulars.connect({ sessionStore, ...EARLY })
    const begin = environment.now()
    const stream = await environment.until(connection.createBidirectionalStream())
    expect(connection.state).toBe('connecting')
    void writeAll(stream.writable, bytesOf(500))
    const answer = environment.until(readAll(stream.readable))
    expect(await answer).toEqual(bytesOf(500))
    // One round trip, handshake and all.
    expect(environment.now() - begin).toBeLessThan(45)
    expect(await environment.until(connection.earlyDataAccepted)).toBe(true)
    expect(await environment.until(connection.ready)).toMatchObject({ resumed: true, earlyDataAccepted: true })
    expect(regulars.peers.map(({ state, alpn }) => `${state} ${alpn}`)).toEqual(['connected test', 'connecting test'])
    expect(await regulars.peers[1]?.connection.earlyDataAccepted).toBe(true)
    expect(await regulars.peers[0]?.connection.earlyDataAccepted).toBe(false)
  })

  //= rfc9001#5.6-p2-1
  test('is not sent, nor taken, unless the application asks for it', async () => {
    const sessionStore = new MemoryStore()
    const modest = await new Regulars().listen()
    await modest.visit({ sessionStore, ...EARLY })
    expect(await (await modest.visit({ sessionStore, ...EARLY })).ready).toMatchObject({
      resumed: true,
      earlyDataAccepted: false,
    })
    const other = new MemoryStore()
    const willing = await new Regulars().listen({ earlyData: true })
    await willing.visit({ sessionStore: other })
    expect(await (await willing.visit({ sessionStore: other })).ready).toMatchObject({
      resumed: true,
      earlyDataAccepted: false,
    })
  })

  test('that is refused arrives all the same', async () => {
    const sessionStore = new MemoryStore()
    const attempts: EarlyDataAttempt[] = []
    const acceptEarlyData = async (attempt: EarlyDataAttempt): Promise<boolean> => {
      attempts.push(attempt)
      return false
    }
    const regulars = await new Regulars({ network: { loss: 0.1 } }, 20).listen({
      earlyData: true,
      acceptEarlyData,
    })
    await regulars.visit({ sessionStore, ...EARLY })
    const second = await regulars.visit({ sessionStore, ...EARLY }, bytesOf(50_000))
    expect(await second.ready).toMatchObject({ resumed: true, earlyDataAccepted: false })
    expect(attempts).toHaveLength(1)
    expect(attempts[0]).toMatchObject({ alpn: 'test', serverName: 'server.test', remoteAddress: '' })
    expect(attempts[0]?.ticketId).toHaveLength(16)
  })

  //= rfc9846#8-p4-1
  test('is accepted once for each ticket', async () => {
    const regulars = await new Regulars().listen({ earlyData: true })
    const sessions: QuicSessionDetail[] = []
    const first = regulars.connect()
    first.addEventListener('session', (event) => sessions.push((event as CustomEvent<QuicSessionDetail>).detail))
    await regulars.stage.environment.until(first.handshakeConfirmed)
    await regulars.stage.environment.pass(200)
    expect(sessions).toHaveLength(2)
    const [{ session, allowsEarlyData, expiresAt } = sessions[0] as QuicSessionDetail] = sessions
    expect(allowsEarlyData).toBe(true)
    expect(expiresAt).toBeGreaterThan(regulars.stage.environment.wallClock())
    expect(await (await regulars.visit({ session, ...EARLY })).earlyDataAccepted).toBe(true)
    const again = await regulars.visit({ session, ...EARLY })
    expect(await again.ready).toMatchObject({ resumed: true, earlyDataAccepted: false })
    const other = await regulars.visit({ session: sessions[1]?.session, ...EARLY })
    expect(await other.earlyDataAccepted).toBe(true)
  })

  test('ends with a word where the server speaks another protocol now', async () => {
    const sessionStore = new MemoryStore()
    const stage = new Stage()
    const { environment } = stage
    const { crypto } = stage.clientOptions()
    const near = new QuicEndpoint(stage.near, { crypto, environment })
    const far = new QuicEndpoint(stage.far, { crypto, environment })
    const tickets = { key: new Uint8Array(32).fill(4) }
    const open = (alpn: string): Promise<QuicServer> =>
      far.listen(stage.serverOptions({ alpn: [alpn], tickets, earlyData: true }))
    const client = stage.clientOptions({ alpn: ['one', 'two'], sessionStore, ...EARLY })
    const before = await open('one')
    const first = near.connect('server.test:4433', client)
    await environment.until(first.handshakeConfirmed)
    await environment.pass(200)
    await environment.until(first.close())
    await environment.until(before.close())
    await open('two')
    const second = near.connect('server.test:4433', client)
    const stream = await environment.until(second.createBidirectionalStream())
    const closed = rejection(stream.closed)
    void writeAll(stream.writable, bytesOf(100)).catch(() => {})
    expect(await environment.until(second.ready)).toMatchObject({
      alpn: 'two',
      resumed: true,
      earlyDataAccepted: false,
    })
    expect(await environment.until(closed)).toBeInstanceOf(QuicStreamError)
    const next = await environment.until(second.createBidirectionalStream())
    expect(next.id).toBe(0)
  })

  test('waits no longer than for its connection: closed at once, everything settles', async () => {
    const sessionStore = new MemoryStore()
    const regulars = await new Regulars({}, 20).listen({ earlyData: true })
    const { environment } = regulars.stage
    await regulars.visit({ sessionStore, ...EARLY })
    const connection = regulars.connect({ sessionStore, ...EARLY })
    const stream = await environment.until(connection.createBidirectionalStream())
    const writing = writeAll(stream.writable, bytesOf(100)).catch(() => {})
    const early = rejection(connection.earlyDataAccepted)
    const ready = rejection(connection.ready)
    void connection.close()
    await environment.until(Promise.all([writing, early, ready, connection.closed]))
  })
})

describe('external keys', () => {
  const key = bytesOf(32)
  const find = (identity: Uint8Array): { key: Uint8Array } | undefined =>
    String.fromCharCode(...identity) === 'sensor 7' ? { key } : undefined

  test('take the place of certificates', async () => {
    const regulars = await new Regulars().listen({ certificate: undefined, psk: { find } })
    const connection = await regulars.visit({ psk: { identity: 'sensor 7', key }, ca: [] })
    expect(connection.pskIdentity).toEqual(encodeUtf8('sensor 7'))
    expect(connection.peerCertificates).toBeUndefined()
    expect(regulars.peers[0]?.connection.pskIdentity).toEqual(encodeUtf8('sensor 7'))
  })

  test('are used alone where both ends want it so, and may be looked up in time', async () => {
    const slowly = async (identity: Uint8Array): Promise<{ key: Uint8Array } | undefined> => find(identity)
    const regulars = await new Regulars().listen({ psk: { find: slowly, modes: ['psk_ke'] } })
    const connection = await regulars.visit({ psk: { identity: encodeUtf8('sensor 7'), key, modes: ['psk_ke'] } })
    expect(connection.pskIdentity).toEqual(encodeUtf8('sensor 7'))
    expect(connection.exportKeyingMaterial('EXPORTER-test', new Uint8Array(), 8)).toHaveLength(8)
  })

  test('that nobody knows lead to the certificate, or to an alert', async () => {
    const regulars = await new Regulars().listen({ psk: { find } })
    const connection = await regulars.visit({ psk: { identity: 'stranger', key } })
    expect(connection.pskIdentity).toBeUndefined()
    expect(connection.peerCertificates).toBeDefined()
    const bare = await new Regulars().listen({ certificate: undefined, psk: { find } })
    const refused = bare.connect({ psk: { identity: 'stranger', key } })
    expect(await bare.stage.environment.until(rejection(refused.ready))).toMatchObject({ side: 'remote' })
  })
})

describe('options that cannot be are refused at once', () => {
  const connecting = (options: object): (() => unknown) => {
    const stage = new Stage()
    const { crypto, environment } = stage.clientOptions()
    return () => new QuicEndpoint(stage.near, { crypto, environment }).connect('a.test:1', stage.clientOptions(options))
  }

  test.each([
    ['session', { session: Uint8Array.of(1, 2, 3) }, /session must be that of an event/],
    ['session', { session: 'abc' }, /session must be a Uint8Array/],
    ['sessionStore', { sessionStore: new Map().get }, /sessionStore must have the methods/],
    ['tokenStore', { tokenStore: {} }, /tokenStore must have the methods/],
    ['earlyData', { earlyData: 1 }, /earlyData must be a boolean, got 1/],
    ['psk', { psk: { identity: 'a', key: bytesOf(15) } }, /psk.key must take at least 16 bytes, got 15/],
    ['psk', { psk: { identity: 'a', key: 'secret' } }, /psk.key must be a Uint8Array/],
    ['psk', { psk: { identity: '', key: bytesOf(16) } }, /psk.identity must take 1 to 65535 bytes, got 0/],
    ['psk', { psk: { identity: 'a', key: bytesOf(16), modes: ['psk'] } }, /psk.modes must be/],
    ['psk', { psk: { identity: 'a', key: bytesOf(16), hash: 'md5' } }, /psk.hash must be/],
    ['psk', { psk: { identity: 'a', key: bytesOf(16), mode: 1 } }, /psk has no member mode/],
  ])('of a client: %s', (_name, options, message) => {
    expect(connecting(options)).toThrow(message)
  })

  test.each([
    ['tickets', { tickets: { keys: 1 } }, /tickets has no member keys/],
    ['tickets', { tickets: { key: bytesOf(31) } }, /at least 32 bytes, got 31/],
    ['tickets', { tickets: { count: 17 } }, /tickets.count must be an integer from 0 to 16, got 17/],
    ['tickets', { tickets: { lifetime: 604_800_001 } }, /tickets.lifetime must be 1000 to 604800000 ms/],
    ['earlyData', { earlyData: 'yes' }, /earlyData must be a boolean/],
    ['earlyData', { earlyData: true, tickets: false }, /earlyData needs tickets/],
    ['acceptEarlyData', { acceptEarlyData: () => true }, /acceptEarlyData needs earlyData/],
    ['acceptEarlyData', { earlyData: true, acceptEarlyData: true }, /acceptEarlyData must be a function/],
    ['psk', { psk: {} }, /psk.find must be a function/],
    ['certificate', { certificate: undefined }, /certificate must be given, or psk/],
  ])('of a server: %s', async (_name, options, message) => {
    const error = await rejection(new Stage().listen(options as Partial<ListenOptions>))
    expect((error as Error).message).toMatch(message)
  })

  test('a server without tickets has no key to rotate', async () => {
    const server = await new Stage().listen({ tickets: false })
    expect(() => server.rotateTicketKey(bytesOf(32))).toThrow(TypeError)
    const other = await new Stage().listen()
    expect(() => other.rotateTicketKey(bytesOf(31))).toThrow(RangeError)
  })
})
