import { describe, expect, test } from 'vitest'
import type { QuicConnection } from './connection.ts'
import { QuicEndpoint } from './endpoint.ts'
import { QuicApplicationError } from './errors.ts'
import { bytesOf, rejection, Stage, strays } from './pipe.fixtures.ts'

/** The next datagrams of a connection. */
async function take(connection: QuicConnection, count: number): Promise<Uint8Array[]> {
  const taken: Uint8Array[] = []
  if (count === 0) return taken
  for await (const bytes of connection.datagrams.readable) {
    taken.push(bytes)
    if (taken.length === count) break
  }
  return taken
}

const each = (...values: number[]): Uint8Array[] => values.map((value) => Uint8Array.of(value))

describe('Datagrams of a connection', () => {
  test('are sent and read, and say what became of them', async () => {
    const { client, environment, peer } = await connectedStage()
    const handle = client.datagrams.send(bytesOf(100))
    expect(handle.status).toBe('queued')
    expect(await environment.until(take(peer, 1))).toEqual([bytesOf(100)])
    expect(await environment.until(handle.settled)).toBe('acked')
    expect([handle.status, await handle.settled]).toEqual(['acked', 'acked'])
  })

  test('flow through writables, one for each chunk', async () => {
    const { environment, client, peer } = await connectedStage()
    const [one, other] = [client.datagrams.writable.getWriter(), client.datagrams.createWritable().getWriter()]
    expect(client.datagrams.writable).toBe(client.datagrams.writable)
    await environment.until(Promise.all([one.write(Uint8Array.of(1)), other.write(Uint8Array.of(2))]))
    await environment.until(one.write(Uint8Array.of(3)))
    expect(await environment.until(take(peer, 3))).toEqual(each(1, 2, 3))
    await environment.until(one.close())
    await environment.until(other.write(Uint8Array.of(4)))
  })

  test('wait in a writer while the queue is full, and none is dropped', async () => {
    const { environment, client, peer } = await connectedStage({ network: { loss: 0 } })
    client.datagrams.outgoingHighWaterMark = 2
    const writer = client.datagrams.writable.getWriter()
    const writes = Array.from({ length: 50 }, (_, index) => writer.write(new Uint8Array(1000).fill(index)))
    const got = await environment.until(take(peer, 50))
    expect(got.map(([first]) => first)).toEqual(Array.from({ length: 50 }, (_, index) => index))
    await environment.until(Promise.all(writes))
    expect((await client.getStats()).datagrams).toMatchObject({ droppedOutgoing: 0, expiredOutgoing: 0 })
  })

  test('push the oldest out where `send` does not wait', async () => {
    const { client, environment, peer } = await connectedStage()
    client.datagrams.outgoingHighWaterMark = 2
    const handles = each(1, 2, 3, 4).map((bytes) => client.datagrams.send(bytes))
    expect(await environment.until(Promise.all(handles.map(({ settled }) => settled)))).toEqual([
      'dropped',
      'dropped',
      'acked',
      'acked',
    ])
    expect(await environment.until(take(peer, 2))).toEqual(each(3, 4))
  })

  test('that are not read make way for newer ones, and grow old', async () => {
    const { client, environment, peer } = await connectedStage()
    peer.datagrams.incomingHighWaterMark = 3
    peer.datagrams.incomingMaxAge = 50
    for (const bytes of each(1, 2, 3, 4, 5)) client.datagrams.send(bytes)
    await environment.pass(20)
    expect((await peer.getStats()).datagrams).toMatchObject({ droppedIncoming: 2, expiredIncoming: 0 })
    await environment.pass(60)
    client.datagrams.send(Uint8Array.of(6))
    expect(await environment.until(take(peer, 1))).toEqual(each(6))
    expect((await peer.getStats()).datagrams).toMatchObject({ droppedIncoming: 2, expiredIncoming: 3 })
  })

  test('are refused where they are too large, by `send` with the limit and by a writer for good', async () => {
    const { client, environment } = await connectedStage()
    const { maxDatagramSize } = client.datagrams
    expect(maxDatagramSize).toBeGreaterThan(1000)
    const large = new Uint8Array(maxDatagramSize + 1)
    expect(() => client.datagrams.send(large)).toThrow(RangeError)
    expect(() => client.datagrams.send(large)).toThrow(`at most ${maxDatagramSize} bytes, got ${maxDatagramSize + 1}`)
    const writer = client.datagrams.createWritable().getWriter()
    expect(await environment.until(rejection(writer.write(large)))).toBeInstanceOf(RangeError)
    expect(await environment.until(rejection(writer.closed))).toBeInstanceOf(RangeError)
    expect(() => client.datagrams.send('text' as unknown as Uint8Array)).toThrow(TypeError)
    expect(() => client.datagrams.send(Uint8Array.of(1), { maxAge: -1 })).toThrow(RangeError)
  })

  test('are refused where the peer takes none', async () => {
    const { client, environment } = await connectedStage({ server: { maxDatagramFrameSize: 0 } })
    expect(client.datagrams.maxDatagramSize).toBe(0)
    expect(() => client.datagrams.send(Uint8Array.of(1))).toThrow(
      expect.objectContaining({ name: 'InvalidStateError' }),
    )
    const refusal = await environment.until(rejection(client.datagrams.writable.getWriter().write(Uint8Array.of(1))))
    expect(refusal).toMatchObject({
      name: 'InvalidStateError',
      message: 'The peer takes no datagrams: it advertised none',
    })
  })

  test('have ages and lengths as in W3C’s interface', async () => {
    const { client } = await connectedStage({ client: { datagrams: { outgoingMaxAge: 77 } } })
    const { datagrams } = client
    expect([datagrams.outgoingMaxAge, datagrams.incomingMaxAge]).toEqual([77, undefined])
    expect([datagrams.outgoingHighWaterMark, datagrams.incomingHighWaterMark]).toEqual([256, 1024])
    datagrams.outgoingMaxAge = 0
    datagrams.incomingMaxAge = 3.5
    datagrams.outgoingHighWaterMark = -3
    datagrams.incomingHighWaterMark = 7
    expect([datagrams.outgoingMaxAge, datagrams.incomingMaxAge]).toEqual([undefined, 3.5])
    expect([datagrams.outgoingHighWaterMark, datagrams.incomingHighWaterMark]).toEqual([1, 7])
    for (const wrong of [-1, Number.NaN]) {
      expect(() => {
        datagrams.incomingMaxAge = wrong
      }).toThrow(RangeError)
      expect(() => {
        datagrams.outgoingMaxAge = wrong
      }).toThrow(RangeError)
    }
    expect(() => {
      datagrams.incomingHighWaterMark = 1.5
    }).toThrow(RangeError)
  })
})

