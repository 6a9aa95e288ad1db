import { createSocket, type Socket } from 'node:dgram'
import { afterAll, describe, expect, test } from 'vitest'
import { udp } from '../../transports/udp.ts'
import { connect } from './client.ts'
import type { QuicConnection } from './connection.ts'
import { devCertificate } from './dev.ts'
import { bytesOf, readAll, writeAll } from './pipe.fixtures.ts'
import { type ListenOptions, listen, type QuicServer } from './server.ts'

const HOST = '127.0.0.1'
const certificate = await devCertificate()
const closers: (() => unknown)[] = []

afterAll(async () => {
  for (const close of closers.reverse()) await close()
})

async function serve(options: Partial<ListenOptions> = {}): Promise<QuicServer> {
  const server = await listen(await udp({ host: HOST }), { alpn: ['echo'], certificate, ...options })
  closers.push(() => server.close())
  void (async () => {
    for await (const connection of server) void echo(connection)
  })()
  return server
}

async function echo(connection: QuicConnection): Promise<void> {
  for await (const { readable, writable } of connection.incomingBidirectionalStreams) {
    readable.pipeTo(writable).catch(() => {})
  }
}

async function dial(address: string, local = HOST): Promise<QuicConnection> {
  const connection = await connect(await udp({ host: local }), {
    address,
    alpn: ['echo'],
    serverCertificateHashes: [certificate.hash],
    keepAlive: 100,
  })
  closers.push(() => connection.close())
  await connection.handshakeConfirmed
  return connection
}

/** Sends `length` bytes and gets them back, whole. */
async function exchange(connection: QuicConnection, length: number): Promise<void> {
  const stream = await connection.createBidirectionalStream()
  const [back] = await Promise.all([readAll(stream.readable), writeAll(stream.writable, bytesOf(length))])
  expect(back).toEqual(bytesOf(length))
}

/** The ids that paths need come with the confirmation, or a little later. */
async function eventually(attempt: () => Promise<void>): Promise<void> {
  for (let tries = 0; tries < 50; tries++) {
    try {
      return await attempt()
    } catch (error) {
      if ((error as { failure?: string }).failure !== 'no-connection-id') throw error
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  throw new Error('The server issued no connection id')
}

describe('Over real UDP', () => {
  test('a client moves from socket to socket, also of another address, in the middle of a transfer', async () => {
    const server = await serve()
    const connection = await dial(server.address)
    const transfer = exchange(connection, 3_000_000)
    for (const host of ['127.0.0.1', '127.0.0.2', '127.0.0.1']) {
      const transport = await udp({ host })
      await eventually(() => connection.migrate(transport))
      expect(connection.localAddress).toBe(transport.localAddress)
      const [peer] = server.connections
      await exchange(connection, 1000)
      expect(peer?.remoteAddress).toBe(transport.localAddress)
    }
    await transfer
  }, 20_000)

  test('a spare takes over when a socket goes', async () => {
    const server = await serve()
    const first = await udp({ host: HOST })
    const connection = await connect(first, {
      address: server.address,
      alpn: ['echo'],
      serverCertificateHashes: [certificate.hash],
    })
    closers.push(() => connection.close())
    await connection.handshakeConfirmed
    const spare = await udp({ host: '127.0.0.2' })
    await eventually(() => connection.addPath(spare))
    expect(connection.paths.map(({ state }) => state)).toEqual(['active', 'spare'])
    const transfer = exchange(connection, 1_000_000)
    first.close()
    await transfer
    expect(connection.localAddress).toBe(spare.localAddress)
  }, 20_000)

  test('a client goes to the preferred address of the server, unless it is told not to', async () => {
    const transport = await udp({ host: '127.0.0.3' })
    const server = await serve({ preferredAddress: { transport } })
    const connection = await dial(server.address)
    const moved = new Promise((resolve) => connection.addEventListener('pathchange', resolve))
    if (connection.remoteAddress === server.address) await moved
    expect(connection.remoteAddress).toBe(transport.localAddress)
    await exchange(connection, 100_000)
    const [peer] = server.connections
    expect(peer?.localAddress).toBe(transport.localAddress)
    const stubborn = await connect(await udp({ host: HOST }), {
      address: server.address,
      alpn: ['echo'],
      serverCertificateHashes: [certificate.hash],
      preferredAddressPolicy: 'ignore',
    })
    closers.push(() => stubborn.close())
    await exchange(stubborn, 1000)
    expect(stubborn.remoteAddress).toBe(server.address)
    expect(stubborn.peerTransportParameters?.preferredAddress?.ipv4).toBe(transport.localAddress)
  }, 20_000)

  test('a preferred address that is none is refused before anything happens', async () => {
    for (const preferredAddress of [{ ipv4: 'example.org:1' }, { ipv4: '127.0.0.1' }, { ipv6: '127.0.0.1:5' }]) {
      const transport = await udp({ host: HOST })
      await expect(serve({ preferredAddress: { transport, ...preferredAddress } })).rejects.toThrow(TypeError)
    }
    await expect(serve({ preferredAddress: { transport: await udp() } })).rejects.toThrow('ipv4 or ipv6')
  })

  test('a connection survives a NAT that gives it another port again and again', async () => {
    const server = await serve()
    const nat = await Nat.start(Number(server.address.split(':')[1]))
    closers.push(() => nat.close())
    const connection = await dial(`${HOST}:${nat.port}`)
    const transfer = exchange(connection, 2_000_000)
    let isDone = false
    const done = transfer.finally(() => {
      isDone = true
    })
    for (let count = 0; count < 5 && !isDone; count++) {
      await new Promise((resolve) => setTimeout(resolve, 30))
      await nat.rebind()
    }
    await done
    expect(nat.rebindings).toBeGreaterThan(0)
  }, 20_000)
})

/** A NAT for one client: forgets the port that it has given, and gives another. */
class Nat {
  readonly #inside: Socket
  readonly #server: number
  #outside: Socket
  #client: number | undefined
  rebindings = 0

  private constructor(inside: Socket, outside: Socket, server: number) {
    this.#inside = inside
    this.#outside = outside
    this.#server = server
    inside.on('message', (bytes, { port }) => {
      this.#client = port
      this.#outside.send(bytes, server, HOST)
    })
    this.#listen(outside)
  }

  static async start(server: number): Promise<Nat> {
    return new Nat(await bind(), await bind(), server)
  }

  get port(): number {
    return this.#inside.address().port
  }

  async rebind(): Promise<void> {
    const outside = await bind()
    this.#outside.close()
    this.#outside = outside
    this.#listen(outside)
    this.rebindings += 1
  }

  close(): void {
    this.#inside.close()
    this.#outside.close()
  }

  #listen(outside: Socket): void {
    outside.on('message', (bytes, { port }) => {
      if (port === this.#server && this.#client !== undefined) this.#inside.send(bytes, this.#client, HOST)
    })
  }
}

async function bind(): Promise<Socket> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, HOST, resolve))
  return socket
}
