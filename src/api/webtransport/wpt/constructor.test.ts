/** The constructor's checks (W3C WebTransport §6.2), and what an object has at once. */
import { describe, expect, test } from 'vitest'
import { WebTransport } from '../client.ts'
import type { WebTransportOptions } from '../options.ts'
import { SessionStage } from '../stage.fixtures.ts'

const transport = (): never => {
  throw new Error('not to be asked')
}

function thrown(url: string, options: object = { transport }): unknown {
  try {
    new WebTransport(url, options as WebTransportOptions)
  } catch (error) {
    return error
  }
  return undefined
}

describe('a URL that cannot be used is a SyntaxError', () => {
  test.each([
    ['relative to nothing', 'https://'],
    ['without a scheme', '//:0'],
    ['of HTTP', 'http://example.com/'],
    ['of WebSocket', 'wss://example.com/'],
    ['of a script', 'quic-transport://example.com/'],
    ['with a fragment', 'https://example.com/#failing'],
    ['with an empty fragment', 'https://example.com/#'],
    ['with a port that is none', 'https://example.com:999999/'],
    ['with half an address', 'https://[::1/'],
  ])('%s', (_, url) => {
    expect(thrown(url)).toMatchObject({ name: 'SyntaxError' })
    expect(thrown(url)).toBeInstanceOf(DOMException)
  })
})

describe('protocols that cannot be used are a SyntaxError', () => {
  test.each([
    ['the same twice', ['a', 'b', 'a']],
    ['an empty one', ['']],
    ['one of more than 512 bytes', ['x'.repeat(513)]],
    ['one with a line feed', ['a\nb']],
    ['one beyond ASCII', ['schön']],
  ])('%s', (_, protocols) => {
    expect(thrown('https://example.com/', { transport, protocols })).toMatchObject({ name: 'SyntaxError' })
  })

  test('512 bytes are not too many', () => {
    expect(thrown('https://example.com/', { transport, protocols: ['x'.repeat(512), 'a b "c" \\'] })).toBeUndefined()
  })
})

test('hashes do not go with a connection that is shared', () => {
  const serverCertificateHashes = [{ algorithm: 'sha-256', value: new Uint8Array(32) }]
  const error = thrown('https://example.com/', { transport, serverCertificateHashes, allowPooling: true })
  expect(error).toMatchObject({ name: 'NotSupportedError' })
  expect(thrown('https://example.com/', { transport, serverCertificateHashes: [], allowPooling: true })).toBeUndefined()
})

describe('a value of the wrong type is a TypeError', () => {
  test.each<[string, object]>([
    ['options that are no object', Object('x').valueOf()],
    ['a transport that is none', { transport: 7 }],
    ['a hash without a value', { transport, serverCertificateHashes: [{ algorithm: 'sha-256' }] }],
    ['a hash without an algorithm', { transport, serverCertificateHashes: [{ value: new Uint8Array(32) }] }],
    ['a preference that is none', { transport, congestionControl: 'fast' }],
    ['a readable type that is none', { transport, datagramsReadableType: 'default' }],
    ['a negative number of streams', { transport, anticipatedConcurrentIncomingUnidirectionalStreams: -1 }],
    ['too large a number of streams', { transport, anticipatedConcurrentIncomingBidirectionalStreams: 65_536 }],
    ['a header that is none', { transport, headers: { 'a b': 'c' } }],
    ['the header that is an option', { transport, headers: { 'WT-Available-Protocols': '"a"' } }],
  ])('%s', (_, options) => {
    expect(thrown('https://example.com/', options)).toBeInstanceOf(TypeError)
  })
})

test('an object has its members at once, and says that it is pending', async () => {
  const stage = new SessionStage()
  const session = stage.begin({ anticipatedConcurrentIncomingUnidirectionalStreams: 7 })
  expect(session.reliability).toBe('pending')
  expect(session.congestionControl).toBe('default')
  expect(session.protocol).toBe('')
  expect(session.responseHeaders).toBeNull()
  expect(session.anticipatedConcurrentIncomingUnidirectionalStreams).toBe(7)
  expect(session.anticipatedConcurrentIncomingBidirectionalStreams).toBeNull()
  session.anticipatedConcurrentIncomingBidirectionalStreams = 9
  expect(session.anticipatedConcurrentIncomingBidirectionalStreams).toBe(9)
  expect(() => {
    session.anticipatedConcurrentIncomingBidirectionalStreams = 70_000
  }).toThrow(TypeError)
  for (const promise of [session.ready, session.closed, session.draining]) expect(promise).toBeInstanceOf(Promise)
  expect(session.incomingBidirectionalStreams).toBeInstanceOf(ReadableStream)
  expect(session.incomingUnidirectionalStreams).toBe(session.incomingUnidirectionalStreams)
  expect(session.datagrams).toBe(session.datagrams)
  expect(session.datagrams.readable).toBeInstanceOf(ReadableStream)
  expect(session.datagrams.maxDatagramSize).toBe(1024)
  expect(WebTransport.supportsReliableOnly).toBe(true)
  session.close()
})

test('a preference for throughput is satisfied, one for low latency is not', () => {
  const stage = new SessionStage()
  const [one, other] = [
    new WebTransport('https://server.test/', { transport, congestionControl: 'throughput' }),
    new WebTransport('https://server.test/', { transport, congestionControl: 'low-latency' }),
  ]
  expect([one.congestionControl, other.congestionControl]).toEqual(['throughput', 'default'])
  expect(stage.near.maxDatagramSize).toBeGreaterThan(0)
})
