import { describe, expect, test } from 'vitest'
import { QuicEndpoint } from './endpoint.ts'
import { bytesOf, rejection, Stage, strays } from './pipe.fixtures.ts'

const REASON = new Error('Changed my mind')

describe('An AbortSignal', () => {
  test('ends an attempt to connect, before it began and at any moment of the handshake', async () => {
    const found = await strays(async () => {
      for (const wait of [-1, 0, 200, 900, 1500]) {
        const stage = new Stage()
        const controller = new AbortController()
        if (wait < 0) controller.abort(REASON)
        const connecting = stage.connect({ signal: controller.signal })
        connecting.catch(() => {})
        if (wait >= 0) {
          await stage.environment.pass(wait)
          controller.abort(REASON)
        }
        expect([wait, await rejection(stage.environment.until(connecting))]).toEqual([wait, REASON])
        await stage.environment.pass(60_000)
        expect([wait, stage.environment.timers]).toEqual([wait, 0])
      }
    })
    expect(found).toEqual([])
  })

  test('that aborts after the handshake changes nothing', async () => {
    const stage = new Stage()
    await stage.listen()
    const controller = new AbortController()
    const client = await stage.environment.until(stage.connect({ signal: controller.signal }))
    controller.abort(REASON)
    await stage.environment.pass(1000)
    expect(client.state).toBe('connected')
  })

  test('ends the attempt of a connection of an endpoint, and leaves the endpoint to others', async () => {
    const stage = new Stage()
    await stage.listen()
    const endpoint = new QuicEndpoint(stage.near, stage.clientOptions())
    const controller = new AbortController()
    const options = stage.clientOptions()
    const aborted = endpoint.connect('server.test:1', { ...options, signal: controller.signal })
    controller.abort(REASON)
    expect(await rejection(stage.environment.until(aborted.ready))).toBeInstanceOf(Error)
    const other = endpoint.connect('server.test:1', options)
    await stage.environment.until(other.ready)
    expect([aborted.state === 'connected', other.state]).toEqual([false, 'connected'])
  })

  test('ends the wait for a stream, and no stream is opened for it later', async () => {
    const stage = new Stage({ server: { maxIncomingUnidirectionalStreams: 1 } })
    const { client, peer } = await stage.connected()
    const first = await client.createUnidirectionalStream()
    first.tryWrite(bytesOf(5))
    const controller = new AbortController()
    const waiting = client.createUnidirectionalStream({ signal: controller.signal })
    waiting.catch(() => {})
    await stage.environment.pass(10)
    controller.abort(REASON)
    expect(await rejection(stage.environment.until(waiting))).toBe(REASON)
    expect(await rejection(client.createUnidirectionalStream({ signal: controller.signal }))).toBe(REASON)
    first.finish()
    const streams = peer.incomingUnidirectionalStreams.getReader()
    const { value } = await stage.environment.until(streams.read())
    await value?.readable.cancel()
    const third = await stage.environment.until(client.createUnidirectionalStream())
    expect(third.id).toBe(first.id + 4)
  })

  test('ends the wait for the send queue to drain', async () => {
    const stage = new Stage()
    const { client } = await stage.connected()
    const stream = await client.createUnidirectionalStream()
    stream.tryWrite(bytesOf(200_000))
    expect(client.sendQueue.congested).toBe(true)
    const controller = new AbortController()
    const draining = client.drained({ signal: controller.signal })
    controller.abort(REASON)
    expect(await rejection(draining)).toBe(REASON)
  })
})
