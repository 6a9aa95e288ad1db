import { describe, expect, test } from 'vitest'
import { pipe } from '../../transports/pipe.ts'
import type { QuicConnection } from './connection.ts'
import { QuicEndpoint } from './endpoint.ts'
import { bytesOf, readAll, Stage, strays, testCertificate, writeAll } from './pipe.fixtures.ts'
import type { QuicServer } from './server.ts'

/** Sends everything back, on every stream of every connection. */
async function echo(server: QuicServer): Promise<void> {
  for await (const connection of server) void echoStreams(connection).catch(() => {})
}

async function echoStreams(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingBidirectionalStreams) {
    stream.readable.pipeTo(stream.writable).catch(() => {})
  }
}

describe('A client and a server', () => {
  test('echo what is written, on one stream after the other', async () => {
    const stage = new Stage()
    const server = await stage.listen()
    void echo(server)
    const client = await stage.environment.until(stage.connect())
    for (const length of [0, 1, 5, 5000, 200_000]) {
      const stream = await client.createBidirectionalStream()
      const written = writeAll(stream.writable, bytesOf(length))
      expect(await stage.environment.until(readAll(stream.readable))).toEqual(bytesOf(length))
      await stage.environment.until(written)
      await stage.environment.until(stream.closed)
    }
    expect(await client.getStats()).toMatchObject({ quic: { streams: [], queuedBytes: 0 } })
    await stage.environment.until(client.close())
    await stage.environment.until(server.close())
  })

  test('do so on many streams at once, under loss, reordering, duplication and corruption', async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const network = { loss: 0.1, reorder: 0.1, duplicate: 0.05, corrupt: 0.05 }
      const patient = { handshakeTimeout: 60_000, maxIdleTimeout: 60_000 }
      const stage = new Stage({ seed, network, client: patient, server: patient })
      void echo(await stage.listen())
      const client = await stage.environment.until(stage.connect())
      const all = Array.from({ length: 20 }, async (_, index) => {
        const stream = await client.createBidirectionalStream()
        void writeAll(stream.writable, bytesOf(1000 * index)).catch(() => {})
        return readAll(stream.readable)
      })
      const answers = await stage.environment.until(Promise.all(all))
      expect(answers.map(({ length }) => length)).toEqual(all.map((_, index) => 1000 * index))
      expect(answers[19]).toEqual(bytesOf(19_000))
      await stage.environment.until(client.close())
    }
  })

  test('know what TLS settled, and each other', async () => {
    const stage = new Stage({ client: { alpn: ['other', 'test'] } })
    const { client, peer } = await stage.connected()
    expect(await client.ready).toEqual({ alpn: 'test', version: 1, resumed: false, earlyDataAccepted: false })
    await stage.environment.until(Promise.all([client.handshakeConfirmed, peer.handshakeConfirmed]))
    expect([client.alpn, client.role, client.state, peer.alpn, peer.role, peer.state]).toEqual([
      'test',
      'client',
      'connected',
      'test',
      'server',
      'connected',
    ])
    expect(client.peerCertificates).toEqual(testCertificate().certificate)
    expect(peer.peerCertificates).toBe(undefined)
    expect(client.peerTransportParameters?.initialMaxData).toBe(1_048_576)
    const label = 'EXPORTER-Channel-Binding'
    expect(client.exportKeyingMaterial(label, bytesOf(2), 32)).toEqual(peer.exportKeyingMaterial(label, bytesOf(2), 32))
  })

  test('are one another’s both, on one transport each', async () => {
    const stage = new Stage()
    const [here, there] = pipe()
    const near = new QuicEndpoint(here, stage.serverOptions())
    const far = new QuicEndpoint(there, stage.serverOptions())
    const servers = [await near.listen(stage.serverOptions()), await far.listen(stage.serverOptions())]
    for (const server of servers) void echo(server)
    const { address: _, ...options } = stage.clientOptions()
    const clients = [near.connect('server.test:1', options), far.connect('server.test:1', options)]
    for (const client of clients) {
      await stage.environment.until(client.ready)
      const stream = await client.createBidirectionalStream()
      void writeAll(stream.writable, bytesOf(3000))
      expect(await stage.environment.until(readAll(stream.readable))).toEqual(bytesOf(3000))
    }
    // A server on a shared transport takes its own connections with it, and no others.
    await stage.environment.until(servers[0]?.close() ?? Promise.resolve())
    expect(clients.map(({ state }) => state)).toEqual(['connected', 'draining'])
    near.close()
    far.close()
    await stage.environment.until(Promise.allSettled(clients.map((client) => client.closed)))
  })

  test('are disposed of by `await using`, and leave nothing set', async () => {
    const stage = new Stage()
    const found = await strays(async () => {
      const { server, client, peer } = await stage.connected()
      const over = Promise.all([client.closed, peer.closed])
      await stage.environment.until(client[Symbol.asyncDispose]())
      await stage.environment.until(server[Symbol.asyncDispose]())
      expect(await over).toEqual([
        { closeCode: 0n, reason: '' },
        { closeCode: 0n, reason: '' },
      ])
      await stage.environment.pass(60_000)
      expect([client.state, peer.state, server.connections.size]).toEqual(['closed', 'closed', 0])
    })
    expect(found).toEqual([])
    expect(stage.environment.timers).toBe(0)
  })
})

