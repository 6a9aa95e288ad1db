import { createSocket, type Socket } from 'node:dgram'
import { EventEmitter, once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { busyTransport, EVERYWHERE, isPossible, LOCAL } from './busy-peers.fixtures.ts'
import { BusyPeers, type ConnectableSocket } from './busy-peers.ts'
import { type TransportPair, transportSuite } from './conformance.ts'
import { UdpTransport, udp } from './udp.ts'
import { bindShareable, NodeSocket, type SocketAddress, type SocketSettings } from './udp-socket.ts'

const runner = { describe, test }
const EMPTY = new Uint8Array()
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** Sends `near` as many datagrams that carry nothing as earn `to` a socket, and waits for it. */
async function connected(near: UdpTransport, to: string, count = 1): Promise<void> {
  near.send(EMPTY, to, 0)
  for (let turns = 0; near.connectedPeers < count && turns < 10; turns++) await turn()
  expect(near.connectedPeers).toBe(count)
}

/** What a transport heard: the first byte of each datagram, and where it came from. */
class Heard {
  readonly datagrams: string[] = []
  drains = 0
  #wake = (): void => {}

  constructor(transport: UdpTransport) {
    transport.open({
      datagram: (bytes, from) => {
        this.datagrams.push(`${bytes[0]} ${from}`)
        this.#wake()
      },
      drain: () => {
        this.drains += 1
      },
      closed() {},
    })
  }

  async count(count: number): Promise<readonly string[]> {
    while (this.datagrams.length < count) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.datagrams
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await turn()
}

describe.runIf(isPossible(LOCAL))('connected sockets of busy peers', () => {
  const names: [string, SocketSettings][] = [['UDP with connected sockets', LOCAL]]
  if (isPossible(EVERYWHERE)) names.push(['UDP with connected sockets, from every address to IPv4', EVERYWHERE])
  for (const [name, settings] of names) {
    const makePair = async (): Promise<TransportPair> => {
      const [near, far] = [busyTransport(settings), busyTransport(LOCAL)]
      const [toFar, toNear] = [far.localAddress, `127.0.0.1:${near.port}`]
      await connected(near, toFar)
      await connected(far, toNear)
      return { near, far, toFar, toNear }
    }
    transportSuite(name, makePair, runner)
  }

  test('a thousand datagrams in a second earn one, fewer do not', async () => {
    const [near, busy, calm] = [busyTransport(LOCAL, { busy: 1_000 }), await udp({ host: '127.0.0.1' }), await udp()]
    near.sendBatch(new Uint8Array(999), 1, `127.0.0.1:${calm.port}`, 0)
    near.sendBatch(new Uint8Array(999), 1, busy.localAddress, 0)
    await turn()
    await turn()
    expect(near.connectedPeers).toBe(0)
    await connected(near, busy.localAddress)
    for (const transport of [near, busy, calm]) transport.close()
  })

  test('datagrams of others that come before the socket is connected, and after, are heard with their own source', async () => {
    const [peer, ...others] = await Promise.all(Array.from({ length: 17 }, () => udp({ host: '127.0.0.1' })))
    let inBetween = 0
    const near = busyTransport(LOCAL, {}, (socket) => {
      for (const other of others) other.send(Uint8Array.of(1), near.localAddress, 0)
      const listen = socket.listen.bind(socket)
      socket.listen = (listener) =>
        listen({
          ...listener,
          onMessage(bytes, from, segmentSize) {
            if (from.port !== peer?.port) inBetween += 1
            listener.onMessage(bytes, from, segmentSize)
          },
        })
      return socket
    })
    const heard = new Heard(near)
    await connected(near, peer?.localAddress ?? '')
    for (const from of [...others, peer]) from?.send(Uint8Array.of(2), near.localAddress, 0)
    const expected = others.flatMap(({ localAddress }) => [`1 ${localAddress}`, `2 ${localAddress}`])
    expect([...(await heard.count(33))].sort()).toEqual([...expected, `2 ${peer?.localAddress}`].sort())
    // The kernel gives the new socket about half of what comes in between, and nothing later.
    expect(inBetween).toBeGreaterThan(0)
    expect(inBetween).toBeLessThan(17)
    for (const transport of [near, peer, ...others]) transport?.close()
  })

  test('peers beyond the limit, and none twice, are sent to by the socket of all', async () => {
    const near = busyTransport(LOCAL, { limit: 2 })
    const peers = await Promise.all([1, 2, 3].map(() => udp({ host: '127.0.0.1' })))
    const heard = peers.map((peer) => new Heard(peer))
    for (const [index, peer] of peers.entries()) await connected(near, peer.localAddress, Math.min(index + 1, 2))
    for (const peer of peers) await connected(near, peer.localAddress, 2)
    for (const peer of peers) near.sendBatch(Uint8Array.of(1, 2, 3), 1, peer.localAddress, 0)
    for (const one of heard) {
      expect(await one.count(3)).toEqual([1, 2, 3].map((byte) => `${byte} ${near.localAddress}`))
    }
    for (const transport of [near, ...peers]) transport.close()
  })

  test('a peer that falls silent, or moves, goes back to the socket of all, and what it had sent is heard', async () => {
    const peer = await udp({ host: '127.0.0.1' })
    let lastWords = (): void => {}
    const near = busyTransport(LOCAL, { period: 5 }, (socket) => {
      const connect = socket.connect.bind(socket)
      let isFirst = true
      socket.connect = (to: SocketAddress) => {
        if (!isFirst) for (let byte = 0; byte < 50; byte++) peer.send(Uint8Array.of(byte), near.localAddress, 0)
        const result = connect(to)
        if (!isFirst) lastWords()
        isFirst = false
        return result
      }
      return socket
    })
    const [heard, atPeer] = [new Heard(near), new Heard(peer)]
    lastWords = () => peer.send(Uint8Array.of(50), near.localAddress, 0)
    await connected(near, peer.localAddress)
    const all = await heard.count(51)
    expect(near.connectedPeers).toBe(0)
    expect(new Set(all)).toEqual(new Set(Array.from({ length: 51 }, (_, byte) => `${byte} ${peer.localAddress}`)))
    near.send(Uint8Array.of(9), peer.localAddress, 0)
    expect(await atPeer.count(1)).toEqual([`9 ${near.localAddress}`])
    near.close()
    peer.close()
  })

  test('a peer that is sent to and answers keeps its socket', async () => {
    const [near, peer] = [busyTransport(LOCAL, { period: 5 }), await udp({ host: '127.0.0.1' })]
    const heard = new Heard(near)
    await connected(near, peer.localAddress)
    for (let begin = performance.now(), count = 0; performance.now() < begin + 40; ) {
      near.sendBatch(new Uint8Array(200), 1, peer.localAddress, 0)
      peer.send(Uint8Array.of(1), near.localAddress, 0)
      count += 1
      await heard.count(count)
      expect(near.connectedPeers).toBe(1)
    }
    near.close()
    peer.close()
  })

  test('a peer that is gone for the kernel is sent to all the same, and after three such failures by the socket of all alone', async () => {
    const near = busyTransport()
    const heard = new Heard(near)
    let peer = await udp({ host: '127.0.0.1' })
    const { port, localAddress: address } = peer
    for (let failures = 1; failures <= 3; failures++) {
      await connected(near, address)
      peer.close()
      // The ICMP message is back within the call; it is heard by the next datagram, or by who reads the socket.
      near.send(Uint8Array.of(1), address, 0)
      near.send(Uint8Array.of(2), address, 0)
      await until(() => near.connectedPeers === 0)
      peer = await udp({ host: '127.0.0.1', port })
      const atPeer = new Heard(peer)
      near.send(Uint8Array.of(3), address, 0)
      expect(await atPeer.count(1)).toEqual([`3 ${near.localAddress}`])
      peer.send(Uint8Array.of(failures), near.localAddress, 0)
      expect((await heard.count(failures)).at(-1)).toBe(`${failures} ${address}`)
    }
    near.sendBatch(new Uint8Array(5000), 1, address, 0)
    for (let turns = 0; turns < 5; turns++) await turn()
    expect(near.connectedPeers).toBe(0)
    near.close()
    peer.close()
  })

  test('a socket that the system refuses is done without', async () => {
    const peer = await udp({ host: '127.0.0.1' })
    const atPeer = new Heard(peer)
    for (const open of [() => undefined, () => bindShareable({ ...LOCAL, address: '127.0.0.1' })]) {
      const main = bindShareable(LOCAL)
      if (main === undefined) throw new Error('The system shares no ports')
      const near = new UdpTransport(main, 'ipv4', {}, (listener) => {
        const refusing = (): ConnectableSocket | undefined => {
          const socket = open()
          if (socket !== undefined) socket.connect = () => false
          return socket
        }
        return new BusyPeers(main, refusing, listener, { limit: 1, busy: 1 })
      })
      const before = atPeer.datagrams.length
      near.send(Uint8Array.of(1), peer.localAddress, 0)
      for (let turns = 0; turns < 5; turns++) await turn()
      near.send(Uint8Array.of(2), peer.localAddress, 0)
      expect((await atPeer.count(before + 2)).slice(before)).toEqual([
        `1 ${near.localAddress}`,
        `2 ${near.localAddress}`,
      ])
      expect(near.connectedPeers).toBe(0)
      near.close()
    }
    peer.close()
  })

  test('a burst that outgrows the buffers of the system is kept, by either socket', async () => {
    const peers = [await udp({ host: '127.0.0.1' }), await udp({ host: '127.0.0.1' })]
    const near = busyTransport({ ...LOCAL, receiveBufferSize: 4 << 20 }, { limit: 1 })
    const heard = new Heard(near)
    await connected(near, peers[0]?.localAddress ?? '')
    // Linux keeps 92 datagrams of that size where it is not asked for more, and 184 where it grants the least.
    for (const peer of peers) peer.sendBatch(new Uint8Array(150 * 1200), 1200, near.localAddress, 0)
    expect(await heard.count(300)).toHaveLength(300)
    for (const transport of [near, ...peers]) transport.close()
  })

  test('close closes them all, also one that is about to be', async () => {
    const [near, peer] = [busyTransport(), await udp({ host: '127.0.0.1' })]
    await connected(near, peer.localAddress)
    near.send(EMPTY, '127.0.0.1:9', 0)
    near.close()
    await turn()
    await turn()
    // Nobody has the port any more.
    const next = await udp({ host: '127.0.0.1', port: near.port })
    next.close()
    peer.close()
  })
})

describe('the option', () => {
  test('takes counts alone, and none beside shared ports', async () => {
    for (const connectedPeers of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
      await expect(udp({ connectedPeers })).rejects.toThrow(RangeError)
    }
    await expect(udp({ connectedPeers: 1, reusePort: true })).rejects.toThrow(TypeError)
  })

  test('lets nobody else have the port: not by a socket, nor by a transport with the same option', async () => {
    const transport = await udp({ host: '127.0.0.1', connectedPeers: 4 })
    const { port } = transport
    await expect(udp({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await expect(udp({ host: '127.0.0.1', port, connectedPeers: 4 })).rejects.toMatchObject({ code: 'EADDRINUSE' })
    const socket = createSocket('udp4')
    socket.bind(port, '127.0.0.1')
    const [error] = await once(socket, 'error')
    expect(error.code).toBe('EADDRINUSE')
    transport.close()
  })
})

/** A socket whose kernel is full when the test says so. */
class FullSocket extends EventEmitter {
  full = false
  isClosed = false
  sent: string[] = []
  #queue: (() => void)[] = []
  #isConnected = false

  address(): { address: string; family: string; port: number } {
    return { address: '127.0.0.1', family: 'IPv4', port: 1 }
  }

  connect(): void {
    this.#isConnected = true
  }

  disconnect(): void {
    this.#isConnected = false
  }

  remoteAddress(): void {
    if (!this.#isConnected) throw new Error('Not connected')
  }

  send(bytes: Uint8Array, ...rest: unknown[]): void {
    const done = rest.at(-1)
    const go = (): void => {
      this.sent.push(String(bytes))
      if (typeof done === 'function') done(null)
    }
    expect(rest.length < 2).toBe(this.#isConnected)
    if (this.full) this.#queue.push(go)
    else go()
  }

  getSendQueueCount(): number {
    return this.#queue.length
  }

  release(): void {
    this.#queue.shift()?.()
  }

  close(): void {
    this.isClosed = true
    queueMicrotask(() => this.emit('close'))
  }
}

describe('a full kernel', () => {
  async function full(): Promise<{ main: FullSocket; own: FullSocket; transport: UdpTransport; heard: Heard }> {
    const [main, own] = [new FullSocket(), new FullSocket()]
    const socket = new NodeSocket(main as unknown as Socket)
    const transport = new UdpTransport(socket, 'ipv4', {}, (listener) => {
      const open = (): ConnectableSocket => new NodeSocket(own as unknown as Socket)
      return new BusyPeers(socket, open, listener, { limit: 1, busy: 1, period: 60_000 })
    })
    const heard = new Heard(transport)
    await connected(transport, '127.0.0.1:2')
    own.full = true
    return { main, own, transport, heard }
  }

  test('below one socket stops them all, until its one drain', async () => {
    const { main, own, transport, heard } = await full()
    expect(transport.sendBatch(Uint8Array.of(1, 2), 1, '127.0.0.1:2', 0)).toBe(false)
    expect(transport.send(Uint8Array.of(3), '127.0.0.1:3', 0)).toBe(false)
    expect(transport.send(Uint8Array.of(4), '127.0.0.1:2', 0)).toBe(false)
    own.release()
    expect(heard.drains).toBe(0)
    own.release()
    expect(heard.drains).toBe(1)
    expect([own.sent, main.sent]).toEqual([['1', '2'], ['']])
    own.full = false
    expect(transport.send(Uint8Array.of(5), '127.0.0.1:3', 0)).toBe(true)
    expect(transport.send(Uint8Array.of(6), '127.0.0.1:2', 0)).toBe(true)
    expect([own.sent, main.sent]).toEqual([
      ['1', '2', '6'],
      ['', '5'],
    ])
  })

  test('keeps a socket that is done with open until all has left', async () => {
    const { main, own, transport, heard } = await full()
    transport.send(Uint8Array.of(1), '127.0.0.1:2', 0)
    own.emit('error', new Error('recvmsg ECONNREFUSED'))
    expect(transport.connectedPeers).toBe(0)
    for (let turns = 0; turns < 5; turns++) await turn()
    expect([own.isClosed, heard.drains]).toEqual([false, 0])
    own.release()
    expect([own.sent, heard.drains]).toEqual([['1'], 1])
    await until(() => own.isClosed)
    expect(transport.send(Uint8Array.of(2), '127.0.0.1:2', 0)).toBe(true)
    expect(main.sent).toEqual(['', '2'])
  })
})
