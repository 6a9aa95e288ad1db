import { describe, expect, test } from 'vitest'
import { concat, decodeUtf8, encodeUtf8 } from '../src/base/bytes.ts'
import { encodeCapsule } from '../src/base/capsule.ts'
import type { DatagramSink } from '../src/transport.ts'
import { type ByteStream, ConnectUdpError, TunnelTransport } from './byte-stream.ts'
import { cloudflareSocket } from './cloudflare-socket.ts'
import { type TransportPair, transportSuite } from './conformance.ts'

/** Two connections of bytes with each other. */
function streams(): [ByteStream, ByteStream] {
  const there = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: 64 })
  const back = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: 64 })
  return [
    { readable: back.readable, writable: there.writable },
    { readable: there.readable, writable: back.writable },
  ]
}

function attached(stream: ByteStream): TunnelTransport {
  const transport = new TunnelTransport({ proxy: 'http://proxy.example' }, () => stream)
  transport.attach(stream, stream.readable.getReader(), stream.writable.getWriter())
  // It has its peer already.
  delete transport.resolve
  return transport
}

async function pairOf(): Promise<TransportPair> {
  const [one, two] = streams()
  return { near: attached(one), far: attached(two), toFar: '', toNear: '' }
}

transportSuite('a connection of bytes', pairOf, { describe, test })

/** What a sink heard. */
class Journal implements DatagramSink {
  readonly datagrams: number[][] = []
  ends: (Error | undefined)[] = []
  datagram(bytes: Uint8Array): void {
    this.datagrams.push([...bytes])
  }
  drain(): void {}
  closed(error?: Error): void {
    this.ends.push(error)
  }
}

const UPGRADED =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: connect-udp\r\nCapsule-Protocol: ?1\r\n\r\n'

/** A proxy that answers every request with `response`, in pieces of `size` bytes, and notes what it was asked. */
function proxy(
  response: Uint8Array,
  size = response.length,
): {
  readonly asked: string[]
  readonly dialled: object[]
  connect(address: { hostname: string; port: number }, options: { secureTransport: string }): ByteStream
} {
  const asked: string[] = []
  const dialled: object[] = []
  return {
    asked,
    dialled,
    connect(address, { secureTransport }) {
      dialled.push({ ...address, secureTransport })
      const [near, far] = streams()
      const writer = far.writable.getWriter()
      void (async () => {
        const { value } = await far.readable.getReader().read()
        asked.push(decodeUtf8(value ?? new Uint8Array(0)))
        for (let at = 0; at < response.length; at += size) await writer.write(response.slice(at, at + size))
        if (response.length === 0) await writer.close()
      })().catch(() => {})
      return near
    },
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))

