import { describe, expect, test } from 'vitest'
import { QuicTransportError } from './errors.ts'
import type { AcceptOptions, IncomingDecision, IncomingRequest } from './incoming.ts'
import { bytesOf, readAll, rejection, Stage, writeAll } from './pipe.fixtures.ts'
import type { ListenOptions, ServerCloseOptions } from './server.ts'

/** A server whose policy decides so, one after the other. */
async function decided(...decisions: unknown[]): Promise<{ stage: Stage; seen: IncomingRequest[] }> {
  const seen: IncomingRequest[] = []
  const stage = new Stage({ client: { handshakeTimeout: 3000 } })
  await stage.listen({
    retry: (incoming) => {
      seen.push(incoming)
      const decision = decisions[seen.length - 1] ?? 'accept'
      if (decision instanceof Error) throw decision
      return decision as IncomingDecision
    },
  })
  return { stage, seen }
}

describe('A policy of one’s own', () => {
  test('is told of whoever comes, and accepts', async () => {
    const { stage, seen } = await decided('accept')
    expect((await stage.environment.until(stage.connect())).state).toBe('connected')
    expect(seen).toEqual([{ remoteAddress: '', addressValidated: false, version: 1, handshakes: 1, connections: 0 }])
  })

  test('asks for a proof of the address, once', async () => {
    const { stage, seen } = await decided('retry', 'retry')
    expect((await stage.environment.until(stage.connect())).state).toBe('connected')
    expect(seen.map(({ addressValidated }) => addressValidated)).toEqual([false, true])
  })

  test('refuses, as it does where it throws or says nonsense', async () => {
    for (const decision of ['refuse', new Error('broken'), 'perhaps', 0]) {
      const { stage } = await decided(decision)
      const error = await stage.environment.until(rejection(stage.connect()))
      expect(error).toBeInstanceOf(QuicTransportError)
      expect(error).toMatchObject({ side: 'remote', code: 2n })
    }
  })

  test('ignores', async () => {
    const { stage, seen } = await decided('ignore', 'ignore', 'accept')
    expect((await stage.environment.until(stage.connect())).state).toBe('connected')
    expect(seen.length).toBe(3)
  })

  test('is asked before those who look before they accept', async () => {
    const stage = new Stage()
    const server = await stage.listen({ retry: ({ addressValidated }) => (addressValidated ? 'accept' : 'retry') })
    const door = server.incoming[Symbol.asyncIterator]()
    const connecting = stage.connect()
    const { value } = await stage.environment.until(door.next())
    expect(value?.addressValidated).toBe(true)
    value?.accept()
    expect((await stage.environment.until(connecting)).state).toBe('connected')
  })

  test('is one of three names otherwise', async () => {
    const wrong = { retry: 'sometimes' } as unknown as Partial<ListenOptions>
    expect(await rejection(new Stage().listen(wrong))).toMatchObject({
      message: "retry must be 'never', 'always', 'under-load' or a function, got sometimes",
    })
  })
})

describe('Options of one connection', () => {
  test('stand in place of those of the server', async () => {
    const stage = new Stage({ client: { alpn: ['a', 'b'] }, server: { alpn: ['a', 'b'] } })
    const server = await stage.listen()
    const door = server.incoming[Symbol.asyncIterator]()
    const connecting = stage.connect()
    const { value: incoming } = await stage.environment.until(door.next())
    for (const [wrong, error] of [
      [{ retry: 'never' }, TypeError],
      [{ crypto: {} }, TypeError],
      [{ maxIdleTimeout: -1 }, RangeError],
      [{ what: 1 }, TypeError],
    ] as const) {
      expect(() => incoming?.accept(wrong as AcceptOptions)).toThrow(error)
    }
    const peer = incoming?.accept({
      alpn: ['b'],
      maxIdleTimeout: 4321,
      congestionControl: 'newreno',
      datagrams: undefined,
    })
    const client = await stage.environment.until(connecting)
    expect([client.alpn, client.peerTransportParameters?.maxIdleTimeout]).toEqual(['b', 4321])
    expect(peer?.congestionControl).toBe('newreno')
  })
})

describe('A server', () => {
  test('closes gracefully: what runs finishes, and nobody new comes', async () => {
    const stage = new Stage({ client: { handshakeTimeout: 1000 } })
    const { server, client, peer } = await stage.connected()
    void (async () => {
      for await (const stream of peer.incomingBidirectionalStreams) {
        stream.readable.pipeTo(stream.writable).catch(() => {})
      }
    })()
    const closing = server.close({ graceful: true })
    const stream = await client.createBidirectionalStream()
    const written = writeAll(stream.writable, bytesOf(100_000))
    expect(await stage.environment.until(readAll(stream.readable))).toEqual(bytesOf(100_000))
    await stage.environment.until(written)
    expect([server.connections.size, client.state]).toEqual([1, 'connected'])
    await stage.environment.until(client.close())
    await stage.environment.until(closing)
    expect(server.connections.size).toBe(0)
  })

  test('that closes gracefully is closed at once by another close', async () => {
    const stage = new Stage()
    const { server, client } = await stage.connected()
    const graceful = server.close({ graceful: true })
    await stage.environment.until(server.close())
    await stage.environment.until(graceful)
    await stage.environment.until(client.closed)
  })

  test('knows how it can be closed', async () => {
    const { server } = await new Stage().connected()
    for (const [wrong, error] of [
      [{ timeout: -1 }, RangeError],
      [{ timeout: 'soon' }, TypeError],
      [{ gracefully: true }, TypeError],
    ] as const) {
      expect(await rejection(server.close(wrong as ServerCloseOptions))).toBeInstanceOf(error)
    }
  })

  test('has numbers, and keys that can be exchanged', async () => {
    const stage = new Stage()
    const { server } = await stage.connected()
    expect(server.stats()).toMatchObject({ connections: 1, handshakes: 0, pending: 0, accepted: 1, refused: 0 })
    server.rotateResetKey(bytesOf(32))
    server.rotateTokenKey(bytesOf(32))
    expect(() => server.rotateResetKey(bytesOf(3))).toThrow(RangeError)
    expect(() => server.rotateTokenKey(bytesOf(31))).toThrow(RangeError)
  })
})
