import { expect, test } from 'vitest'
import type { ConnectionEvent } from '../connection/events.ts'
import { connectAtOnce } from './client.ts'
import type { QuicConnection } from './connection.ts'
import { EndpointCore } from './endpoint-core.ts'
import type { QuicCloseInfo, QuicError } from './errors.ts'
import { bytesOf, rejection, Stage, writeAll } from './pipe.fixtures.ts'
import { listenOn } from './server.ts'
import { deferred } from './signal.ts'
import type { ProtocolLayer, TakenConnection } from './takeover.ts'

/** Keeps what it is told, and calls all events of streams its own. */
class Recorder implements ProtocolLayer {
  taken: TakenConnection | undefined
  readonly events: ConnectionEvent[] = []
  readonly ends: { error: QuicError; info: QuicCloseInfo | undefined }[] = []
  readonly ended = deferred<void>()
  readonly fin = deferred<Uint8Array>()
  #content = new Uint8Array(0)

  onStart(taken: TakenConnection): void {
    expect(this.taken, 'once').toBeUndefined()
    this.taken = taken
    for (const stream of taken.connection.streams.values()) this.#read(stream.id)
  }

  onConnectionEvent(event: ConnectionEvent): boolean {
    this.events.push(event)
    if (event.type === 'stream-readable') this.#read(event.stream.id)
    return event.type.startsWith('stream-')
  }

  onEnd(error: QuicError, info: QuicCloseInfo | undefined): void {
    this.ends.push({ error, info })
    this.ended.resolve()
  }

  /** The types of the events, each once. */
  get types(): string[] {
    return [...new Set(this.events.map(({ type }) => type))]
  }

  #read(id: number): void {
    const into = new Uint8Array(100)
    const receive = this.taken?.connection.streams.get(id)?.receive
    for (let length = receive?.read(into) ?? 0; length !== 0; length = receive?.read(into) ?? 0) {
      if (length < 0) return this.fin.resolve(this.#content)
      this.#content = into.slice(0, length)
    }
  }
}

/** A server whose connections belong to layers. */
async function takenServer(stage: Stage): Promise<{ layers: Recorder[]; connections: QuicConnection[] }> {
  const layers: Recorder[] = []
  const connections: QuicConnection[] = []
  const options = stage.serverOptions()
  await listenOn(new EndpointCore(stage.far, options), options, true, (connection) => {
    const layer = new Recorder()
    layers.push(layer)
    connections.push(connection)
    connection.takeOver(layer)
  })
  return { layers, connections }
}

test('a layer has the core of both ends before the handshake, and every event first', async () => {
  const stage = new Stage()
  const { layers, connections } = await takenServer(stage)
  const client = connectAtOnce(stage.near, stage.clientOptions())
  const layer = new Recorder()
  client.takeOver(layer)
  await stage.environment.until(client.ready)
  const { taken } = layer
  expect(taken?.now()).toBe(stage.environment.now())
  expect(taken?.environment).toBe(stage.environment)
  const stream = taken?.connection.streams.open('bidirectional')
  stream?.send?.write(bytesOf(10))
  stream?.send?.finish()
  taken?.wake()
  const [server] = layers
  expect(await stage.environment.until(server?.fin.promise ?? Promise.reject())).toEqual(bytesOf(10))
  expect(layer.types).toContain('connected')
  expect(server?.types).toEqual(expect.arrayContaining(['connected', 'stream-opened', 'stream-readable']))
  await stage.environment.until(client.close({ closeCode: 5, reason: 'enough' }))
  await stage.environment.until(server?.ended.promise ?? Promise.reject())
  expect(layer.ends).toEqual([
    { error: expect.objectContaining({ code: 5n, side: 'local' }), info: { closeCode: 5n, reason: 'enough' } },
  ])
  expect(server?.ends).toEqual([{ error: expect.objectContaining({ code: 5n, side: 'remote' }), info: undefined }])
  expect(await rejection(connections[0]?.closed ?? Promise.resolve())).toMatchObject({ code: 5n })
})

test('a layer that comes later finds what came before it', async () => {
  const stage = new Stage()
  const { client, peer } = await stage.connected()
  const stream = await stage.environment.until(client.createUnidirectionalStream())
  const written = writeAll(stream.writable, bytesOf(10))
  await stage.environment.pass(100)
  const layer = new Recorder()
  peer.takeOver(layer)
  expect(await stage.environment.until(layer.fin.promise)).toEqual(bytesOf(10))
  await stage.environment.until(written)
})

test('the streams of the public API are no more once a layer has the connection', async () => {
  const stage = new Stage()
  const { client } = await stage.connected()
  client.takeOver(new Recorder())
  const state = { name: 'InvalidStateError' }
  expect(await rejection(client.createBidirectionalStream())).toMatchObject(state)
  expect(() => client.incomingBidirectionalStreams).toThrow(expect.objectContaining(state))
  expect(() => client.serve({})).toThrow(expect.objectContaining(state))
  expect(() => client.takeOver(new Recorder())).toThrow(expect.objectContaining(state))
  // What no layer calls its own goes on.
  expect(await stage.environment.until(client.ping())).toBeGreaterThanOrEqual(0)
})

test('a layer hears of the end of a connection that never began, and of one that was over before', async () => {
  const stage = new Stage()
  const client = connectAtOnce(stage.near, stage.clientOptions({ signal: AbortSignal.abort('no') }))
  const late = new Recorder()
  client.takeOver(late)
  expect(late.taken).toBeUndefined()
  expect(late.ends).toEqual([{ error: expect.objectContaining({ side: 'local' }), info: undefined }])
  await rejection(client.ready)
})