describe('When the connection ends, its datagrams', () => {
  test('have their fates told, and readers and writers learn it', async () => {
    const found = await strays(async () => {
      const { client, peer, environment } = await connectedStage()
      client.datagrams.send(Uint8Array.of(1))
      expect(await environment.until(take(peer, 1))).toEqual(each(1))
      const reader = client.datagrams.readable.getReader()
      const reading = reader.read()
      const writer = client.datagrams.writable.getWriter()
      const handle = client.datagrams.send(Uint8Array.of(2))
      const closing = client.close()
      expect(await handle.settled).toBe('dropped')
      expect(await reading).toEqual({ done: true, value: undefined })
      expect(await rejection(writer.write(Uint8Array.of(3)))).toBeInstanceOf(QuicApplicationError)
      expect(() => client.datagrams.createWritable()).toThrow(expect.objectContaining({ name: 'InvalidStateError' }))
      expect(() => client.datagrams.send(Uint8Array.of(4))).toThrow(QuicApplicationError)
      await environment.until(closing)
    })
    expect(found).toEqual([])
  })

  test('that are in flight count as lost', async () => {
    const { client, environment } = await connectedStage()
    const handle = client.datagrams.send(Uint8Array.of(1))
    const settled = handle.settled
    await Promise.resolve()
    await Promise.resolve()
    await Promise.resolve()
    const sent = handle.status
    const closing = client.close()
    expect([sent, await settled]).toEqual(['sent', 'lost'])
    await environment.until(closing)
  })

  test('that were received can still be read after a clean end, and cannot after another', async () => {
    for (const closeCode of [0, 7]) {
      const { client, peer, environment } = await connectedStage()
      client.datagrams.send(Uint8Array.of(1))
      await environment.pass(20)
      await environment.until(client.close({ closeCode }))
      await environment.pass(20)
      const reading = take(peer, 2)
      if (closeCode === 0) expect(await reading).toEqual(each(1))
      else expect(await rejection(reading)).toBeInstanceOf(QuicApplicationError)
    }
  })

  test('do not begin before its address is known', async () => {
    const stage = new Stage()
    const unresolving = Object.assign(stage.near, { resolve: () => new Promise<never>(() => {}) })
    const endpoint = new QuicEndpoint(unresolving, stage.clientOptions())
    const { address: _, ...options } = stage.clientOptions()
    const connection = endpoint.connect('server.test:1', options)
    expect(() => connection.datagrams.send(Uint8Array.of(1))).toThrow(
      expect.objectContaining({ name: 'InvalidStateError' }),
    )
    const write = connection.datagrams.writable.getWriter().write(Uint8Array.of(1))
    await connection.close()
    expect(await rejection(write)).toBeInstanceOf(QuicApplicationError)
  })
})

/** Both ends, connected, with their clock. */
async function connectedStage(
  options: ConstructorParameters<typeof Stage>[0] = {},
): Promise<Awaited<ReturnType<Stage['connected']>> & { environment: Stage['environment'] }> {
  const stage = new Stage(options)
  const ends = await stage.connected()
  await stage.environment.until(Promise.all([ends.client.handshakeConfirmed, ends.peer.handshakeConfirmed]))
  return { ...ends, environment: stage.environment }
}