describe('A stream', () => {
  test('fills the buffers of a BYOB reader, whatever their size', async () => {
    const stage = new Stage()
    void echo(await stage.listen())
    const client = await stage.environment.until(stage.connect())
    const stream = await client.createBidirectionalStream()
    void writeAll(stream.writable, bytesOf(10_000))
    const reader = stream.readable.getReader({ mode: 'byob' })
    const read: number[] = []
    for (let size = 1; ; size = (size * 3) % 1500) {
      const { done, value } = await stage.environment.until(reader.read(new Uint8Array(size + 1)))
      if (done) break
      read.push(...value)
    }
    expect(Uint8Array.from(read)).toEqual(bytesOf(10_000))
    await stage.environment.until(stream.closed)
  })

  test('hands a reader without a buffer what a burst of packets brought in a chunk or two', async () => {
    const stage = new Stage({ pipe: { maxDatagramSize: 1200 } })
    stage.environment.defersByTurns = true
    const { client, peer } = await stage.connected()
    const stream = await peer.createUnidirectionalStream()
    stream.tryWrite(bytesOf(1))
    const incoming = client.incomingUnidirectionalStreams.getReader()
    const { value: received } = await stage.environment.until(incoming.read())
    const reader = received?.readable.getReader()
    await stage.environment.until(Promise.resolve(reader?.read()))
    const before = (await client.getStats()).quic.packetsReceived
    const first = reader?.read()
    const second = reader?.read()
    stream.tryWrite(bytesOf(8000))
    stream.finish()
    const sizes = []
    for (const reading of [first, second]) {
      const chunk = await stage.environment.until(Promise.resolve(reading))
      sizes.push(chunk?.value?.length ?? 0)
    }
    // Workers lend a reader without a buffer one of 4,096 bytes; elsewhere all comes at once.
    expect([
      [8000, 0],
      [4096, 3904],
    ]).toContainEqual(sizes)
    expect((await client.getStats()).quic.packetsReceived - before).toBeGreaterThan(6)
  })

  test('is read and written without promises', async () => {
    const stage = new Stage()
    void echo(await stage.listen())
    const client = await stage.environment.until(stage.connect())
    const stream = await client.createBidirectionalStream()
    const bytes = bytesOf(300_000)
    const into = new Uint8Array(7000)
    let written = 0
    const read: Uint8Array[] = []
    for (;;) {
      if (written < bytes.length) {
        written += stream.tryWrite(bytes.subarray(written))
        if (written === bytes.length) stream.finish()
      }
      const length = stream.read(into)
      if (length < 0) break
      if (length > 0) read.push(into.slice(0, length))
      else if (written < bytes.length)
        await stage.environment.until(Promise.race([stream.whenReadable(), stream.whenWritable()]))
      else await stage.environment.until(stream.whenReadable())
    }
    expect(read.reduce((sum, { length }) => sum + length, 0)).toBe(300_000)
    expect(stream.getStats()).toMatchObject({ bytesWritten: 300_000, bytesReceived: 300_000, bytesRead: 300_000 })
    await stage.environment.until(stream.closed)
  })

  test('for one direction has the other half’s members refused', async () => {
    const stage = new Stage()
    const { client, peer } = await stage.connected()
    const stream = await client.createUnidirectionalStream()
    expect(() => stream.readable).toThrow(TypeError)
    void writeAll(stream.writable, bytesOf(10))
    const incoming = peer.incomingUnidirectionalStreams.getReader()
    const { value } = await stage.environment.until(incoming.read())
    expect(() => value?.writable).toThrow(TypeError)
    expect(value === undefined ? undefined : await stage.environment.until(readAll(value.readable))).toEqual(
      bytesOf(10),
    )
    await stage.environment.until(Promise.all([stream.closed, value?.closed]))
  })

  test('goes first if it is more urgent', async () => {
    const stage = new Stage({ server: { maxReceiveWindow: 65_536, initialMaxData: 65_536 } })
    const { client, peer } = await stage.connected()
    const order: number[] = []
    const late = await client.createUnidirectionalStream({ urgency: 7 })
    const soon = await client.createUnidirectionalStream({ urgency: 0 })
    for (const stream of [late, soon])
      void writeAll(stream.writable, bytesOf(100_000)).then(() => order.push(stream.id))
    void (async () => {
      for await (const stream of peer.incomingUnidirectionalStreams) void readAll(stream.readable)
    })()
    await stage.environment.until(Promise.all([late.closed, soon.closed]))
    expect(order).toEqual([soon.id, late.id])
    expect(() => {
      soon.priority = { urgency: 8 }
    }).toThrow(RangeError)
  })
})
