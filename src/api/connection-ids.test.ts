import { describe, expect, test } from 'vitest'
import { QuicLbIds } from '../endpoint/quic-lb.ts'
import { QuicLbRouter } from '../endpoint/quic-lb-router.ts'
import { TestRandom } from '../endpoint/test-pair.fixtures.ts'
import type { QuicConnection } from './connection.ts'
import { type ConnectionIdSource, connectionIdGenerator } from './connection-ids.ts'
import { bytesOf, readAll, Stage, writeAll } from './pipe.fixtures.ts'

const CONFIG = { id: 3, serverIdLength: 2, nonceLength: 14, key: new Uint8Array(16).fill(9) }

/** Sends from the client and reads at the server. */
async function roundTrip(stage: Stage, ids: ConnectionIdSource): Promise<void> {
  const server = await stage.listen({ connectionIdGenerator: ids })
  const peers = server[Symbol.asyncIterator]()
  const client = await stage.environment.until(stage.connect())
  const { value } = await stage.environment.until(peers.next())
  const peer = value as QuicConnection
  const stream = await client.createUnidirectionalStream()
  void writeAll(stream.writable, bytesOf(5000))
  const incoming = peer.incomingUnidirectionalStreams.getReader()
  const { value: arrived } = await stage.environment.until(incoming.read())
  if (arrived === undefined) throw new Error('No stream')
  expect(await stage.environment.until(readAll(arrived.readable))).toHaveLength(5000)
  expect(peer.issueConnectionIds()).toBe(true)
  await stage.environment.pass(100)
  await client.close()
}

describe('A server whose application makes its connection ids', () => {
  test('uses those of QUIC-LB', async () => {
    const routes: unknown[] = []
    const router = new QuicLbRouter([CONFIG])
    const ids = new QuicLbIds({ random: new TestRandom(3), config: CONFIG, serverId: Uint8Array.of(1, 2) })
    await roundTrip(new Stage(), {
      length: ids.length,
      generate: () => {
        const id = ids.generate()
        routes.push(router.route(id.bytes)?.serverId.join())
        return id
      },
    })
    expect(routes.length).toBeGreaterThan(4)
    expect(new Set(routes)).toEqual(new Set(['1,2']))
  })

  test('uses an object of its own, with bytes of any length', async () => {
    let count = 0
    const generate = (): Uint8Array => {
      count += 1
      const id = new Uint8Array(5).fill(0xaa)
      new DataView(id.buffer).setUint32(1, count * 2654435761)
      return id
    }
    await roundTrip(new Stage(), { length: 5, generate })
    expect(count).toBeGreaterThan(4)
  })
})

describe('What makes no ids is refused', () => {
  const generate = (): Uint8Array => new Uint8Array(8)

  test.each([
    [undefined, TypeError],
    [{ length: 8 }, TypeError],
    [{ length: 21, generate }, RangeError],
    [{ length: -1, generate }, RangeError],
    [{ length: 7.5, generate }, RangeError],
  ])('%j', (source, error) => {
    expect(() => connectionIdGenerator(source as unknown as ConnectionIdSource)).toThrow(error)
  })

  test('and so is an id that could not be read again', () => {
    expect(() => connectionIdGenerator({ length: 7, generate }).generate()).toThrow(RangeError)
    expect(() => connectionIdGenerator({ length: 8, generate, lengthAt: () => 9 }).generate()).toThrow(RangeError)
    expect(connectionIdGenerator({ length: 8, generate }).generate().length).toBe(8)
  })
})
