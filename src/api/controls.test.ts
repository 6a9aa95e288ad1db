import { describe, expect, test } from 'vitest'
import { newReno } from '../recovery/congestion/new-reno.ts'
import type { CongestionControl } from './congestion.ts'
import type { QuicConnection } from './connection.ts'
import type { ConfigureOptions } from './controls.ts'
import { QuicEndpoint } from './endpoint.ts'
import { QuicApplicationError } from './errors.ts'
import { bytesOf, rejection, Stage, type StageOptions, strays } from './pipe.fixtures.ts'

async function connectedStage(
  options: StageOptions = {},
): Promise<Awaited<ReturnType<Stage['connected']>> & { environment: Stage['environment'] }> {
  const stage = new Stage(options)
  const ends = await stage.connected()
  await stage.environment.until(Promise.all([ends.client.handshakeConfirmed, ends.peer.handshakeConfirmed]))
  return { ...ends, environment: stage.environment }
}

/** A client whose server's name is never resolved. */
function unresolved(stage: Stage, options: Partial<Parameters<Stage['clientOptions']>[0]> = {}): QuicConnection {
  const transport = Object.assign(stage.near, { resolve: () => new Promise<never>(() => {}) })
  const { address: _, ...rest } = stage.clientOptions(options)
  return new QuicEndpoint(transport, rest).connect('server.test:1', rest)
}

describe('A ping', () => {
  test('fulfils with the ms that the answer took, many at once too, and under loss', async () => {
    const { client, environment } = await connectedStage({ network: { loss: 0.3 }, seed: 5 })
    const times = await environment.until(Promise.all([client.ping(), client.ping(), client.ping()]))
    for (let count = 0; count < 10; count++) times.push(await environment.until(client.ping()))
    for (const ms of times) expect(ms).toBeGreaterThanOrEqual(0)
    for (const ms of times) expect(ms).toBeLessThan(5000)
  })

  test('ends with its signal, and with the connection', async () => {
    const found = await strays(async () => {
      const { client, environment } = await connectedStage()
      const controller = new AbortController()
      const aborted = client.ping({ signal: controller.signal })
      controller.abort(new Error('enough'))
      expect(await rejection(aborted)).toMatchObject({ message: 'enough' })
      expect(await rejection(client.ping({ signal: AbortSignal.abort() }))).toMatchObject({ name: 'AbortError' })
      const waiting = client.ping()
      const closing = client.close({ closeCode: 3 })
      expect(await rejection(waiting)).toBeInstanceOf(QuicApplicationError)
      expect(await rejection(client.ping())).toBeInstanceOf(QuicApplicationError)
      await environment.until(closing)
    })
    expect(found).toEqual([])
  })

  test('knows its options', async () => {
    const { client } = await connectedStage()
    expect(await rejection(client.ping({ timeout: 3 } as object))).toBeInstanceOf(TypeError)
  })
})

describe('The settings of a connection', () => {
  test('are changed while it runs', async () => {
    const { client, environment, peer } = await connectedStage({ client: { maxIdleTimeout: 20_000 } })
    client.configure({ maxIdleTimeout: 2000, datagrams: { incomingHighWaterMark: 5 } })
    expect(client.datagrams.incomingHighWaterMark).toBe(5)
    expect(await environment.until(rejection(client.closed))).toMatchObject({ name: 'QuicIdleTimeoutError' })
    // It ended before the peer could know, who was told.
    expect(await environment.until(peer.closed)).toMatchObject({ closeCode: 0n })
  })

  test('can be changed before there is a connection, and hold for it', async () => {
    const stage = new Stage()
    await stage.listen()
    const endpoint = new QuicEndpoint(stage.near, stage.clientOptions())
    let resolve = (_: readonly string[]): void => {}
    Object.assign(stage.near, { resolve: () => new Promise<readonly string[]>((found) => (resolve = found)) })
    const { address: _, ...options } = stage.clientOptions()
    const client = endpoint.connect('server.test:1', options)
    client.configure({ congestionControl: 'newreno', datagrams: { outgoingMaxAge: 7 } })
    client.configure({ keepAlive: 500 })
    expect([client.congestionControl, client.datagrams.outgoingMaxAge, client.inspect()]).toEqual([
      'newreno',
      7,
      undefined,
    ])
    expect(client.sendQueue).toMatchObject({ congested: false })
    resolve([''])
    await stage.environment.until(client.handshakeConfirmed)
    expect([client.congestionControl, client.datagrams.outgoingMaxAge]).toEqual(['newreno', 7])
    await stage.environment.pass(50)
    expect(client.inspect()?.timers.idle).toBeLessThan(501)
  })

  test.each<[object, new (...args: never) => Error]>([
    [{ alpn: ['x'] }, TypeError],
    [{ maxIdleTimeout: 60_000 }, RangeError],
    [{ congestionControl: 'vegas' }, TypeError],
    [{ datagrams: { outgoingHighWaterMark: 0 } }, RangeError],
  ])('are refused: %j', async (options, error) => {
    const { client } = await connectedStage()
    expect(() => client.configure(options as ConfigureOptions)).toThrow(error)
    const early = unresolved(new Stage())
    expect(() => early.configure(options as ConfigureOptions)).toThrow(error)
    await early.close()
  })

  test('may be changed for nothing after the end', async () => {
    const { client, environment } = await connectedStage()
    await environment.until(client.close())
    client.configure({ keepAlive: 5, congestionControl: 'newreno', datagrams: { incomingMaxAge: 4 } })
    expect(() => client.configure({ keepAlive: -5 })).toThrow(RangeError)
  })
})

