import { describe, expect, test } from 'vitest'
import type { DatagramTransport } from '../src/transport.ts'
import { type TransportPair, transportSuite } from './conformance.ts'
import { fromStreams } from './datagram-streams.ts'
import { directSockets, type UdpMessage } from './direct-sockets.ts'
import { webtransport } from './webtransport.ts'
import { type WorkerdDatagram, workerdUdp } from './workerd-udp.ts'

const runner = { describe, test }

/** Chunks that are written at one end come out at the other, unless they are over `limit` bytes. */
function pipes<Chunk>(): [TransformStream<Chunk, Chunk>, TransformStream<Chunk, Chunk>] {
  const pipe = (): TransformStream<Chunk, Chunk> => new TransformStream(undefined, { highWaterMark: 1000 })
  return [pipe(), pipe()]
}

/** As workerd has it: made of bytes, and shown by an accessor. */
class TestDatagram implements WorkerdDatagram {
  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get data(): Uint8Array {
    return this.#bytes
  }
}

/** What `pipeTo` does. That of workerd forgets the chunk that waits when its source is closed in the same turn. */
async function pump<Chunk>(from: ReadableStream<Chunk>, to: WritableStream<Chunk>): Promise<void> {
  const reader = from.getReader()
  const writer = to.getWriter()
  writer.closed.catch((error: unknown) => reader.cancel(error).catch(() => undefined))
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      await writer.write(value)
    }
    await writer.close()
  } catch (error) {
    await writer.abort(error).catch(() => undefined)
  }
}

async function pairOf(
  make: (readable: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array>) => Promise<DatagramTransport>,
): Promise<TransportPair> {
  const [there, back] = pipes<Uint8Array>()
  const near = await make(back.readable, there.writable)
  const far = await make(there.readable, back.writable)
  return { near, far, toFar: '', toNear: '' }
}

transportSuite(
  'two streams',
  () =>
    pairOf(async (readable, writable) =>
      fromStreams<Uint8Array, Uint8Array>({ readable, writable, bytesOf: (chunk) => chunk, chunkOf: (bytes) => bytes }),
    ),
  runner,
)

transportSuite(
  'the datagrams of a WebTransport session',
  () =>
    pairOf((readable, writable) =>
      webtransport({
        ready: Promise.resolve(),
        datagrams: { readable, createWritable: () => writable, maxDatagramSize: 1300 },
        close() {},
      }),
    ),
  runner,
)

transportSuite(
  "a Worker's UDP flow",
  () =>
    pairOf(async (readable, writable) => {
      const datagrams = new TransformStream<Uint8Array, WorkerdDatagram>({
        transform: (data, controller) => controller.enqueue({ data }),
      })
      const bytes = new TransformStream<WorkerdDatagram, Uint8Array>({
        transform: (datagram, controller) =>
          datagram instanceof TestDatagram
            ? controller.enqueue(datagram.data)
            : controller.error(new TypeError('This socket only accepts Datagram instances')),
      })
      void pump(readable, datagrams.writable)
      void pump(bytes.readable, writable)
      const close = async (): Promise<undefined> => undefined
      const socket = { protocol: 'udp', readable: datagrams.readable, writable: bytes.writable, close }
      return workerdUdp(socket, { Datagram: TestDatagram, maxDatagramSize: 1500 })
    }),
  runner,
)

