import { describe, expect, test } from 'vitest'
import { pipe } from '../../transports/pipe.ts'
import type { DatagramSink, DatagramTransport } from '../transport.ts'
import { connect } from './client.ts'
import type { QuicConnection } from './connection.ts'
import { devCertificate } from './dev.ts'
import { QuicEndpoint } from './endpoint.ts'
import { QuicCarrierError, QuicHandshakeTimeoutError, QuicStreamError } from './errors.ts'
import { listen, type QuicServer } from './server.ts'

/** A server and a client that are connected, and the server's end of the connection. */
async function connected(options: { client?: object; server?: object } = {}): Promise<{
  client: QuicConnection
  server: QuicServer
  peer: QuicConnection
  close: () => Promise<void>
}> {
  const [near, far] = pipe()
  const certificate = await devCertificate()
  const server = await listen(far, { alpn: ['x'], certificate, ...options.server })
  const arriving = server[Symbol.asyncIterator]().next()
  const client = await connect(near, {
    alpn: ['x'],
    serverCertificateHashes: [certificate.hash],
    ...options.client,
  })
  const { value: peer } = (await arriving) as { value: QuicConnection }
  return {
    client,
    server,
    peer,
    close: async () => {
      await client.close()
      await server.close()
    },
  }
}

/** A transport that takes nothing any more from the moment it is told. */
function stuck(transport: DatagramTransport): { transport: DatagramTransport; stick: () => void } {
  let isStuck = false
  return {
    transport: {
      maxDatagramSize: transport.maxDatagramSize,
      localAddress: transport.localAddress,
      properties: transport.properties,
      open: (sink: DatagramSink) => transport.open(sink),
      send: (bytes, to, ecn) => !isStuck && transport.send(bytes, to, ecn),
      close: () => transport.close(),
    },
    stick: () => {
      isStuck = true
    },
  }
}

describe('What waits', () => {
  test('an abort settles a write that waits for credit, and resets the stream', async () => {
    const { client, peer, close } = await connected({
      server: { initialMaxStreamDataUni: 1000, maxReceiveWindow: 1000 },
    })
    const stream = await client.createUnidirectionalStream()
    const writer = stream.writable.getWriter()
    const write = writer.write(new Uint8Array(1_000_000))
    const [incoming] = await Promise.all([peer.incomingUnidirectionalStreams.getReader().read()])
    await writer.abort(9)
    await expect(write).rejects.toBeDefined()
    await expect(stream.closed).rejects.toBeInstanceOf(QuicStreamError)
    await expect(incoming.value?.readable.getReader().closed).rejects.toMatchObject({ code: 9n })
    await close()
  })

  test('whenWritable fulfils after writes that filled the buffer to the brim', async () => {
    const { client, peer, close } = await connected()
    const stream = await client.createUnidirectionalStream()
    while (stream.tryWrite(new Uint8Array(65_536)) === 65_536);
    const waiting = stream.whenWritable()
    const { value: incoming } = await peer.incomingUnidirectionalStreams.getReader().read()
    void incoming?.readable.pipeTo(new WritableStream()).catch(() => {})
    await waiting
    expect(stream.tryWrite(new Uint8Array(1))).toBe(1)
    await close()
  })

  test('whenReadable fulfils for the end of a stream without bytes', async () => {
    const { client, peer, close } = await connected()
    const stream = await client.createUnidirectionalStream()
    stream.finish()
    const { value: incoming } = await peer.incomingUnidirectionalStreams.getReader().read()
    await incoming?.whenReadable()
    expect(incoming?.read(new Uint8Array(1))).toBe(-1)
    await incoming?.closed
    await close()
  })

  test('closed fulfils with the last bytes, before anybody reads the end', async () => {
    const { client, peer, close } = await connected()
    const stream = await client.createUnidirectionalStream()
    stream.tryWrite(new Uint8Array(3))
    stream.finish()
    const { value: incoming } = await peer.incomingUnidirectionalStreams.getReader().read()
    await stream.closed
    await incoming?.whenReadable()
    expect(incoming?.read(new Uint8Array(10))).toBe(3)
    await incoming?.closed
    expect(incoming?.read(new Uint8Array(10))).toBe(-1)
    await close()
  })

  test('the iteration over a server ends when its transport is closed', async () => {
    const [, far] = pipe()
    const server = await listen(far, { alpn: ['x'], certificate: await devCertificate() })
    const next = server[Symbol.asyncIterator]().next()
    far.close()
    expect((await next).done).toBe(true)
  })

  test('the handshake times out over a transport that is full for ever', async () => {
    const [near] = pipe()
    const { transport, stick } = stuck(near)
    stick()
    const failed = connect(transport, { alpn: ['x'], verify: 'insecure', handshakeTimeout: 50 })
    await expect(failed).rejects.toBeInstanceOf(QuicHandshakeTimeoutError)
  })

  test('an endpoint whose transport is closed says so at once', async () => {
    const [near] = pipe()
    const endpoint = new QuicEndpoint(near)
    endpoint.close()
    await Promise.resolve()
    await new Promise((resolve) => setTimeout(resolve, 0))
    const connection = endpoint.connect('192.0.2.1:1', { alpn: ['x'], verify: 'insecure' })
    await expect(connection.ready).rejects.toBeInstanceOf(QuicCarrierError)
  })
})

