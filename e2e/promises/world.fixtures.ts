/** A client and a server of the public API in a simulated network, whose frames and packets are written down: the stage of the promises. */
import { FrameLog } from '../../src/api/frame-log.fixtures.ts'
import type { ConnectOptions, ListenOptions, QuicConnection, QuicServer, QuicStream } from '../../src/index.ts'
import { connect, listen } from '../../src/index.ts'
import type { LinkOptions } from '../../src/simulator/link-options.ts'
import type { Duplex } from '../../src/simulator/links.ts'
import { Simulation } from '../../src/simulator/simulation.ts'
import type { SimulatedTransport } from '../../src/simulator/transport.ts'

/** What a world is made of; everything may be left out. */
export interface WorldOptions {
  readonly seed?: number
  /** Both directions; default: 20 ms of delay. */
  readonly link?: LinkOptions
  readonly client?: Partial<ConnectOptions>
  readonly server?: Partial<ListenOptions>
}

/** Both ends, connected, and what is between them. */
export interface World {
  readonly simulation: Simulation
  readonly near: SimulatedTransport
  readonly far: SimulatedTransport
  readonly link: Duplex
  readonly server: QuicServer
  readonly client: QuicConnection
  /** The server's end. */
  readonly peer: QuicConnection
  /** The server's connections after that one. */
  readonly others: AsyncIterator<QuicConnection>
  /** The server's end of a stream of the client. */
  readonly arrived: (stream: QuicStream) => Promise<QuicStream>
  /** The frames of both ends. */
  readonly frames: { readonly client: FrameLog; readonly server: FrameLog }
  /** Options of another client of the same server. */
  readonly clientOptions: ConnectOptions
}

/** The application protocol of every world. */
export const ALPN = 'promise'

/** Connects both ends in virtual time, does `body`, and closes both. */
export async function inWorld(options: WorldOptions, body: (world: World) => Promise<void>): Promise<void> {
  const simulation = new Simulation(options.seed === undefined ? {} : { seed: options.seed })
  const [near, far, link] = simulation.link(options.link ?? { delay: 20 })
  const frames = { client: new FrameLog(), server: new FrameLog() }
  const { certificate } = simulation
  const clientOptions: ConnectOptions = {
    ...simulation.options,
    address: far.localAddress,
    alpn: [ALPN],
    serverCertificateHashes: [certificate.hash],
    observer: frames.client.observer,
    ...options.client,
  }
  await simulation.run(async () => {
    const observer = frames.server.observer
    const server = await listen(far, { ...simulation.options, alpn: [ALPN], certificate, observer, ...options.server })
    const peers = server[Symbol.asyncIterator]()
    const client = await connect(near, clientOptions)
    const { value: peer, done } = await peers.next()
    if (done === true) throw new Error('The server has no connection')
    await client.handshakeConfirmed
    await body({
      simulation,
      near,
      far,
      link,
      server,
      client,
      peer,
      others: peers,
      arrived: arrivalsOf(peer),
      frames,
      clientOptions,
    })
    await Promise.allSettled([client.close(), server.close()])
  })
}

/** The streams that the other end of `connection` opens, each to be taken once, by its id. */
export function arrivalsOf(connection: QuicConnection): (stream: QuicStream) => Promise<QuicStream> {
  const here = new Map<number, QuicStream>()
  const wanted = new Map<number, (stream: QuicStream) => void>()
  connection.serve({
    stream: (stream) => {
      const take = wanted.get(stream.id)
      if (take === undefined) here.set(stream.id, stream)
      else take(stream)
    },
  })
  return ({ id }) =>
    new Promise((resolve) => {
      const stream = here.get(id)
      if (stream === undefined) wanted.set(id, resolve)
      else resolve(stream)
    })
}

/** `length` bytes that tell where they belong. */
export function patterned(length: number, salt = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8) * 17 + salt) & 0xff)
}

/** All that a stream has to say. */
export async function readAll(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  const reader = readable.getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    chunks.push(next.value)
    length += next.value.length
  }
  const all = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}

/** Sends back what comes; fulfils when all of it is acknowledged, or the connection is over. */
export async function echo(stream: QuicStream): Promise<void> {
  await stream.readable.pipeTo(stream.writable).catch(() => {})
}

/** Sends `bytes` and the end; fulfils when all is acknowledged. */
export async function writeAll(writable: WritableStream<Uint8Array>, bytes: Uint8Array): Promise<void> {
  const writer = writable.getWriter()
  await writer.write(bytes)
  await writer.close()
}

/** What `promise` rejects with. @throws Error where it fulfils */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('The promise was to reject, and fulfilled')
}
