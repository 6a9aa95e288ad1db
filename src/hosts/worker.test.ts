/** A worker and its page, on the two ends of a channel in one thread: all but the end of the thread is the same. */
import { afterEach, describe, expect, test } from 'vitest'
import { pipe } from '../../transports/pipe.ts'
import { devCertificate } from '../api/dev.ts'
import {
  QuicApplicationError,
  QuicCarrierError,
  QuicError,
  QuicMigrationError,
  QuicStreamError,
  QuicTlsError,
} from '../api/errors.ts'
import { listen, type QuicServer } from '../api/server.ts'
import type { DatagramTransport } from '../transport.ts'
import { CertificateError } from '../x509/certificate-error.ts'
import { QuicWorker } from './quic-worker.ts'
import { type ServeWorkerOptions, serveWorker } from './serve-worker.ts'
import type { MessageEnd } from './worker-channel.ts'
import type { WorkerConnection } from './worker-connection.ts'
import { QuicWorkerError } from './worker-errors.ts'

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** A page, and in its worker transports by name. */
function workerOf(
  transports: Readonly<Record<string, DatagramTransport>>,
  own: Partial<ServeWorkerOptions> = {},
): QuicWorker {
  const { port1, port2 } = new MessageChannel()
  serveWorker({ transport: (request) => transportOf(transports, request), ...own }, port2)
  const worker = new QuicWorker(port1)
  ends.push(
    () => worker.close(),
    () => port2.close(),
  )
  return worker
}

function transportOf(transports: Readonly<Record<string, DatagramTransport>>, request: unknown): DatagramTransport {
  const transport = transports[String(request)]
  if (transport === undefined) throw new RangeError(`There is no transport ${String(request)}`)
  return transport
}

type OwnMessage = { readonly isoquic?: { readonly kind: string; readonly what?: string } } | undefined

/** A port whose answers come after the news of a connection that is ready, those to calls before it as well. */
function answeringLate(port: MessagePort): MessageEnd {
  const answers: (() => void)[] = []
  let isReady = false
  return {
    postMessage: (message, transfer) => port.postMessage(message, transfer),
    addEventListener(type, listener) {
      port.addEventListener(type, (event) => {
        const { kind, what } = (event as MessageEvent<OwnMessage>).data?.isoquic ?? {}
        if (kind === 'answer' && !isReady) return void answers.push(() => listener(event))
        listener(event)
        if (what !== 'ready') return
        isReady = true
        setTimeout(() => {
          for (const answer of answers.splice(0)) answer()
        }, 0)
      })
    },
    removeEventListener: (type, listener) => port.removeEventListener(type, listener),
    start: () => port.start(),
  }
}

interface Stage {
  readonly worker: QuicWorker
  readonly connection: WorkerConnection
  readonly server: QuicServer
}

async function staged(): Promise<Stage> {
  const [near, far] = pipe()
  const certificate = await devCertificate()
  const server = await listen(far, { alpn: ['demo'], certificate, datagrams: {} })
  const worker = workerOf({ near })
  const options = { alpn: ['demo'], serverCertificateHashes: [certificate.hash], address: 'localhost:1' }
  const connection = await worker.connect('near', options)
  ends.push(() => server.close())
  return { worker, connection, server }
}

async function peerOf(server: QuicServer) {
  const [peer] = server.connections
  if (peer === undefined) throw new Error('There is no connection')
  return peer
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const bytesOf = (words: string): Uint8Array => new TextEncoder().encode(words)

async function readAll(readable: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: number[] = []
  const reader = readable.getReader()
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    for (const byte of value ?? []) chunks.push(byte)
  }
  return Uint8Array.from(chunks)
}

