import { describe, expect, test } from 'vitest'
import { pipe } from '../../transports/pipe.ts'
import type { DatagramSink, DatagramTransport } from '../transport.ts'
import type { QuicConnection } from './connection.ts'
import { QuicEndpoint } from './endpoint.ts'
import { QuicApplicationError, QuicMigrationError } from './errors.ts'
import { bytesOf, readAll, rejection, Stage, type StageOptions, strays, writeAll } from './pipe.fixtures.ts'
import type { QuicServer } from './server.ts'

interface Scene {
  readonly stage: Stage
  readonly server: QuicServer
  readonly client: QuicConnection
  readonly peer: QuicConnection
  /** A transport that leads to the server by another way. */
  another(localAddress?: string, options?: Parameters<typeof pipe>[0]): Watched
}

/** A transport that tells whether it was closed. */
type Watched = DatagramTransport & { readonly isClosed: boolean }

function watched(transport: DatagramTransport, localAddress = 'near'): Watched {
  let isClosed = false
  return {
    get maxDatagramSize() {
      return transport.maxDatagramSize
    },
    get isClosed() {
      return isClosed
    },
    localAddress,
    properties: transport.properties,
    open: (sink: DatagramSink) => {
      transport.open({
        datagram: (...datagram) => sink.datagram(...datagram),
        drain: () => sink.drain(),
        closed: (error) => {
          isClosed = true
          sink.closed(error)
        },
      })
    },
    send: (bytes, to, ecn) => transport.send(bytes, to, ecn),
    close: () => transport.close(),
  }
}

async function connected(options: StageOptions = {}): Promise<Scene> {
  const stage = new Stage(options)
  const { server, client, peer } = await stage.connected()
  await stage.environment.until(client.handshakeConfirmed)
  await stage.environment.pass(200)
  const another = (localAddress?: string, pipeOptions?: Parameters<typeof pipe>[0]): Watched => {
    const [near, far] = pipe(pipeOptions)
    server.addTransport(watched(far, 'far'))
    return watched(near, localAddress)
  }
  return { stage, server, client, peer, another }
}

/** Sends `length` bytes from the client and has the server send them back, meanwhile doing `meanwhile`. */
async function echo({ stage, client, peer }: Scene, length: number, meanwhile = async () => {}): Promise<void> {
  const { environment } = stage
  const answering = (async () => {
    const { value } = await peer.incomingBidirectionalStreams[Symbol.asyncIterator]().next()
    if (value === undefined) throw new Error('No stream has come')
    await value.readable.pipeTo(value.writable)
  })()
  const stream = await environment.until(client.createBidirectionalStream())
  const sending = writeAll(stream.writable, bytesOf(length))
  const back = readAll(stream.readable)
  await meanwhile()
  await environment.until(Promise.all([sending, answering]))
  expect(await environment.until(back)).toEqual(bytesOf(length))
}

async function failureOf(promise: Promise<void>): Promise<unknown> {
  const error = await rejection(promise)
  if (error instanceof QuicMigrationError) return error.failure
  return error
}

