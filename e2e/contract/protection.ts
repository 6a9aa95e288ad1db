/** §10 of the contract, first half: what a server does against strangers, and the versions of QUIC. */
import { expect } from 'vitest'
import {
  MemoryStore,
  QuicStatelessResetError,
  QuicTransportError,
  QuicVersionError,
  type RetryOption,
} from '../../src/index.ts'
import { VERSION_1, VERSION_2 } from '../../src/wire/version.ts'
import { above, bytesOf, first, readAll, rejection, writeAll } from './bytes.ts'
import { row, type Section } from './row.ts'
import type { Scene } from './scene.ts'

const RETRY = { header: { packet_type: 'retry' } }
const V2 = '6b3343cf'
const KEY = bytesOf(32)

/** Whether an Initial packet carries a token. */
const withToken = { header: { packet_type: 'initial', token: { raw: { length: above(0) } } } }

/** Refused with CONNECTION_REFUSED while `server` is as full as it may be. */
async function refused(scene: Scene, limits: object): Promise<void> {
  const { host } = await scene.meet({ server: { limits } })
  const { client, log } = await scene.dial(host.server)
  expect(await rejection(client.ready)).toBeInstanceOf(QuicTransportError)
  await log.received('connection_close', { error: 'connection_refused' })
  expect(host.server.stats().refused).toBeGreaterThan(0)
}

/** A server that is killed and comes back at the same address, and what a client of the first hears. */
async function restart(scene: Scene, resetKey: Uint8Array): Promise<Awaited<ReturnType<Scene['meet']>>> {
  const meeting = await scene.meet({ server: { resetKey: KEY } })
  await meeting.client.handshakeConfirmed
  await meeting.log.client.received('new_connection_id')
  await scene.sleep(50)
  await scene.serve({ resetKey }, scene.first('server').successor())
  return meeting
}

/** A datagram of 40 bytes that looks like a packet of a connection that nobody has. */
function stray(count: number): Uint8Array {
  const bytes = new Uint8Array(40).fill(0x5a)
  bytes.set([0x40, count >> 8, count & 0xff])
  return bytes
}

/** What a server that speaks `version` alone would answer to a client's first datagram (RFC 9000 §17.2.1). */
function negotiation(initial: Uint8Array, version: number): Uint8Array {
  const destinationEnd = 6 + (initial[5] ?? 0)
  const sourceEnd = destinationEnd + 1 + (initial[destinationEnd] ?? 0)
  const answer = new Uint8Array(sourceEnd + 4)
  answer.set([0xc0, 0, 0, 0, 0])
  answer.set(initial.subarray(destinationEnd, sourceEnd), 5)
  answer.set(initial.subarray(5, destinationEnd), 5 + sourceEnd - destinationEnd)
  new DataView(answer.buffer).setUint32(sourceEnd, version)
  return answer
}