describe('a tunnel', () => {
  test.each([1, 7, 1000])(
    'begins with a request that RFC 9298 asks for; the answer comes in pieces of %i bytes',
    async (size) => {
      const { asked, connect, dialled } = proxy(
        concat(encodeUtf8(UPGRADED), encodeCapsule(0, Uint8Array.of(0, 5, 6))),
        size,
      )
      const transport = await cloudflareSocket({ connect, proxy: 'https://proxy.example', token: 'secret' })
      expect(await transport.resolve?.('quic.example', 443)).toEqual(['quic.example:443'])
      expect(asked).toEqual([
        'GET /.well-known/masque/udp/quic.example/443/ HTTP/1.1\r\nHost: proxy.example\r\nConnection: Upgrade\r\nUpgrade: connect-udp\r\n' +
          'Capsule-Protocol: ?1\r\nProxy-Authorization: Bearer secret\r\n\r\n',
      ])
      expect(dialled).toEqual([{ hostname: 'proxy.example', port: 443, secureTransport: 'on' }])
      const journal = new Journal()
      transport.open(journal)
      while (journal.datagrams.length === 0) await turn()
      expect(journal.datagrams).toEqual([[5, 6]])
      transport.close()
    },
  )

  test('to a target that is known is open at once, over plain TCP where the proxy is at http', async () => {
    const { connect, dialled, asked } = proxy(encodeUtf8(UPGRADED))
    const transport = await cloudflareSocket({
      connect,
      proxy: 'http://[::1]:8080/{target_host}/{target_port}',
      target: '[::2]:1',
    })
    expect(dialled).toEqual([{ hostname: '::1', port: 8080, secureTransport: 'off' }])
    expect(asked[0]).toMatch(/^GET \/%3A%3A2\/1 HTTP\/1\.1\r\nHost: \[::1\]:8080\r\n/)
    expect(transport.resolve).toBeUndefined()
    transport.close()
  })

  test('leads to one target', async () => {
    const { connect } = proxy(encodeUtf8(UPGRADED))
    const transport = await cloudflareSocket({ connect, proxy: 'http://proxy.example' })
    await transport.resolve?.('quic.example', 443)
    await expect(transport.resolve?.('other.example', 443)).rejects.toThrow(
      'This tunnel leads to quic.example:443; open another one for other.example:443',
    )
    transport.close()
  })

  test('that the proxy ends tells so', async () => {
    const [near, far] = streams()
    const transport = attached(near)
    const journal = new Journal()
    transport.open(journal)
    await far.writable.close()
    while (journal.ends.length === 0) await turn()
    expect(journal.ends).toEqual([new ConnectUdpError('The proxy ended the tunnel', 101)])
  })

  test.each([
    ['a datagram without context', Uint8Array.of(0, 0), 'A DATAGRAM capsule has no context id'],
    ['a payload longer than UDP knows', Uint8Array.of(0, 0x80, 1, 0xff, 0xff), 'A capsule of type 0x0 may have'],
  ])('over which comes %s ends', async (_name, bytes, message) => {
    const [near, far] = streams()
    const transport = attached(near)
    const journal = new Journal()
    transport.open(journal)
    far.writable
      .getWriter()
      .write(bytes)
      .catch(() => {})
    while (journal.ends.length === 0) await turn()
    expect(journal.ends[0]?.message).toContain(message)
  })
})

describe('a proxy that does not forward', () => {
  test.each([
    [
      'HTTP/1.1 403 Forbidden\r\nProxy-Status: p; error=destination_ip_prohibited\r\n\r\n',
      'The proxy refused with status 403: p; error=destination_ip_prohibited',
    ],
    ['HTTP/1.1 200 OK\r\n\r\n', 'The proxy refused with status 200'],
    [
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n',
      'The proxy upgraded to websocket, not to connect-udp',
    ],
    ['HTTP/1.1 101 Switching Protocols\r\n\r\n', 'The proxy upgraded to nothing, not to connect-udp'],
    ['SSH-2.0-OpenSSH_9.2\r\n\r\n', 'The proxy answered no HTTP/1.1: SSH-2.0-OpenSSH_9.2'],
    ['', 'The proxy closed the connection without an answer'],
    [
      `HTTP/1.1 101 Switching Protocols\r\nA: ${'a'.repeat(20_000)}`,
      "The proxy's answer has a head of over 16384 bytes",
    ],
  ])('%j is a ConnectUdpError', async (response, message) => {
    const { connect } = proxy(encodeUtf8(response))
    const failed = cloudflareSocket({ connect, proxy: 'http://proxy.example', target: 'quic.example:443' })
    await expect(failed).rejects.toThrow(message)
    await expect(failed).rejects.toBeInstanceOf(ConnectUdpError)
  })
})

test('options that are wrong are refused', async () => {
  const { connect } = proxy(encodeUtf8(UPGRADED))
  const proxyAt = 'http://proxy.example'
  await expect(cloudflareSocket({ connect, proxy: 'proxy.example' })).rejects.toThrow(TypeError)
  await expect(cloudflareSocket({ connect, proxy: 'ftp://proxy.example' })).rejects.toThrow(
    'proxy must begin with http: or https:',
  )
  await expect(cloudflareSocket({ connect, proxy: proxyAt, target: 'x' })).rejects.toThrow('target must be host:port')
  await expect(cloudflareSocket({ connect, proxy: proxyAt, maxDatagramSize: 1 })).rejects.toThrow(RangeError)
  await expect(cloudflareSocket({ connect, proxy: proxyAt, highWaterMark: 0 })).rejects.toThrow(RangeError)
  await expect(cloudflareSocket({ connect, proxy: proxyAt, target: 'a:1', token: 'a\r\nb' })).rejects.toThrow(
    'token must be visible',
  )
})