describe('A key update', () => {
  test('fulfils when the peer has acknowledged a packet under the new keys, with nothing else to send', async () => {
    const { client, peer, close } = await connected()
    await Promise.all([client.handshakeConfirmed, peer.handshakeConfirmed])
    const stream = await client.createUnidirectionalStream()
    await stream.close()
    await client.updateKeys()
    expect(client.state).toBe('connected')
    await close()
  })

  test('that is under way when the connection ends rejects', async () => {
    const { client, close } = await connected()
    await client.handshakeConfirmed
    const stream = await client.createUnidirectionalStream()
    await stream.close()
    const update = client.updateKeys()
    void client.close()
    await expect(update).rejects.toBeDefined()
    await close()
  })
})

describe('What the application gives', () => {
  test('groups that the engine does not have are refused before anybody connects', async () => {
    const [near] = pipe()
    const certificate = await devCertificate()
    await expect(connect(near, { alpn: ['x'], groups: [9], verify: 'insecure' })).rejects.toBeInstanceOf(RangeError)
    await expect(listen(pipe()[0], { alpn: ['x'], certificate, groups: [9] })).rejects.toBeInstanceOf(RangeError)
  })

  test('an observer that throws as a connection comes costs that connection alone', async () => {
    const [near, far] = pipe()
    const certificate = await devCertificate()
    let calls = 0
    const server = await listen(far, {
      alpn: ['x'],
      certificate,
      observer: () => {
        calls += 1
        if (calls === 1) throw new Error('not this one')
        return undefined
      },
    })
    // The first Initial is lost to the observer, the client sends another.
    const client = await connect(near, { alpn: ['x'], serverCertificateHashes: [certificate.hash] })
    expect(calls).toBe(2)
    await client.close()
    await server.close()
  })

  test('an urgency that is none opens no stream', async () => {
    const { client, peer, close } = await connected()
    await expect(client.createUnidirectionalStream({ urgency: 99 })).rejects.toBeInstanceOf(RangeError)
    const stream = await client.createUnidirectionalStream({ urgency: 1 })
    expect(stream.id).toBe(2)
    expect(peer.state).toBe('connected')
    await close()
  })
})

describe('What nobody takes', () => {
  test('streams that were reset before they were taken are forgotten', async () => {
    const { client, peer, close } = await connected()
    for (let round = 0; round < 20; round++) {
      const stream = await client.createUnidirectionalStream()
      stream.tryWrite(new Uint8Array(1))
      stream.reset(1)
      await stream.closed.catch(() => {})
    }
    const last = await client.createUnidirectionalStream()
    last.tryWrite(new Uint8Array(1))
    // What was written is acknowledged after all that came before it was heard.
    while (last.getStats().bytesAcknowledged === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    const first = await peer.incomingUnidirectionalStreams.getReader().read()
    expect(first.value?.id).toBe(last.id)
    await close()
  })
})