export const PROTECTION: Section = {
  title: '10 · Server protection and versions',
  file: 'e2e/contract/protection.ts',
  rows: [
    row(
      '`resetKey`: stateless reset',
      'is sent by a restarted server with the same key, shorter than what caused it, and recognised',
      async (scene) => {
        const { client, log } = await restart(scene, KEY)
        const before = scene.wire.length
        const stream = await client.createUnidirectionalStream()
        stream.closed.catch(() => {})
        stream.tryWrite(bytesOf(600))
        expect(await rejection(client.closed)).toBeInstanceOf(QuicStatelessResetError)
        await log.client.shows('connection_closed', { trigger: 'stateless_reset' })
        const resets = scene.wire.slice(before).filter(({ from, bytes }) => from === 'server' && bytes.length < 600)
        expect(resets.every(({ bytes }) => bytes.length >= 21)).toBe(true)
        await scene.sees('server', 'a stateless reset of 21 bytes or more', (bytes) =>
          resets.some((each) => each.bytes === bytes),
        )
        expect(log.client.frames('packet_sent', 'connection_close')).toEqual([])
      },
    ),
    row(
      'Stateless resets',
      'are so many a second to one host, whoever asks',
      async (scene) => {
        const { host, client, log } = await scene.meet()
        await log.client.shows('connection_state_updated', { new: 'handshake_complete' })
        const near = scene.first('client')
        const before = scene.wire.length
        for (let count = 0; count < 400; count++) near.inner.send(stray(count), client.remoteAddress, 0)
        const short = (bytes: Uint8Array): boolean => ((bytes[0] ?? 0x80) & 0x80) === 0 && bytes.length === 39
        await scene.sees('server', 'a stateless reset of 39 bytes', short)
        await scene.sleep(100)
        const resets = scene.wire.slice(before).filter(({ from, bytes }) => from === 'server' && short(bytes))
        expect(resets.length).toBeLessThanOrEqual(20)
        expect(host.server.stats().resets).toBe(resets.length)
        expect(client.state).toBe('connected')
      },
      { also: ['src/endpoint/stateless-reset.test.ts', 'is sent so many times a second, to one host and in all'] },
    ),
    row(
      '`server.rotateResetKey(key)`, `endpoint.rotateResetKey(key)`',
      'still resets connections from before',
      async (scene) => {
        const { client, log } = await scene.meet({ server: { resetKey: KEY } })
        await client.handshakeConfirmed
        await scene.sleep(50)
        const next = await scene.serve({ resetKey: KEY }, scene.first('server').successor())
        next.server.rotateResetKey(bytesOf(33).subarray(1))
        client.ping().catch(() => {})
        expect(await rejection(client.closed)).toBeInstanceOf(QuicStatelessResetError)
        await log.client.shows('connection_closed', { trigger: 'stateless_reset' })
        expect(() => next.server.rotateResetKey(new Uint8Array(3))).toThrow(RangeError)
      },
    ),
    row(
      "`retry: 'always'`",
      'has every client prove its address by a token, for which the port counts',
      async (scene) => {
        const { client, log } = await scene.meet({ server: { retry: 'always' } })
        expect(client.state).toBe('connected')
        await log.client.shows('packet_received', RETRY)
        await log.client.shows('packet_sent', withToken)
        await log.client.shows('parameters_set', {
          initiator: 'remote',
          retry_source_connection_id: (value: unknown) => typeof value === 'string',
        })
      },
      { interop: ['retry'] },
    ),
    row("`retry: 'never'`", 'is the default', async (scene) => {
      const { log, server } = await scene.meet()
      await log.client.shows('connection_state_updated', { new: 'handshake_complete' })
      expect(log.client.events('packet_received', RETRY)).toEqual([])
      expect(server.stats().retried).toBe(0)
    }),
    row(
      "`retry: 'under-load'`, `limits.retryThreshold`",
      'asks once enough handshakes are under way',
      async (scene) => {
        const host = await scene.serve({ retry: 'under-load', limits: { retryThreshold: 2 } })
        const calm = await scene.visit(host)
        expect(calm.log.client.events('packet_received', RETRY)).toEqual([])
        const others = [await scene.dial(host.server), await scene.dial(host.server), await scene.dial(host.server)]
        await Promise.all(others.map(({ client }) => client.ready))
        expect(host.server.stats().retried).toBeGreaterThan(0)
        const asked = others.find(({ log }) => log.events('packet_received', RETRY).length > 0)
        await asked?.log.shows('packet_received', RETRY)
      },
    ),
    row(
      '`retry: (incoming) => decision`',
      'decides by what it is told',
      async (scene) => {
        const seen: boolean[] = []
        const retry: RetryOption = ({ addressValidated, version, handshakes }) => {
          seen.push(addressValidated)
          expect([version, handshakes > 0]).toEqual([VERSION_1, true])
          return 'retry'
        }
        const { log } = await scene.meet({ server: { retry } })
        expect(seen[0]).toBe(false)
        expect(seen.at(-1)).toBe(true)
        await log.client.shows('packet_received', RETRY)
      },
      { interop: ['retry'] },
    ),
    row(
      '`tokenStore`, `token`, event `token`',
      'saves the Retry of the second connection; each token is used once',
      async (scene) => {
        const tokenStore = new MemoryStore()
        const host = await scene.serve({ retry: 'always' })
        const one = await scene.visit(host, { tokenStore })
        await one.client.handshakeConfirmed
        await one.log.client.received('new_token')
        await scene.sleep(100)
        await one.client.close()
        const other = await scene.visit(host, { tokenStore })
        expect(other.log.client.events('packet_received', RETRY)).toEqual([])
        await other.log.client.shows('packet_sent', withToken)
        const event = new Promise<CustomEvent>((resolve) => {
          other.client.addEventListener('token', (each) => resolve(each as CustomEvent))
        })
        const { token } = (await event).detail as { readonly token: Uint8Array }
        const third = await scene.visit(host, { token })
        expect(third.log.client.events('packet_received', RETRY)).toEqual([])
      },
    ),
    row(
      'A token that was used',
      'proves nothing: there is a Retry again',
      async (scene) => {
        const host = await scene.serve({ retry: 'always' })
        const one = await scene.visit(host)
        const event = new Promise<CustomEvent>((resolve) => {
          one.client.addEventListener('token', (each) => resolve(each as CustomEvent))
        })
        const { token } = (await event).detail as { readonly token: Uint8Array }
        const second = await scene.visit(host, { token })
        expect(second.log.client.events('packet_received', RETRY)).toEqual([])
        const third = await scene.visit(host, { token })
        await third.log.client.shows('packet_received', RETRY)
        expect(third.client.state).toBe('connected')
      },
      { also: ['src/endpoint/tokens.test.ts', 'is taken once'] },
    ),
    row(
      '`tokenKey`, `server.rotateTokenKey(key)`',
      'lets tokens outlive a restart, and one change of the key',
      async (scene) => {
        const tokenStore = new MemoryStore()
        const host = await scene.serve({ retry: 'always', tokenKey: KEY })
        const one = await scene.visit(host, { tokenStore })
        await one.log.client.received('new_token')
        await scene.sleep(50)
        await one.client.close()
        const next = await scene.serve({ retry: 'always', tokenKey: KEY }, scene.first('server').successor())
        next.server.rotateTokenKey(bytesOf(40))
        const other = await scene.visit(next, { tokenStore })
        expect(other.log.client.events('packet_received', RETRY)).toEqual([])
        await other.log.client.shows('packet_sent', withToken)
      },
    ),
    row('A `token` that nobody gave out', 'is as good as none: the client is asked again', async (scene) => {
      const host = await scene.serve({ retry: 'always' })
      const { log } = await scene.visit(host, { token: bytesOf(60) })
      await log.client.shows('packet_sent', withToken)
      await log.client.shows('packet_received', RETRY)
    }),
    row(
      'Anti-amplification',
      'holds a server to three times what it received, until the address is proven',
      async (scene) => {
        const host = await scene.serve()
        await scene.endpoint()
        let received = 0
        // The ClientHello arrives, and nothing after it.
        scene.first('client').fate = (bytes) => {
          if (received >= 2400 || scene.wire.some(({ from }) => from === 'server')) return 'lose'
          received += bytes.length
          return 'send'
        }
        scene.first('server').fate = () => 'lose'
        const { client } = await scene.dial(host.server, { handshakeTimeout: 700, initialRtt: 50 })
        expect(await rejection(client.ready)).toBeInstanceOf(Error)
        const bytesOfEnd = (role: string): number =>
          scene.wire.filter(({ from }) => from === role).reduce((sum, { bytes }) => sum + bytes.length, 0)
        expect(bytesOfEnd('server')).toBeGreaterThan(0)
        expect(bytesOfEnd('server')).toBeLessThanOrEqual(3 * received)
        const [log] = host.logs
        await log?.sent('crypto')
      },
      { interop: ['amplificationlimit'] },
    ),
    row('`limits.maxConnections`', 'refuses who is beyond it', (scene) => refused(scene, { maxConnections: 1 })),
    row('`limits.maxConnectionsPerAddress`', 'refuses who is beyond it', (scene) => {
      return refused(scene, { maxConnectionsPerAddress: 1 })
    }),
    row('`limits.maxHandshakes`', 'refuses who is beyond it', async (scene) => {
      const server = await scene.listen({ limits: { maxHandshakes: 1 } })
      void server.incoming[Symbol.asyncIterator]().next()
      const waiting = await scene.dial(server, { initialRtt: 20 })
      waiting.client.ready.catch(() => {})
      await scene.until(() => server.stats().pending === 1)
      const { client, log } = await scene.dial(server)
      expect(await rejection(client.ready)).toBeInstanceOf(QuicTransportError)
      await log.received('connection_close', { error: 'connection_refused' })
      await Promise.all([waiting.client.close(), rejection(waiting.client.ready)])
    }),
    row('`limits.maxInitialsPerSecond`', 'drops who is beyond it, unanswered', async (scene) => {
      const host = await scene.serve({ limits: { maxInitialsPerSecond: 1 } })
      const dial = () => scene.dial(host.server, { initialRtt: 100 })
      const callers = [await dial(), await dial(), await dial()]
      const ready = Promise.allSettled(callers.map(({ client }) => client.ready))
      await scene.until(() => host.server.stats().dropped > 0)
      await Promise.any(callers.map(({ client }) => client.ready))
      const states = callers.map(({ client }) => client.state)
      expect(states).toContain('connected')
      const answered = callers.find(({ client }) => client.state === 'connected')
      await answered?.log.shows('connection_state_updated', { new: 'handshake_complete' })
      await Promise.all([...callers.map(({ client }) => client.close()), ready])
    }),
    row(
      '`version`, `versions`: QUIC v2',
      'is spoken where a client begins with it',
      async (scene) => {
        const meeting = await scene.meet({ client: { version: VERSION_2 } })
        expect([meeting.client.version, meeting.peer.version]).toEqual([VERSION_2, VERSION_2])
        const stream = await meeting.client.createUnidirectionalStream()
        await writeAll(stream, bytesOf(3000))
        expect(await readAll(await first(meeting.peer.incomingUnidirectionalStreams))).toEqual(bytesOf(3000))
        await meeting.log.client.shows('packet_sent', { header: { packet_type: 'initial', version: V2 } })
      },
      { interop: ['v2'] },
    ),
    row(
      '`preferredVersions`: compatible version negotiation',
      'changes the version without a round trip',
      async (scene) => {
        const { client, log } = await scene.meet({ server: { preferredVersions: [VERSION_2] } })
        expect((await client.ready).version).toBe(VERSION_2)
        await log.client.shows('packet_sent', { header: { packet_type: 'initial', version: '00000001' } })
        await log.client.shows('version_information', { chosen_version: V2 })
        expect(log.client.events('packet_received', { header: { packet_type: 'version_negotiation' } })).toEqual([])
      },
    ),
    row(
      'Version Negotiation',
      'tells a client what is spoken; it goes on with that, or fails with a `QuicVersionError`',
      async (scene) => {
        const host = await scene.serve({ versions: [VERSION_2] })
        const { client, log } = await scene.visit(host)
        expect(client.version).toBe(VERSION_2)
        await log.client.shows('packet_received', { header: { packet_type: 'version_negotiation' } })
        const stubborn = await scene.dial(host.server, { versions: [VERSION_1] })
        const error = await rejection(stubborn.client.ready)
        expect(error).toBeInstanceOf(QuicVersionError)
        expect((error as QuicVersionError).supported).toEqual([VERSION_2])
        await stubborn.log.shows('connection_closed', { trigger: 'version_mismatch' })
        expect(host.server.stats().versionNegotiations).toBeGreaterThan(0)
      },
      { interop: ['versionnegotiation'] },
    ),
    row(
      'Downgrade protection',
      'finds out a Version Negotiation packet that somebody made up',
      async (scene) => {
        const host = await scene.serve()
        const far = scene.first('server')
        await scene.endpoint()
        const near = scene.first('client')
        near.fate = () => 'lose'
        const { client, log } = await scene.dial(host.server, { version: VERSION_2, versions: [VERSION_2, VERSION_1] })
        const failing = rejection(client.ready)
        const isFooled = (): boolean => {
          return log.events('packet_received', { header: { packet_type: 'version_negotiation' } }).length > 0
        }
        const sent = (): Uint8Array | undefined => scene.wire.find(({ from }) => from === 'client')?.bytes
        await scene.until(() => sent() !== undefined)
        near.fate = () => (isFooled() ? 'send' : 'lose')
        while (!isFooled()) {
          far.inner.send(negotiation(sent() ?? new Uint8Array(), VERSION_1), client.localAddress, 0)
          await scene.sleep(50)
        }
        expect(await failing).toBeInstanceOf(QuicTransportError)
        // VERSION_NEGOTIATION_ERROR
        await log.sent('connection_close', { error_code: 0x11 })
      },
      {
        also: [
          'src/endpoint/compatible-versions.test.ts',
          'that somebody made up to keep both ends from their best version is found out',
        ],
      },
    ),
    row('`greaseQuicBit` (true)', 'is offered, and done where the peer offers it', async (scene) => {
      const { client, log } = await scene.meet()
      await log.client.shows('parameters_set', { initiator: 'remote', grease_quic_bit: true })
      await client.handshakeConfirmed
      for (let count = 0; count < 12; count++) await client.ping()
      await scene.sees('client', 'a short header without the QUIC bit', (bytes) => ((bytes[0] ?? 0x80) & 0xc0) === 0)
    }),
  ],
}
