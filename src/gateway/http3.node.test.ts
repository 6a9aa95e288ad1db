import { afterEach, describe, expect, test, vi } from 'vitest'
import { type MasqueOptions, masque } from '../../transports/masque.ts'
import { type UdpOptions, udp } from '../../transports/udp.ts'
import { connect } from '../api/client.ts'
import { type DevCertificate, devCertificate } from '../api/dev.ts'
import type { ConnectOptions } from '../api/endpoint-core.ts'
import { Http3Client } from '../api/http3/client.ts'
import { Http3ConnectError } from '../api/http3/client-tunnel.ts'
import { listen, type QuicServer } from '../api/server.ts'
import { initialPacket, Target } from './gateway.fixtures.ts'
import { type GatewayServer, type GatewayServerOptions, serveGateway } from './server.ts'
import { createToken } from './token.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

interface Setting {
  readonly gateway: GatewayServer
  readonly client: Http3Client
  readonly hash: DevCertificate['hash']
  readonly proxy: string
}

/** A gateway over HTTP/3, and a client that trusts it. */
async function setting(options: Partial<GatewayServerOptions>): Promise<Setting> {
  const certificate = await devCertificate()
  const gateway = await serveGateway({
    port: 0,
    http3: true,
    tls: { key: certificate.privateKey, certificate: certificate.certificate },
    ...options,
  })
  const client = new Http3Client({ serverCertificateHashes: [certificate.hash] })
  closing.push(
    () => gateway.close(),
    () => client.close(),
  )
  return { gateway, client, hash: certificate.hash, proxy: `https://127.0.0.1:${gateway.port}` }
}

/** A QUIC server that sends back what it gets. */
async function echoServer(): Promise<{ readonly server: QuicServer; readonly options: ConnectOptions }> {
  const certificate = await devCertificate()
  const server = await listen(await udp({ host: '127.0.0.1' }), { alpn: ['echo'], certificate })
  const echo = async (): Promise<void> => {
    for await (const connection of server) {
      connection.serve({
        stream: (stream) => void stream.readable.pipeTo(stream.writable).catch(() => {}),
        datagram: (bytes) => void connection.datagrams.send(bytes),
      })
    }
  }
  echo().catch(() => {})
  closing.push(() => server.close())
  return { server, options: { alpn: ['echo'], serverCertificateHashes: [certificate.hash] } }
}

/** Sends `length` bytes through a stream of a connection over `transport`, and reads them back. */
async function roundTrip(
  transport: Awaited<ReturnType<typeof masque>>,
  server: QuicServer,
  options: ConnectOptions,
  length: number,
): Promise<number> {
  const connection = await connect(transport, { ...options, address: server.address })
  const stream = await connection.createBidirectionalStream()
  const content = Uint8Array.from({ length }, (_, index) => index)
  const writing = new Blob([content]).stream().pipeTo(stream.writable)
  let at = 0
  for await (const chunk of stream.readable as unknown as AsyncIterable<Uint8Array>) {
    for (const byte of chunk) if (byte !== (at++ & 0xff)) throw new Error(`byte ${at - 1} is ${byte}`)
  }
  await writing
  await connection.close()
  return at
}

async function tunnel(
  { client, proxy }: Setting,
  options: Partial<MasqueOptions> = {},
): Promise<Awaited<ReturnType<typeof masque>>> {
  return masque({ proxy, client, ...options })
}

