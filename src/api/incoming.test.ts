import { describe, expect, test } from 'vitest'
import { QuicHandshakeTimeoutError, QuicTransportError } from './errors.ts'
import type { QuicIncoming } from './incoming.ts'
import { rejection, Stage, type StageOptions, strays } from './pipe.fixtures.ts'

/** A client at the door of a server that decides. */
async function atTheDoor(options: StageOptions = {}) {
  const stage = new Stage(options)
  const server = await stage.listen()
  const door = server.incoming[Symbol.asyncIterator]()
  const connecting = stage.connect()
  connecting.catch(() => {})
  const next = async (): Promise<QuicIncoming> => {
    const { value, done } = await stage.environment.until(door.next())
    if (done === true) throw new Error('The door was closed')
    return value
  }
  return { stage, server, connecting, next, door }
}

describe('Whoever wants a connection', () => {
  test('is accepted, and known by the address', async () => {
    const addresses = ['192.0.2.1:1000', '192.0.2.2:443'] as const
    const { stage, connecting, next, server } = await atTheDoor({
      pipe: { addresses },
      client: { address: addresses[1] },
    })
    const incoming = await next()
    expect([incoming.remoteAddress, incoming.addressValidated]).toEqual([addresses[0], false])
    expect(server.connections.size).toBe(0)
    const peer = incoming.accept()
    expect(server.connections).toEqual(new Set([peer]))
    const client = await stage.environment.until(connecting)
    expect((await stage.environment.until(peer.ready)).alpn).toBe('test')
    expect([client.remoteAddress, peer.remoteAddress]).toEqual([addresses[1], addresses[0]])
    for (const again of [() => incoming.accept(), () => incoming.refuse(), () => incoming.ignore()]) {
      expect(again).toThrow('decided already')
    }
  })

  test('is refused', async () => {
    const { stage, connecting, next } = await atTheDoor()
    ;(await next()).refuse()
    const error = await rejection(stage.environment.until(connecting))
    expect(error).toBeInstanceOf(QuicTransportError)
    expect(error).toMatchObject({ side: 'remote', code: 2n })
  })

  test('is asked for a proof of the address, and gives it', async () => {
    const { stage, connecting, next } = await atTheDoor()
    ;(await next()).retry()
    const incoming = await next()
    expect(incoming.addressValidated).toBe(true)
    expect(() => incoming.retry()).toThrow('validated already')
    incoming.accept()
    expect((await stage.environment.until(connecting)).state).toBe('connected')
  })

  test('is ignored, and comes again until the time is over', async () => {
    const { stage, connecting, next } = await atTheDoor({ client: { handshakeTimeout: 5000 } })
    const asked: QuicIncoming[] = []
    const ignoring = (async () => {
      for (;;) {
        const incoming = await next()
        asked.push(incoming)
        incoming.ignore()
      }
    })()
    ignoring.catch(() => {})
    expect(await rejection(stage.environment.until(connecting))).toBeInstanceOf(QuicHandshakeTimeoutError)
    expect(asked.length).toBeGreaterThan(1)
  })

  test('is refused if nobody decides within the handshake timeout', async () => {
    const { stage, connecting, next } = await atTheDoor({ server: { handshakeTimeout: 2000 } })
    const begin = stage.environment.now()
    const incoming = await next()
    expect(await rejection(stage.environment.until(connecting))).toMatchObject({ code: 2n })
    expect(stage.environment.now() - begin).toBe(2000)
    expect(() => incoming.accept()).toThrow('decided already')
  })

  test('is refused if the server is closed meanwhile', async () => {
    const found = await strays(async () => {
      const { stage, connecting, next, server } = await atTheDoor()
      await next()
      stage.environment.defersByTurns = true
      void server.close()
      expect(await rejection(stage.environment.until(connecting))).toMatchObject({ side: 'remote', code: 2n })
    })
    expect(found).toEqual([])
  })

  test('is refused when the iteration is left', async () => {
    const { stage, connecting, door } = await atTheDoor()
    await stage.environment.pass(0)
    await door.return?.()
    expect(await rejection(stage.environment.until(connecting))).toMatchObject({ side: 'remote', code: 2n })
  })
})

describe('A server', () => {
  test('is iterated in one of two ways', async () => {
    const stage = new Stage()
    const server = await stage.listen()
    void server.incoming
    expect(() => server[Symbol.asyncIterator]()).toThrow('The server is iterated by its incoming already')
    expect(server.incoming).toBeDefined()
  })

  test('that is closed closes its connections, and ends its iteration', async () => {
    const stage = new Stage()
    const { server, client, peer } = await stage.connected()
    const closing = server.close()
    expect(await stage.environment.until(Promise.all([client.closed, peer.closed]))).toEqual([
      { closeCode: 0n, reason: '' },
      { closeCode: 0n, reason: '' },
    ])
    await stage.environment.until(closing)
    await stage.environment.until(server.close())
    expect(server.connections.size).toBe(0)
  })

  test('that is closed gracefully waits for its connections, or for as long as it was told', async () => {
    const stage = new Stage()
    const { server, client } = await stage.connected()
    let isClosed = false
    const closing = server.close({ graceful: true }).then(() => {
      isClosed = true
    })
    await stage.environment.pass(1000)
    expect([isClosed, client.state]).toEqual([false, 'connected'])
    await stage.environment.until(client.close())
    await stage.environment.until(closing)

    const other = new Stage()
    const pair = await other.connected()
    const begin = other.environment.now()
    await other.environment.until(pair.server.close({ graceful: true, timeout: 3000 }))
    expect(other.environment.now() - begin).toBeGreaterThanOrEqual(3000)
    expect(other.environment.now() - begin).toBeLessThan(3500)
    expect(pair.client.state).toBe('closed')
  })

  test('takes no more than it was told to', async () => {
    const stage = new Stage({ server: { limits: { maxConnections: 1 } } })
    const { client } = await stage.connected()
    expect(client.state).toBe('connected')
  })
})