describe('QuicConnection.migrate', () => {
  test('moves a transfer to another transport, and closes the one that was left', async () => {
    const scene = await connected({ network: { loss: 0.01 } })
    const { stage, client, peer, another } = scene
    const { environment } = stage
    const changes: string[] = []
    client.addEventListener('pathchange', (event) => {
      changes.push((event as Event & { detail: { localAddress: string } }).detail.localAddress)
    })
    expect(client.paths).toMatchObject([{ state: 'active', mtu: 1452 }])
    const second = another()
    await echo(scene, 200_000, async () => {
      await environment.pass(30)
      await environment.until(client.migrate(second))
      expect(client.localAddress).toBe('near')
      expect(client.paths.find(({ state }) => state === 'active')).toMatchObject({ localAddress: 'near' })
    })
    await environment.pass(10_000)
    expect(client.paths.length).toBe(1)
    expect(client.paths[0]).toMatchObject({ localAddress: 'near', state: 'active', mtu: 1452 })
    expect(client.paths[0]?.rtt).toBeLessThan(10)
    expect(peer.localAddress).toBe('far')
    expect(changes).toEqual(['near'])
    expect(await rejection(Promise.resolve().then(() => stage.near.open({} as DatagramSink)))).toMatchObject({
      name: 'InvalidStateError',
    })
    await environment.until(Promise.all([client.close(), client.closed]))
    await environment.pass(1000)
    expect(second.isClosed).toBe(true)
  })

  test('to a spare path is made at once, without a word between', async () => {
    const scene = await connected()
    const { stage, client, another } = scene
    const second = another('near', { properties: { reliable: true, ordered: true, addressValidated: true } })
    await stage.environment.until(client.addPath(second))
    expect(client.paths.map(({ state }) => state)).toEqual(['active', 'spare'])
    expect(client.paths[1]?.mtu).toBe(1500)
    await stage.environment.pass(5000)
    const moved = client.migrate(second)
    expect(client.localAddress).not.toBe('near')
    await stage.environment.until(moved, 0)
    expect(client.localAddress).toBe('near')
    await echo(scene, 50_000)
  })

  test('falls back by itself when the transport in use is closed', async () => {
    const scene = await connected()
    const { stage, client, another } = scene
    const second = another()
    await stage.environment.until(client.addPath(second))
    await echo(scene, 300_000, async () => {
      await stage.environment.pass(1)
      stage.near.close()
    })
    expect(client.paths).toMatchObject([{ localAddress: 'near', state: 'active' }])
    expect(scene.server.connections.size).toBe(1)
  })

  test('that gets no answer leaves the connection where it is, and closes the transport', async () => {
    const scene = await connected()
    const { stage, client } = scene
    const [near] = pipe()
    const deaf = watched(near)
    const error = await stage.environment.until(rejection(client.migrate(deaf)), 10_000)
    expect(error).toBeInstanceOf(QuicMigrationError)
    expect(error).toMatchObject({ failure: 'timeout', side: 'local' })
    await stage.environment.pass(1000)
    expect(deaf.isClosed).toBe(true)
    expect(client.paths.length).toBe(1)
    await echo(scene, 1000)
    const begun = stage.environment.now()
    expect(await stage.environment.until(failureOf(client.migrate(watched(pipe()[0]), { timeout: 50 })))).toBe(
      'timeout',
    )
    expect(stage.environment.now() - begun).toBeLessThan(100)
  })

  test('is refused with a reason, and then leaves the transport to its owner', async () => {
    const stage = new Stage()
    const { environment } = stage
    const [near, far] = pipe()
    const server = await stage.listen({ disableActiveMigration: true })
    const peers = server[Symbol.asyncIterator]()
    const { crypto, environment: own, ...options } = stage.clientOptions()
    const endpoint = new QuicEndpoint(stage.near, { crypto, environment: own })
    const client = endpoint.connect('server.test:443', options)
    expect(await failureOf(client.migrate(near))).toBe('not-confirmed')
    await environment.until(client.handshakeConfirmed)
    await environment.pass(100)
    expect(await failureOf(client.migrate(near))).toBe('disabled')
    const { value: peer } = await environment.until(peers.next())
    expect(await failureOf((peer as QuicConnection).migrate(near))).toBe('server')
    expect(await failureOf((peer as QuicConnection).addPath(near))).toBe('server')
    const heard: string[] = []
    near.open({ datagram: () => {}, drain: () => {}, closed: () => heard.push('closed') })
    await environment.pass(100)
    expect(heard).toEqual([])
    far.close()
    await environment.pass(100)
    expect(heard).toEqual(['closed'])
  })

  test('may be given up, and a second one replaces the first', async () => {
    const { stage, client, another } = await connected()
    const control = new AbortController()
    const deaf = watched(pipe()[0])
    const moving = client.migrate(deaf, { signal: control.signal })
    await stage.environment.pass(100)
    expect(client.paths.map(({ state }) => state)).toEqual(['active', 'validating'])
    control.abort(new Error('changed my mind'))
    await expect(moving).rejects.toThrow('changed my mind')
    await stage.environment.pass(100)
    expect([deaf.isClosed, client.paths.length]).toEqual([true, 1])
    await expect(client.migrate(deaf, { signal: control.signal })).rejects.toThrow('changed my mind')
    const first = failureOf(client.migrate(watched(pipe()[0])))
    await stage.environment.pass(10)
    await stage.environment.until(client.migrate(another()))
    expect(await stage.environment.until(first)).toBe('superseded')
  })

  test('rejects for what cannot be meant, and takes nothing', async () => {
    const { stage, client } = await connected()
    const [near] = pipe()
    const wrong = (options: object): Promise<unknown> => rejection(client.migrate(near, options))
    expect(await wrong({ timout: 5 })).toMatchObject({ name: 'TypeError', message: 'Unknown path option timout' })
    expect(await wrong({ timeout: -1 })).toBeInstanceOf(RangeError)
    expect(await wrong({ timeout: '5' })).toBeInstanceOf(TypeError)
    expect(await wrong({ address: 'nowhere' })).toBeInstanceOf(TypeError)
    const [routed] = pipe({ addresses: ['192.0.2.1:1', '192.0.2.2:2'] })
    expect(await rejection(client.migrate(routed))).toMatchObject({ name: 'TypeError' })
    expect(await stage.environment.until(rejection(client.migrate(routed, { address: '192.0.2.9:9' })))).toMatchObject({
      name: 'QuicAddressError',
    })
    expect(client.paths.length).toBe(1)
    near.close()
    await stage.environment.pass(10)
    expect(await rejection(client.migrate(near))).toMatchObject({ name: 'InvalidStateError' })
    await stage.environment.pass(10)
    expect(client.paths.length).toBe(1)
  })

  test('ends with the connection, and its transport with it', async () => {
    const { stage, client, another } = await connected()
    const second = another()
    await stage.environment.until(client.addPath(second))
    const deaf = watched(pipe()[0])
    const moving = rejection(client.migrate(deaf))
    await stage.environment.pass(1)
    const found = await strays(async () => {
      void client.close({ closeCode: 3 })
      expect(await moving).toBeInstanceOf(QuicApplicationError)
      await stage.environment.pass(5000)
    })
    expect(found).toEqual([])
    expect([second.isClosed, deaf.isClosed]).toEqual([true, true])
    expect(await rejection(client.migrate(pipe()[0]))).toBeInstanceOf(QuicApplicationError)
    expect(client.paths.length).toBeLessThanOrEqual(3)
  })

  test('leaves a transport that is full for ever', async () => {
    const scene = await connected()
    const { stage, client, another } = scene
    // A way that takes one flight and never drains.
    const stuck = another()
    let left = 40
    const clogged: DatagramTransport = {
      ...stuck,
      maxDatagramSize: 1500,
      send: (bytes, to, ecn) => {
        if (left > 0) stuck.send(bytes, to, ecn)
        left -= 1
        return left > 0
      },
    }
    await stage.environment.until(client.migrate(clogged))
    await echo(scene, 200_000, async () => {
      await stage.environment.pass(1000)
      expect(left).toBe(0)
      await stage.environment.until(client.migrate(another('third')))
    })
    expect(client.localAddress).toBe('third')
  })
})