describe('The congestion controller', () => {
  test('has the name that it was given, and can be exchanged in a transfer', async () => {
    const { client, environment, peer } = await connectedStage({ client: { congestionControl: 'newreno' } })
    expect([client.congestionControl, peer.congestionControl]).toEqual(['newreno', 'cubic'])
    const stream = await client.createUnidirectionalStream()
    const writer = stream.writable.getWriter()
    const written = writer.write(bytesOf(500_000)).then(() => writer.close())
    const reading = (async () => {
      const heard = new Uint8Array(500_000)
      for await (const far of peer.incomingUnidirectionalStreams) {
        let length = 0
        // Not by a Response: browsers read it in their own time.
        for await (const chunk of far.readable) {
          heard.set(chunk, length)
          length += chunk.length
        }
        return heard
      }
      return undefined
    })()
    await environment.pass(1)
    const own: CongestionControl = (options) => newReno(options)
    for (const each of ['cubic', 'bbr', own, newReno] as const) {
      client.congestionControl = each
      expect(client.congestionControl).toBe(each === newReno ? 'newreno' : each)
    }
    expect(await environment.until(reading)).toEqual(bytesOf(500_000))
    await environment.until(written)
    expect(() => {
      client.congestionControl = 'reno' as CongestionControl
    }).toThrow("congestionControl must be 'newreno', 'cubic', 'bbr' or a function, got 'reno'")
  })
})

describe('Statistics', () => {
  test('have the shape of W3C’s dictionary, with real numbers', async () => {
    const { client, environment, peer } = await connectedStage()
    const stream = await client.createBidirectionalStream()
    stream.tryWrite(bytesOf(10_000))
    client.datagrams.send(bytesOf(500))
    await environment.until(client.ping())
    await environment.pass(100)
    const stats = await client.getStats()
    expect(stats).toMatchObject({
      bytesSent: 10_500,
      bytesAcknowledged: 10_500,
      bytesLost: 0,
      packetsLost: 0,
      atSendCapacity: false,
      datagrams: { droppedIncoming: 0, expiredIncoming: 0, expiredOutgoing: 0, lostOutgoing: 0, sent: 1, delivered: 1 },
      quic: {
        streams: [{ id: 0, bytesWritten: 10_000, bytesSent: 10_000, bytesAcknowledged: 10_000, bytesReceived: 0 }],
        paths: [{ state: 'active', bytesInFlight: 0 }],
        sendQueue: { queuedBytes: 0, congested: false },
      },
    })
    expect(stats.bytesSentOverhead).toBe(stats.quic.bytesSent - 10_500)
    expect(stats.bytesSentOverhead).toBeGreaterThan(1000)
    const far = await peer.getStats()
    expect([far.bytesReceived, far.packetsReceived]).toEqual([stats.quic.bytesSent, stats.packetsSent])
    expect(far.quic.streamBytes.bytesReceived).toBe(10_000)
    await environment.until(client.close())
    expect(await client.getStats()).toMatchObject({ bytesSent: 10_500, quic: { streams: [] } })
  })

  test('tell what the peer declared, unknown parameters as bytes', async () => {
    const { client, peer } = await connectedStage({ server: { maxIdleTimeout: 12_345 } })
    expect(client.peerTransportParameters).toMatchObject({ maxIdleTimeout: 12_345, maxDatagramFrameSize: 65_535 })
    expect(peer.peerTransportParameters?.unknown).toBeInstanceOf(Map)
    for (const bytes of peer.peerTransportParameters?.unknown.values() ?? []) expect(bytes).toBeInstanceOf(Uint8Array)
  })
})
