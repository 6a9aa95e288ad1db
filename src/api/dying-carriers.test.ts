import { describe, expect, test } from 'vitest'
import { type MessagePortLike, messagePort } from '../../transports/message-port.ts'
import { type PipeEnd, pipe } from '../../transports/pipe.ts'
import { MemoryChannel } from '../../transports/webrtc.fixtures.ts'
import { webrtc } from '../../transports/webrtc.ts'
import { MemorySocket } from '../../transports/websocket.fixtures.ts'
import { websocket } from '../../transports/websocket.ts'
import type { DatagramTransport } from '../transport.ts'
import { connect } from './client.ts'
import type { QuicConnection } from './connection.ts'
import { QuicCarrierError } from './errors.ts'
import { bytesOf, readAll, rejection, Stage, strays, writeAll } from './pipe.fixtures.ts'
import { listen, type QuicServer } from './server.ts'

/** Two ends of a carrier, and its end by itself: neither side has closed it. */
interface Carrier {
  readonly near: DatagramTransport
  readonly far: DatagramTransport
  die(): void
}

const KINDS = ['pipe', 'WebSocket', 'data channel', 'message port'] as const

type Kind = (typeof KINDS)[number]

/** Delivers at one what arrives at the other. */
function relay(one: PipeEnd, other: PipeEnd): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.open({
      datagram: (bytes, _from, ecn = 0, segmentSize = bytes.length) => {
        for (let at = 0; at < bytes.length; at += segmentSize) to.send(bytes.subarray(at, at + segmentSize), '', ecn)
      },
      drain: () => {},
      closed: () => {},
    })
  }
}

const makers: Readonly<Record<Kind, () => Promise<Carrier>>> = {
  pipe: async () => {
    const [[near, one], [other, far]] = [pipe(), pipe()]
    relay(one, other)
    const die = (): void => {
      one.close()
      other.close()
    }
    return { near, far, die }
  },
  WebSocket: async () => {
    const [one, other] = MemorySocket.pair('isoquic.connect-udp.v1')
    const die = (): void => {
      for (const socket of [one, other]) socket.end(1006, '')
    }
    return { near: await end(one), far: await end(other), die }
  },
  'data channel': async () => {
    const [one, other] = MemoryChannel.pair()
    return { near: await webrtc(one), far: await webrtc(other), die: () => one.close() }
  },
  'message port': async () => {
    const [one, other] = MemoryPort.pair()
    const die = (): void => {
      for (const port of [one, other]) port.close()
    }
    return { near: messagePort(one), far: messagePort(other), die }
  },
}

/** One of two connected ports that deliver without real time. Those of hosts that tell nobody of a close fall silent. */
class MemoryPort implements MessagePortLike {
  #peer: MemoryPort | undefined
  #isOpen = true
  readonly #listeners: ((event: { readonly data?: unknown }) => void)[] = []

  static pair(): [MemoryPort, MemoryPort] {
    const [one, other] = [new MemoryPort(), new MemoryPort()]
    one.#peer = other
    other.#peer = one
    return [one, other]
  }

  addEventListener(type: string, listener: (event: { readonly data?: unknown }) => void): void {
    if (type === 'message') this.#listeners.push(listener)
  }