describe('Direct Sockets', () => {
  /** A bound socket at `port` that writes to `out` and reads from `from`, each message with its sender's address. */
  function socketAt(
    port: number,
    from: ReadableStream<UdpMessage>,
    out: WritableStream<UdpMessage>,
  ): Parameters<typeof directSockets>[0] {
    const stamp = new TransformStream<UdpMessage, UdpMessage>({
      transform: ({ data }, controller) => controller.enqueue({ data, remoteAddress: '192.0.2.1', remotePort: port }),
    })
    void pump(stamp.readable, out)
    const opened = { readable: from, writable: stamp.writable, localAddress: '192.0.2.1', localPort: port }
    return { opened: Promise.resolve(opened), close: async () => undefined }
  }

  transportSuite(
    'a bound UDPSocket',
    async () => {
      const [there, back] = pipes<UdpMessage>()
      const near = await directSockets(socketAt(1000, back.readable, there.writable))
      const far = await directSockets(socketAt(2000, there.readable, back.writable))
      return { near, far, toFar: '192.0.2.1:2000', toNear: '192.0.2.1:1000' }
    },
    runner,
  )

  test('a bound one takes addresses and no names', async () => {
    const [there, back] = pipes<UdpMessage>()
    const transport = await directSockets(socketAt(1000, back.readable, there.writable))
    expect(await transport.resolve?.('::1', 443)).toEqual(['[::1]:443'])
    expect(transport.localAddress).toBe('192.0.2.1:1000')
    await expect(transport.resolve?.('quic.example', 443)).rejects.toThrow('A bound UDPSocket resolves no names')
    transport.close()
  })

  test('a connected one has one peer', async () => {
    const [there, back] = pipes<UdpMessage>()
    const opened = { readable: back.readable, writable: there.writable, localAddress: '::1', localPort: 5 }
    const transport = await directSockets({
      opened: Promise.resolve({ ...opened, remoteAddress: 'quic.example', remotePort: 443 }),
      close: async () => undefined,
    })
    expect(transport.resolve).toBeUndefined()
    expect(transport.localAddress).toBe('[::1]:5')
    transport.send(Uint8Array.of(1), '', 0)
    expect((await there.readable.getReader().read()).value).toEqual({ data: Uint8Array.of(1) })
    transport.close()
  })
})

describe('a carrier that cannot carry QUIC', () => {
  test('is a session whose datagrams are too small, as those of Chromium at first', async () => {
    const [there, back] = pipes<Uint8Array>()
    const datagrams = { readable: back.readable, writable: there.writable, maxDatagramSize: 1024 }
    await expect(webtransport({ ready: Promise.resolve(), datagrams, close() {} })).rejects.toThrow(
      'QUIC needs datagrams of 1200 bytes, this carrier takes 1024',
    )
  })

  test("is a Worker's socket of TCP", () => {
    const [there, back] = pipes<WorkerdDatagram>()
    const socket = { protocol: 'tcp', readable: back.readable, close: async () => undefined }
    expect(() => workerdUdp({ ...socket, writable: there.writable as WritableStream })).toThrow(
      'workerdUdp needs a socket of UDP, got one of tcp',
    )
  })
})

test('of a burst in a session of WebTransport more than the last datagram may wait to be read', async () => {
  const bufferOf = async (incomingMaxBufferedDatagrams: number): Promise<number> => {
    const [there, back] = pipes<Uint8Array>()
    const own = { readable: back.readable, writable: there.writable, maxDatagramSize: 1300 }
    const datagrams = { ...own, incomingMaxBufferedDatagrams }
    const transport = await webtransport({ ready: Promise.resolve(), datagrams, close() {} })
    transport.close()
    return datagrams.incomingMaxBufferedDatagrams
  }
  expect(await bufferOf(1)).toBe(1024)
  expect(await bufferOf(5000)).toBe(5000)
})

test('a stream that fails ends the transport with its error', async () => {
  const [there] = pipes<Uint8Array>()
  const readable = new ReadableStream<Uint8Array>({ start: (controller) => controller.error(new Error('gone')) })
  const transport = fromStreams<Uint8Array, Uint8Array>({
    readable,
    writable: there.writable,
    bytesOf: (chunk) => chunk,
    chunkOf: (bytes) => bytes,
  })
  const end = await new Promise((resolve) => transport.open({ datagram() {}, drain() {}, closed: resolve }))
  expect(end).toEqual(new Error('gone'))
})
