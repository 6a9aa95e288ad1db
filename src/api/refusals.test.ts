import { describe, expect, test } from 'vitest'
import { pipe } from '../../transports/pipe.ts'
import type { DatagramTransport, PathAddress } from '../transport.ts'
import { issue, TEST_TIME } from '../x509/authority.fixtures.ts'
import { CertificateError } from '../x509/certificate-error.ts'
import { MILLISECONDS_PER_DAY } from '../x509/dates.ts'
import { certificateHash } from '../x509/pins.ts'
import { connect } from './client.ts'
import { QuicEndpoint } from './endpoint.ts'
import {
  QuicAddressError,
  QuicCarrierError,
  QuicHandshakeTimeoutError,
  QuicTlsError,
  QuicTransportError,
  QuicVersionError,
} from './errors.ts'
import { rejection, Stage, strays, testCertificate } from './pipe.fixtures.ts'

const DAY = MILLISECONDS_PER_DAY
const VERSION_2 = 0x6b33_43cf

/** A transport at which names are resolved by `resolve`, and that carries nothing. */
function resolving(resolve: (host: string, port: number) => Promise<readonly PathAddress[]>): DatagramTransport {
  const [near] = pipe()
  return new Proxy(near, {
    get: (target, key) => {
      if (key === 'resolve') return resolve
      const value = Reflect.get(target, key)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

describe('An address', () => {
  test.each([
    ['has no entry', () => Promise.reject(new Error('getaddrinfo ENOTFOUND')), 'ENOTFOUND'],
    ['has no address', () => Promise.resolve([]), 'The name has no address'],
  ] as const)('that %s rejects `ready`, and everything else that waits', async (_, resolve, words) => {
    const stage = new Stage()
    const found = await strays(async () => {
      const error = await rejection(
        stage.environment.until(connect(resolving(resolve), stage.clientOptions({ address: 'nowhere.test:1' }))),
      )
      expect(error).toBeInstanceOf(QuicAddressError)
      expect((error as Error).message).toContain(`Cannot connect to nowhere.test:1: `)
      expect((error as Error).message).toContain(words)
      const endpoint = new QuicEndpoint(resolving(resolve), stage.clientOptions())
      const { address: _address, ...options } = stage.clientOptions()
      const connection = endpoint.connect('nowhere.test:1', options)
      const waiting = [
        connection.ready,
        connection.closed,
        connection.handshakeConfirmed,
        connection.earlyDataAccepted,
        connection.getStats(),
        connection.createBidirectionalStream(),
      ]
      for (const result of await stage.environment.until(Promise.allSettled(waiting))) {
        expect(result).toMatchObject({ status: 'rejected', reason: expect.any(QuicAddressError) })
      }
      expect(connection.state).toBe('closed')
    })
    expect(found).toEqual([])
  })

  test('that is never resolved is given up with the handshake timeout', async () => {
    const stage = new Stage({ client: { handshakeTimeout: 2000 } })
    const begin = stage.environment.now()
    const never = resolving(() => new Promise(() => {}))
    const error = await rejection(
      stage.environment.until(connect(never, stage.clientOptions({ address: 'slow.test:1' }))),
    )
    expect(error).toBeInstanceOf(QuicAddressError)
    expect(stage.environment.now() - begin).toBe(2000)
  })

  test.each([
    '',
    'host',
    ':1',
    'host:0',
    'host:65536',
    'host:http',
    '::1:443',
    '[::1]',
    'user@host:1',
    'http://host:1',
  ])('of the form %j is a TypeError', async (address) => {
    const stage = new Stage()
    const error = await rejection(
      connect(
        resolving(async () => ['']),
        stage.clientOptions({ address }),
      ),
    )
    expect(error).toBeInstanceOf(TypeError)
    expect((error as Error).message).toBe(`address must be host:port, IPv6 in brackets, got ${address}`)
  })
})

describe('A server’s certificate', () => {
  const otherRoot = issue({ subject: 'Other Root', ca: true })
  //= rfc9001#4.8-p3-1
  test.each([
    [
      'that has expired',
      { notBefore: TEST_TIME - 9 * DAY, notAfter: TEST_TIME - DAY },
      {},
      45,
      'expired on 2026-05-31',
    ],
    [
      'that is not valid yet',
      { notBefore: TEST_TIME + DAY, notAfter: TEST_TIME + 2 * DAY },
      {},
      45,
      'not valid before',
    ],
    ['for another name', { names: ['b.test'] }, {}, 42, 'name "server.test" is not in [b.test]'],
    ['of an authority that is not trusted', { issuer: otherRoot }, {}, 48, 'no trust anchor'],
    ['of nobody that is trusted', {}, { ca: [] }, 48, 'no trust anchor'],
    ['that may not sign', { keyUsage: 1 << 2 }, {}, 43, 'key usage'],
    [
      'that fits no pin',
      {},
      { serverCertificateHashes: [{ algorithm: 'sha-256', value: new Uint8Array(32) }] },
      46,
      'fits no pin',
    ],
    ['whose key fits no pin', {}, { spkiPins: [new Uint8Array(32)] }, 46, 'fits no pin'],
  ] as const)('%s rejects `ready`, and tells both sides why', async (_, issued, options, alert, words) => {
    const stage = new Stage({ server: { certificate: testCertificate(issued) } })
    const server = await stage.listen()
    const incoming = server.incoming[Symbol.asyncIterator]()
    const connecting = stage.connect(options)
    const { value } = await stage.environment.until(incoming.next())
    const peer = value.accept()
    const error = await rejection(stage.environment.until(connecting))
    expect(error).toBeInstanceOf(QuicTlsError)
    expect(error).toMatchObject({ side: 'local', alert, code: BigInt(0x100 + alert), frameType: 6n })
    expect((error as Error).message).toContain(words)
    const remote = await rejection(stage.environment.until(peer.ready))
    expect(remote).toBeInstanceOf(QuicTlsError)
    expect(remote).toMatchObject({ side: 'remote', alert, code: BigInt(0x100 + alert) })
    await stage.environment.until(server.close())
  })

  test('is believed by its pin, whatever its name and issuer', async () => {
    const leaf = issue({ subject: 'pinned', issuer: otherRoot, names: ['elsewhere.test'] })
    const stage = new Stage({ server: { certificate: { certificate: leaf.der, privateKey: leaf.signer } } })
    await stage.listen()
    const value = certificateHash(leaf.der)
    const client = await stage.environment.until(
      stage.connect({ serverCertificateHashes: [{ algorithm: 'sha-256', value }] }),
    )
    expect(client.state).toBe('connected')
  })

  test('does not matter to those who say so, with one word', async () => {
    const stage = new Stage({ server: { certificate: testCertificate({ issuer: otherRoot }) } })
    await stage.listen()
    expect((await stage.environment.until(stage.connect({ verify: 'insecure' }))).state).toBe('connected')
    const wrong: object = { verify: 'none' }
    await expect(new Stage().connect(wrong)).rejects.toThrow(
      new TypeError("verify must be 'insecure' or a function, got none"),
    )
  })

  test('is chosen by the name that the client asks for', async () => {
    const names = ['a.test', 'b.test', 'c.test']
    for (const name of names) {
      const certificate = names.map((each) => testCertificate({ subject: each, names: [each] }))
      const stage = new Stage({ server: { certificate }, client: { serverName: name } })
      await stage.listen()
      const client = await stage.environment.until(stage.connect())
      expect(client.peerCertificates).toEqual(certificate[names.indexOf(name)]?.certificate)
    }
  })
})

describe('A handshake', () => {
  test('without a common protocol ends in no_application_protocol', async () => {
    const stage = new Stage({ client: { alpn: ['one', 'two'] }, server: { alpn: ['three'] } })
    await stage.listen()
    const error = await rejection(stage.environment.until(stage.connect()))
    expect(error).toBeInstanceOf(QuicTlsError)
    expect(error).toMatchObject({ side: 'remote', alert: 120, code: 0x178n })
  })

  test('that the server refuses ends in CONNECTION_REFUSED', async () => {
    const stage = new Stage({ server: { limits: { maxConnections: 0 } } })
    await stage.listen()
    const begin = stage.environment.now()
    const error = await rejection(stage.environment.until(stage.connect()))
    expect(error).toBeInstanceOf(QuicTransportError)
    expect(error).toMatchObject({ side: 'remote', code: 2n })
    expect((error as Error).message).toContain('CONNECTION_REFUSED')
    expect(stage.environment.now()).toBe(begin)
  })

  test('that nobody answers is given up in time, and not before', async () => {
    const stage = new Stage({ client: { handshakeTimeout: 1234 } })
    const begin = stage.environment.now()
    const error = await rejection(stage.environment.until(stage.connect()))
    expect(error).toBeInstanceOf(QuicHandshakeTimeoutError)
    expect((error as Error).message).toContain('within 1234 ms')
    expect(stage.environment.now() - begin).toBe(1234)
  })

  test('with a server of other versions ends in a QuicVersionError', async () => {
    const stage = new Stage({ client: { versions: [1] }, server: { versions: [VERSION_2] } })
    await stage.listen()
    const error = await rejection(stage.environment.until(stage.connect()))
    expect(error).toBeInstanceOf(QuicVersionError)
    expect(error).toMatchObject({ supported: expect.arrayContaining([VERSION_2]) })
  })

  test('whose transport is closed ends in a QuicCarrierError', async () => {
    const stage = new Stage()
    const connecting = stage.connect()
    stage.near.close()
    const error = await rejection(stage.environment.until(connecting))
    expect(error).toBeInstanceOf(QuicCarrierError)
  })

  test('over a transport that is closed already rejects as well', async () => {
    const stage = new Stage()
    stage.near.close()
    await expect(stage.environment.until(stage.connect())).rejects.toThrow('closed')
  })
})

describe('Wrong options', () => {
  test.each([
    ['alpn is missing', { alpn: [] }, TypeError, 'alpn must be an array of at least one protocol name'],
    ['a key is unknown', { maxIdleTimout: 1 }, TypeError, 'Unknown connection option maxIdleTimout'],
    ['a number is out of bounds', { maxIdleTimeout: -1 }, RangeError, 'maxIdleTimeout must be an integer from 0'],
    ['a suite is unknown', { cipherSuites: ['TLS_NULL'] }, RangeError, 'cipherSuites names TLS_NULL'],
    ['a certificate is no text', { ca: 'nonsense' }, CertificateError, 'PEM holds no certificate'],
  ] as const)('reject at once: %s', async (_, options, kind, words) => {
    const stage = new Stage()
    const error = await rejection(stage.connect(options as object))
    expect(error).toBeInstanceOf(kind)
    expect((error as Error).message).toContain(words)
  })

  test('of a server reject at once', async () => {
    for (const [options, words] of [
      [{ certificate: [] }, 'at least one certificate'],
      [{ certificate: { certificate: 'x', privateKey: 'y' } }, 'PEM'],
      [{ limits: { maxThings: 1 } }, 'Unknown limit maxThings'],
    ] as const) {
      const stage = new Stage()
      const wrong: object = options
      expect(((await rejection(stage.listen(wrong))) as Error).message).toContain(words)
    }
  })
})
