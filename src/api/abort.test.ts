import { describe, expect, test } from 'vitest'
import { QuicEndpoint } from './endpoint.ts'
import { bytesOf, rejection, Stage, strays, testCertificate } from './pipe.fixtures.ts'

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

  test('ends the wait for the end of a connection, which closes all the same', async () => {
    const stage = new Stage()
    const { client, peer } = await stage.connected()
    const late = new AbortController()
    const early = AbortSignal.abort(REASON)
    // Aborted beforehand: as if nobody had asked.
    expect(await rejection(client.close({ signal: early }))).toBe(REASON)
    await stage.environment.pass(100)
    expect([client.state, peer.state]).toEqual(['connected', 'connected'])
    const closing = client.close({ closeCode: 5, signal: late.signal })
    late.abort(REASON)
    expect(await rejection(closing)).toBe(REASON)
    expect(client.state).toBe('closing')
    expect(await stage.environment.until(rejection(peer.closed))).toMatchObject({ code: 5n })
    await stage.environment.until(client.close())
    expect(client.state).toBe('closed')
  })

  test('ends the wait for the end of a server, which takes nobody new all the same', async () => {
    const stage = new Stage()
    const { server, client } = await stage.connected()
    const controller = new AbortController()
    expect(await rejection(server.close({ signal: AbortSignal.abort(REASON) }))).toBe(REASON)
    const closing = server.close({ graceful: true, signal: controller.signal })
    await stage.environment.pass(1000)
    controller.abort(REASON)
    expect(await rejection(closing)).toBe(REASON)
    await stage.environment.pass(1000)
    expect(client.state).toBe('connected')
    await stage.environment.until(server.close())
    expect(client.state).not.toBe('connected')
  })

  test('ends the wait for new keys, for numbers, and for a path', async () => {
    const stage = new Stage()
    const { client, peer } = await stage.connected()
    await stage.environment.until(client.handshakeConfirmed)
    await stage.environment.pass(1000)
    const aborted = { signal: AbortSignal.abort(REASON) }
    const controller = new AbortController()
    const found = await strays(async () => {
      expect(await rejection(client.updateKeys(aborted))).toBe(REASON)
      const updating = client.updateKeys({ signal: controller.signal })
      controller.abort(REASON)
      expect(await rejection(updating)).toBe(REASON)
      expect(await rejection(client.getStats(aborted))).toBe(REASON)
      expect(await rejection(client.createSendGroup().getStats(aborted))).toBe(REASON)
      expect(await rejection(client.ping(aborted))).toBe(REASON)
      expect(await rejection(client.migrate(stage.far, aborted))).toBe(REASON)
    })
    expect(found).toEqual([])
    await stage.environment.until(client.ping())
    expect([client.state, peer.state]).toEqual(['connected', 'connected'])
  })

  test('gives up to listen, and to show other certificates', async () => {
    const stage = new Stage()
    const signal = AbortSignal.abort(REASON)
    const server = await stage.listen()
    expect(await rejection(server.setCertificates(testCertificate(), { signal }))).toBe(REASON)
    const client = await stage.environment.until(stage.connect())
    await stage.environment.until(client.close())
    expect(await rejection(new Stage().listen({ signal }))).toBe(REASON)
  })

  test('beside options that are not known, is refused with them at once', async () => {
    const { client } = await new Stage().connected()
    for (const call of [
      () => client.close({ closeCod: 1 } as object),
      () => client.close({ reason: 5 } as unknown as { reason: string }),
      () => client.close({ closeCode: -1 }),
    ]) {
      expect(call).toThrow()
    }
    expect(await rejection(client.updateKeys({ timeout: 1 } as object))).toBeInstanceOf(TypeError)
    expect(await rejection(client.getStats({ timeout: 1 } as object))).toBeInstanceOf(TypeError)
    expect(client.state).toBe('connected')
  })
})
