import { describe, expect, test } from 'vitest'
import type { QuicConnection } from './connection.ts'
import { QuicApplicationError } from './errors.ts'
import { rejection, Stage, strays } from './pipe.fixtures.ts'
import type { ServeHandlers } from './serving.ts'
import type { QuicStream } from './stream.ts'

async function connectedStage(): Promise<
  Awaited<ReturnType<Stage['connected']>> & { environment: Stage['environment'] }
> {
  const stage = new Stage()
  const ends = await stage.connected()
  return { ...ends, environment: stage.environment }
}

/** Opens a stream of each direction and sends a datagram. */
async function knock(connection: QuicConnection, value: number): Promise<void> {
  const both = await connection.createBidirectionalStream()
  both.tryWrite(Uint8Array.of(value))
  const one = await connection.createUnidirectionalStream()
  one.tryWrite(Uint8Array.of(value))
  connection.datagrams.send(Uint8Array.of(value))
}

const into = (log: unknown[]): ServeHandlers => ({
  stream: (stream) => log.push(stream.id),
  datagram: ([value]) => log.push(`d${value}`),
})

describe('Handlers', () => {
  test('get what arrives, and what arrived before', async () => {
    const { client, environment, peer } = await connectedStage()
    await knock(client, 1)
    await environment.pass(50)
    const log: unknown[] = []
    peer.serve(into(log))
    expect(log).toEqual([0, 2, 'd1'])
    await knock(client, 2)
    await environment.pass(50)
    expect(log.sort()).toEqual([0, 2, 4, 6, 'd1', 'd2'].sort())
  })

  test('can be replaced at any time, by none too: nothing is lost', async () => {
    const { client, environment, peer } = await connectedStage()
    const logs: unknown[][] = [[], []]
    for (let count = 0; count < 20; count++) {
      const log = logs[count % 3]
      peer.serve(log === undefined ? {} : into(log))
      for (let again = 0; again < 3; again++) await knock(client, count * 3 + again)
      if (count % 2 === 0) await environment.pass(3)
    }
    await environment.pass(100)
    const rest: unknown[] = []
    const reader = peer.incomingUnidirectionalStreams.getReader()
    await knock(client, 60)
    await environment.pass(50)
    peer.serve({ stream: (stream) => rest.push(stream.id), datagram: ([value]) => rest.push(`d${value}`) })
    await environment.pass(50)
    const all = [...logs.flat(), ...rest]
    expect(all.filter((each) => typeof each === 'number').sort((a, b) => Number(a) - Number(b))).toEqual(
      Array.from({ length: 122 }, (_, index) => (index >> 1) * 4 + (index & 1) * 2),
    )
    expect(new Set(all.filter((each) => typeof each === 'string')).size).toBe(61)
    void reader.cancel()
  })

  test('that replace themselves in the middle of what waits hand the rest on', async () => {
    const { client, environment, peer } = await connectedStage()
    for (let value = 0; value < 4; value++) client.datagrams.send(Uint8Array.of(value))
    for (let count = 0; count < 4; count++) (await client.createUnidirectionalStream()).tryWrite(Uint8Array.of(1))
    await environment.pass(50)
    const first: unknown[] = []
    const second: unknown[] = []
    peer.serve({
      stream: (stream) => {
        first.push(stream.id)
        if (first.length === 2) peer.serve(into(second))
      },
      datagram: ([value]) => first.push(`d${value}`),
    })
    expect([first, second.length]).toEqual([[2, 6], 6])
    expect(second.sort()).toEqual([10, 14, 'd0', 'd1', 'd2', 'd3'].sort())
  })

  test('leave to readers what they do not take', async () => {
    const { client, environment, peer } = await connectedStage()
    const log: unknown[] = []
    peer.serve({ stream: (stream) => log.push(stream.id) })
    const reading = peer.datagrams.readable.getReader().read()
    await knock(client, 9)
    expect(await environment.until(reading)).toEqual({ done: false, value: Uint8Array.of(9) })
    expect(log).toEqual([0, 2])
  })

  test('that throw end the connection, and no more; a promise that rejects ends its stream alone', async () => {
    const found = await strays(async () => {
      const { client, environment, peer } = await connectedStage()
      const served: QuicStream[] = []
      peer.serve({
        stream: async (stream) => {
          served.push(stream)
          throw new Error('no')
        },
      })
      await knock(client, 1)
      await environment.pass(50)
      expect([served.length, peer.state]).toEqual([2, 'connected'])
      for (const stream of served) expect(await rejection(stream.closed)).toMatchObject({ code: 0n })
      peer.serve({
        datagram: () => {
          throw new Error('worse')
        },
      })
      client.datagrams.send(Uint8Array.of(2))
      await environment.pass(50)
      expect(await rejection(peer.closed)).toBeInstanceOf(QuicApplicationError)
      expect(await rejection(peer.closed)).toMatchObject({ cause: new Error('worse') })
    })
    expect(found).toEqual([])
  })

  test('must be functions that are known', async () => {
    const { peer } = await connectedStage()
    expect(() => peer.serve({ streams: () => {} } as ServeHandlers)).toThrow(TypeError)
    expect(() => peer.serve({ stream: 3 } as unknown as ServeHandlers)).toThrow('stream must be a function, got 3')
    expect(() => peer.serve(undefined as unknown as ServeHandlers)).toThrow(TypeError)
  })
})