describe('CONNECT-UDP over HTTP/3', () => {
  test('carries a whole connection to a QUIC server', async () => {
    const { server, options } = await echoServer()
    const to = await setting({ allow: [server.address] })
    expect(await roundTrip(await tunnel(to), server, options, 300_000)).toBe(300_000)
    expect(to.gateway.counters).toMatchObject({ flows: 1 })
    expect(to.gateway.counters.datagramsUp).toBeGreaterThan(200)
  })

  test('goes through one gateway to the next', async () => {
    const { server, options } = await echoServer()
    const far = await setting({ allow: [server.address] })
    const near = await setting({ allow: [`127.0.0.1:${far.gateway.port}`] })
    const client = new Http3Client({ serverCertificateHashes: [far.hash], transport: () => tunnel(near) })
    closing.push(() => client.close())
    expect(await roundTrip(await tunnel({ ...far, client }), server, options, 50_000)).toBe(50_000)
    expect([near.gateway.counters.flows, far.gateway.counters.flows]).toEqual([1, 1])
  })

  test('tells why it refuses', async () => {
    const to = await setting({ allow: ['127.0.0.1:9'] })
    const error = await tunnel(to, { target: '127.0.0.1:10' }).catch((each: unknown) => each)
    expect(error).toMatchObject({ name: 'ConnectUdpError', status: 403 })
    expect(error).toMatchObject({ proxyStatus: expect.stringMatching(/destination/) })
    const other = await to.client.connect(`${to.proxy}/`, { protocol: 'websocket' }).catch((each: unknown) => each)
    expect(other).toBeInstanceOf(Http3ConnectError)
    expect(other).toMatchObject({ status: 501 })
  })

  test('asks for a token where the gateway has a key', async () => {
    const target = await Target.start()
    closing.push(() => target.stop())
    const tokenKey = new Uint8Array(32).fill(5)
    const to = await setting({ allow: [`127.0.0.1:${target.port}`], tokenKey })
    const address = `127.0.0.1:${target.port}`
    expect(await tunnel(to, { target: address }).catch((each: unknown) => each)).toMatchObject({ status: 407 })
    const token = createToken(tokenKey, { expires: Date.now() + 60_000, subject: 'test' })
    const transport = await tunnel(to, { target: address, token })
    const heard = new Promise<Uint8Array>((resolve) => {
      transport.open({ datagram: (bytes) => resolve(bytes.slice()), drain: () => {}, closed: () => {} })
    })
    transport.send(initialPacket(3), '', 0)
    expect(await heard).toEqual(initialPacket(3))
    transport.close()
  })

  test('ends the transport when the gateway ends', async () => {
    const target = await Target.start()
    closing.push(() => target.stop())
    const to = await setting({ allow: [`127.0.0.1:${target.port}`] })
    const transport = await tunnel(to, { target: `127.0.0.1:${target.port}` })
    const ended = new Promise<Error | undefined>((resolve) => {
      transport.open({ datagram: () => {}, drain: () => {}, closed: resolve })
    })
    await to.gateway.close()
    expect(await ended).toBeInstanceOf(Error)
  })

  test('takes another port where the system chose one that is taken for UDP', async () => {
    let binds = 0
    const taken = Object.assign(new Error('bind EADDRINUSE'), { code: 'EADDRINUSE' })
    vi.doMock('../../transports/udp.ts', async (importReal) => {
      const real = await importReal<{ readonly udp: typeof udp }>()
      return { ...real, udp: (options: UdpOptions) => (++binds < 3 ? Promise.reject(taken) : real.udp(options)) }
    })
    closing.push(() => vi.doUnmock('../../transports/udp.ts'))
    const target = await Target.start()
    closing.push(() => target.stop())
    const to = await setting({ allow: [`127.0.0.1:${target.port}`] })
    expect(binds).toBe(3)
    const transport = await tunnel(to, { target: `127.0.0.1:${target.port}` })
    transport.close()
  })

  test('leaves the port alone where it cannot have it for both', async () => {
    const socket = await udp({ host: '127.0.0.1' })
    closing.push(() => socket.close())
    const { port } = socket
    await expect(setting({ port, allow: ['localhost:1'] })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    const { certificate, privateKey } = await devCertificate()
    const tls = { certificate, key: privateKey }
    const gateway = await serveGateway({ port, tls, allow: ['localhost:1'] })
    expect(gateway.port).toBe(port)
    await gateway.close()
  })

  test('needs a certificate', async () => {
    await expect(serveGateway({ port: 0, allow: ['localhost:1'], http3: true })).rejects.toThrow(/tls/)
  })
})