describe('a connection in a worker', () => {
  test('is there once its worker is watched, however early its handshake is complete', async () => {
    const [near, far] = pipe()
    const certificate = await devCertificate()
    const server = await listen(far, { alpn: ['demo'], certificate })
    const { port1, port2 } = new MessageChannel()
    serveWorker({ transport: () => near }, port2)
    const worker = new QuicWorker(answeringLate(port1))
    ends.push(
      () => worker.close(),
      () => port1.close(),
      () => port2.close(),
      () => server.close(),
    )
    let isWatched = false
    void worker.ready.then(() => {
      isWatched = true
    })
    await worker.connect('near', { alpn: ['demo'], serverCertificateHashes: [certificate.hash] })
    expect(isWatched).toBe(true)
  })

  test('has the facts and the numbers of the one it stands for', async () => {
    const { connection, server } = await staged()
    const peer = await peerOf(server)
    expect(await connection.ready).toMatchObject({ alpn: 'demo', version: 1, resumed: false })
    await connection.handshakeConfirmed
    expect([connection.state, connection.alpn, connection.role]).toEqual(['connected', 'demo', 'client'])
    expect(connection.peerCertificates?.length).toBe(1)
    expect(connection.peerTransportParameters?.maxIdleTimeout).toBe(30_000)
    expect((await connection.getStats()).packetsReceived).toBeGreaterThan(0)
    expect(await connection.ping()).toBeGreaterThanOrEqual(0)
    expect((await connection.inspect())?.role).toBe('client')
    const material = await connection.exportKeyingMaterial('label', new Uint8Array(2), 16)
    expect(material).toEqual(peer.exportKeyingMaterial('label', new Uint8Array(2), 16))
    expect(connection.sendQueue.congested).toBe(false)
    expect(connection.paths.length).toBe(1)
    await connection.drained()
    connection.configure({ keepAlive: 1_000 })
    connection.congestionControl = 'newreno'
    await connection.getStats()
    expect(connection.congestionControl).toBe('newreno')
  })

  test('carries streams both ways, in both styles', async () => {
    const { connection, server } = await staged()
    const peer = await peerOf(server)
    peer.serve({ stream: (stream) => stream.readable.pipeTo(stream.writable) })
    const stream = await connection.createBidirectionalStream({ urgency: 1 })
    expect([stream.id, stream.direction, stream.priority]).toEqual([
      0,
      'bidirectional',
      { urgency: 1, incremental: false },
    ])
    const sent = Uint8Array.from({ length: 1_000_000 }, (_, at) => (at * 7) & 0xff)
    const writer = stream.writable.getWriter()
    const writing = writer.write(sent).then(() => writer.close())
    expect(await readAll(stream.readable)).toEqual(sent)
    await writing
    await stream.closed

    const quick = await connection.createBidirectionalStream()
    expect(quick.tryWrite(bytesOf('hello'))).toBe(5)
    quick.finish()
    const into = new Uint8Array(3)
    const parts: string[] = []
    for (let length = quick.read(into); length >= 0; length = quick.read(into)) {
      if (length === 0) await quick.whenReadable()
      else parts.push(text(into.subarray(0, length)))
    }
    expect(parts.join('')).toBe('hello')
    expect(await quick.getStats().catch(() => 'forgotten')).toBeDefined()
  }, 30_000)

  test('hands out the streams that the peer opens', async () => {
    const { connection, server } = await staged()
    const peer = await peerOf(server)
    const outgoing = await peer.createUnidirectionalStream()
    outgoing.tryWrite(bytesOf('news'))
    outgoing.finish()
    for await (const stream of connection.incomingUnidirectionalStreams) {
      expect(() => stream.writable).toThrow('receiving alone')
      expect(text(await readAll(stream.readable))).toBe('news')
      await stream.closed
      break
    }
    const served: string[] = []
    const done = new Promise<void>((resolve) => {
      connection.serve({
        stream: async (stream) => {
          served.push(text(await readAll(stream.readable)))
          stream.finish()
          resolve()
        },
      })
    })
    const asking = await peer.createBidirectionalStream()
    asking.tryWrite(bytesOf('question'))
    asking.finish()
    await done
    expect(served).toEqual(['question'])
    expect(await readAll(asking.readable)).toEqual(new Uint8Array(0))
  })

  test('holds back a writer whose peer does not read, and a peer whose page does not', async () => {
    const { connection, server } = await staged()
    const peer = await peerOf(server)
    const stream = await connection.createBidirectionalStream()
    let written = 0
    const writer = stream.writable.getWriter()
    const writing = (async () => {
      for (let turn = 0; turn < 1_000; turn++) {
        await writer.write(new Uint8Array(65_536))
        written += 65_536
      }
    })()
    writing.catch(() => {})
    for (let turn = 0, before = -1; turn < 100 && before !== written; turn++) {
      before = written
      await connection.ping()
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    expect(written).toBeLessThan(30_000_000)
    const outgoing = await peer.createUnidirectionalStream()
    let total = 0
    for (let turn = 0; turn < 40; turn++) {
      total += outgoing.tryWrite(new Uint8Array(1_000_000))
      await connection.ping()
    }
    expect(total).toBeLessThan(40_000_000)
    stream.reset(3)
    await expect(writing).rejects.toBeInstanceOf(QuicStreamError)
  }, 30_000)

  test('carries datagrams both ways', async () => {
    const { connection, server } = await staged()
    const peer = await peerOf(server)
    peer.serve({ datagram: (bytes) => void peer.datagrams.send(bytes) })
    expect(connection.datagrams.maxDatagramSize).toBeGreaterThan(1_000)
    const sent = connection.datagrams.send(bytesOf('ping'))
    expect(await sent.settled).toBe('acked')
    const reader = connection.datagrams.readable.getReader()
    expect(text((await reader.read()).value ?? new Uint8Array(0))).toBe('ping')
    const writer = connection.datagrams.writable.getWriter()
    for (let turn = 0; turn < 100; turn++) {
      await writer.write(Uint8Array.of(turn))
      expect((await reader.read()).value).toEqual(Uint8Array.of(turn))
    }
    connection.datagrams.incomingHighWaterMark = 3
    await connection.getStats()
    expect(connection.datagrams.incomingHighWaterMark).toBe(3)
    expect(() => connection.datagrams.send(new Uint8Array(70_000))).toThrow(RangeError)
  })

  test('tells of events', async () => {
    const { connection } = await staged()
    const stream = await connection.createBidirectionalStream()
    const heard = new Promise<unknown>((resolve) =>
      connection.addEventListener('deadline', (event) => resolve((event as CustomEvent).detail)),
    )
    stream.setDeadline(5, { code: 9 })
    expect(stream.deadline?.remaining).toBeLessThanOrEqual(5)
    expect(await heard).toEqual({ stream, action: 'both' })
    await expect(stream.closed).rejects.toMatchObject({ name: 'QuicStreamError', code: 9n })
  })
})

describe('errors cross with their class', () => {
  test('of streams', async () => {
    const { connection, server } = await staged()
    const peer = await peerOf(server)
    peer.serve({ stream: (stream) => stream.abort(77) })
    const stream = await connection.createBidirectionalStream()
    stream.tryWrite(new Uint8Array(1))
    const error = await readAll(stream.readable).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(QuicStreamError)
    expect(error).toMatchObject({ code: 77n, side: 'remote' })
    await expect(stream.closed).rejects.toBeInstanceOf(QuicStreamError)
    const own = await connection.createBidirectionalStream()
    own.abort(5)
    await expect(own.closed).rejects.toMatchObject({ code: 5n, side: 'local' })
    await expect(own.writable.getWriter().write(new Uint8Array(1))).rejects.toBeInstanceOf(QuicStreamError)
    expect(() => own.setDeadline(-1)).toThrow(RangeError)
    await expect(connection.createBidirectionalStream({ urgency: 9 })).rejects.toThrow(RangeError)
  })

  test('of connections', async () => {
    const { connection, server } = await staged()
    const peer = await peerOf(server)
    const stream = await connection.createBidirectionalStream()
    void peer.close({ closeCode: 12, reason: 'enough' })
    const error = await connection.closed.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(QuicApplicationError)
    expect(error).toMatchObject({ code: 12n, reason: 'enough', side: 'remote' })
    await expect(stream.closed).rejects.toBeInstanceOf(QuicApplicationError)
    await expect(connection.createBidirectionalStream()).rejects.toThrow(Error)
    await expect(connection.ping()).rejects.toThrow(Error)
  })

  test('of the handshake, with the check that failed', async () => {
    const [near, far] = pipe()
    const server = await listen(far, { alpn: ['demo'], certificate: await devCertificate() })
    ends.push(() => server.close())
    const other = await devCertificate()
    const error = await workerOf({ near })
      .connect('near', { address: 'localhost:1', alpn: ['demo'], serverCertificateHashes: [other.hash] })
      .catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(QuicTlsError)
    const causes: unknown[] = []
    for (let each = error; each instanceof Error; each = each.cause) causes.push(each)
    expect(causes).toContainEqual(expect.objectContaining({ name: 'CertificateError', check: 'pin' }))
    expect(causes.at(-1)).toBeInstanceOf(CertificateError)
  })

  test('of misuse', async () => {
    const { worker, connection } = await staged()
    const refused = worker.connect('nowhere', { alpn: ['demo'] })
    await expect(refused).rejects.toBeInstanceOf(RangeError)
    await expect(refused).rejects.toThrow('There is no transport nowhere')
    await expect(worker.connect('near', { alpn: ['demo'], verify: () => true })).rejects.toThrow(/functions do not/)
    await expect(connection.migrate('nowhere')).rejects.toThrow(RangeError)
    await expect(worker.listen('near', { alpn: ['demo'] })).rejects.toThrow('This worker is no server')
    expect(() => connection.close({ closeCode: -1 })).toThrow(RangeError)
    const [other] = pipe()
    const [unused] = pipe()
    const served = workerOf({ other, unused })
    await expect(served.connect('unused', { alpn: [] })).rejects.toThrow(TypeError)
    await expect(
      served.connect('other', { alpn: ['demo'], address: 'a:1', handshakeTimeout: 30 }),
    ).rejects.toBeInstanceOf(QuicError)
    other.close()
  })
})

test('a signal ends a wait at once, and its work in the worker', async () => {
  const [near] = pipe()
  const worker = workerOf({ near })
  const reason = new Error('changed my mind')
  const controller = new AbortController()
  const connecting = worker.connect('near', { address: 'a:1', alpn: ['demo'], signal: controller.signal })
  controller.abort(reason)
  await expect(connecting).rejects.toBe(reason)
  near.close()
  const { connection } = await staged()
  await expect(connection.ping({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
  const again = new AbortController()
  const moving = connection.migrate('near', { signal: again.signal })
  again.abort(reason)
  await expect(moving).rejects.toBe(reason)
})

test('a server in a worker', async () => {
  const [near, far] = pipe()
  const certificate = await devCertificate()
  const page = workerOf({ far }, { listen })
  const server = await page.listen('far', { alpn: ['demo'], certificate })
  const client = workerOf({ near })
  const connecting = client.connect('near', {
    address: 'localhost:1',
    alpn: ['demo'],
    serverCertificateHashes: [certificate.hash],
  })
  for await (const connection of server) {
    expect([connection.role, connection.alpn]).toEqual(['server', 'demo'])
    connection.serve({ stream: (stream) => stream.readable.pipeTo(stream.writable) })
    break
  }
  const connection = await connecting
  const stream = await connection.createBidirectionalStream()
  stream.tryWrite(bytesOf('there and back'))
  stream.finish()
  expect(text(await readAll(stream.readable))).toBe('there and back')
  expect((await server.stats()).connections).toBe(1)
  await server.close()
  await server.close()
  await expect(connection.closed).resolves.toMatchObject({ closeCode: 0n })
})

test('nothing hangs when the worker is gone', async () => {
  const [near, far] = pipe()
  const certificate = await devCertificate()
  const server = await listen(far, { alpn: ['demo'], certificate })
  ends.push(() => server.close())
  const { port1, port2 } = new MessageChannel()
  serveWorker({ transport: () => near }, port2)
  // What a `Worker` dispatches when its script fails is heard until it has answered.
  const page = new QuicWorker(port1)
  const connection = await page.connect(0, {
    alpn: ['demo'],
    address: 'a:1',
    serverCertificateHashes: [certificate.hash],
  })
  const stream = await connection.createBidirectionalStream()
  const waits = [
    connection.closed,
    stream.closed,
    stream.readable.getReader().read(),
    connection.incomingBidirectionalStreams.getReader().read(),
    connection.datagrams.readable.getReader().read(),
    connection.createBidirectionalStream({ signal: undefined }).then(() => connection.migrate(9)),
  ]
  for (const wait of waits) wait.catch(() => {})
  port1.dispatchEvent(new Event('close'))
  for (const wait of waits) await expect(wait).rejects.toBeInstanceOf(QuicWorkerError)
  expect(connection.state).toBe('closed')
  await connection.close()
  await expect(page.connect(0, { alpn: ['demo'] })).rejects.toBeInstanceOf(QuicWorkerError)
  await expect(connection.ping()).rejects.toThrow('The worker is gone: its port was closed')
  await page.close()
})

test('a carrier that dies in the worker ends the connection in the page', async () => {
  const [near, far] = pipe()
  const certificate = await devCertificate()
  const server = await listen(far, { alpn: ['demo'], certificate })
  ends.push(() => server.close())
  const worker = workerOf({ near })
  const options = { alpn: ['demo'], address: 'a:1', serverCertificateHashes: [certificate.hash] }
  const connection = await worker.connect('near', options)
  near.close()
  await expect(connection.closed).rejects.toBeInstanceOf(QuicCarrierError)
  await expect(connection.migrate('near')).rejects.toThrow(Error)
  expect(QuicMigrationError.name).toBe('QuicMigrationError')
})