  postMessage(data: unknown, options?: { transfer?: ArrayBuffer[] }): void {
    const message = structuredClone(data, options)
    queueMicrotask(() => {
      const peer = this.#peer
      if (peer === undefined || !this.#isOpen || !peer.#isOpen) return
      for (const listener of peer.#listeners) listener({ data: message })
    })
  }

  close(): void {
    this.#isOpen = false
  }
}

const end = (socket: MemorySocket): Promise<DatagramTransport> => websocket({ socket, endToEnd: true })

interface Scene {
  readonly stage: Stage
  readonly server: QuicServer
  readonly client: QuicConnection
  readonly peer: QuicConnection
  readonly carrier: Carrier
}

/** Both ends, on a carrier of that kind, with all they need to move. */
async function connectedOver(kind: Kind, options: { readonly maxIdleTimeout?: number } = {}): Promise<Scene> {
  const stage = new Stage()
  const { environment } = stage
  const carrier = await makers[kind]()
  // Less than the transfer has: who reads half of it has not got the rest.
  const windows = { initialMaxData: 65_536, initialMaxStreamDataBidiRemote: 65_536, maxReceiveWindow: 65_536 }
  const server = await listen(carrier.far, stage.serverOptions({ ...windows, ...options }))
  const peers = server[Symbol.asyncIterator]()
  const client = await environment.until(connect(carrier.near, stage.clientOptions(options)))
  const { value: peer, done } = await environment.until(peers.next())
  if (done === true) throw new Error('The server has no connection')
  await environment.until(client.handshakeConfirmed)
  await environment.pass(200)
  return { stage, server, client, peer, carrier }
}

describe('A carrier that dies is a path that died: the connection lives until its idle timeout, and a new carrier can be attached', () => {
  const LENGTH = 400_000

  for (const kind of KINDS) {
    for (const next of KINDS) {
      test(`a transfer over a ${kind} goes on over a ${next} that migrate attaches`, async () => {
        const { stage, server, client, peer, carrier } = await connectedOver(kind)
        const { environment } = stage
        const stream = await environment.until(client.createBidirectionalStream())
        let progress = 0
        const counted = new TransformStream<Uint8Array, Uint8Array>({
          transform: (chunk, controller) => {
            progress += chunk.length
            // Whatever takes no time would be over before anybody who waits for it heard of it.
            if (progress >= LENGTH / 2) carrier.die()
            controller.enqueue(chunk)
          },
        })
        const writing = writeAll(stream.writable, bytesOf(LENGTH))
        const back = readAll(stream.readable)
        const { value: far } = await environment.until(peer.incomingBidirectionalStreams[Symbol.asyncIterator]().next())
        if (far === undefined) throw new Error('No stream has come')
        const echoing = far.readable.pipeThrough(counted).pipeTo(far.writable)

        await environment.pass(5000)
        expect(progress).toBeGreaterThanOrEqual(LENGTH / 2)
        expect([client.state, peer.state]).toEqual(['connected', 'connected'])
        expect(progress).toBeLessThan(LENGTH)
        const before = progress
        const another = await makers[next]()
        server.addTransport(another.far)
        await environment.until(client.migrate(another.near))
        await environment.until(Promise.all([writing, echoing]))
        expect(await environment.until(back)).toEqual(bytesOf(LENGTH))
        expect(progress - before).toBeGreaterThan(0)
        expect(client.paths.filter(({ state }) => state === 'active').length).toBe(1)
        await environment.until(Promise.all([client.close(), client.closed, peer.closed]))
        await environment.until(server.close())
      })
    }
  }

  test('the connection lives until its idle timeout, and then says what it died of', async () => {
    const { stage, client, peer, carrier, server } = await connectedOver('WebSocket', { maxIdleTimeout: 20_000 })
    const { environment } = stage
    await environment.until(client.ping())
    const began = environment.now()
    const found = await strays(async () => {
      carrier.die()
      await environment.pass(19_000)
      expect([client.state, peer.state]).toEqual(['connected', 'connected'])
      const stream = await environment.until(client.createBidirectionalStream())
      const writing = rejection(writeAll(stream.writable, bytesOf(1_000_000)))
      const error = await environment.until(rejection(client.closed))
      expect(error).toBeInstanceOf(QuicCarrierError)
      expect((error as Error).cause).toBeInstanceOf(Error)
      expect(environment.now() - began).toBeGreaterThan(19_000)
      expect(environment.now() - began).toBeLessThan(41_000)
      expect(await writing).toBe(error)
      expect(await environment.until(rejection(peer.closed))).toBeInstanceOf(QuicCarrierError)
    })
    expect(found).toEqual([])
    await environment.until(server.close())
  })

  test('carrier after carrier may die, and the newest carries the connection', async () => {
    const { stage, server, client, peer, carrier } = await connectedOver('pipe')
    const { environment } = stage
    let last = carrier
    for (let round = 0; round < 12; round++) {
      last.die()
      await environment.pass(1000)
      last = await makers[KINDS[round % KINDS.length] ?? 'pipe']()
      server.addTransport(last.far)
      await environment.until(client.migrate(last.near))
      await environment.until(client.ping())
      await environment.pass(3000)
    }
    expect([client.state, peer.state]).toEqual(['connected', 'connected'])
    expect(client.paths.length).toBeLessThanOrEqual(2)
    await environment.until(client.close())
    await environment.until(server.close())
  })
})
