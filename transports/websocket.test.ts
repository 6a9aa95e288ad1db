import { describe, expect, test } from 'vitest'
import { concat } from '../src/base/bytes.ts'
import { encodeCapsule } from '../src/base/capsule.ts'
import type { DatagramSink } from '../src/transport.ts'
import { type TransportPair, transportSuite } from './conformance.ts'
import { MemorySocket } from './websocket.fixtures.ts'
import { CAPSULE_PROTOCOL, RAW_PROTOCOL, type WebSocketTransport, websocket } from './websocket.ts'
import { WebSocketCloseError } from './websocket-like.ts'

const runner = { describe, test }

async function pairOf(protocol: string, endToEnd: boolean): Promise<TransportPair> {
  const [one, two] = MemorySocket.pair(protocol)
  const near = await websocket({ socket: one, endToEnd })
  const far = await websocket({ socket: two, endToEnd })
  return { near, far, toFar: '', toNear: '' }
}

transportSuite('a WebSocket with capsules, end to end', () => pairOf(CAPSULE_PROTOCOL, true), runner)
transportSuite('a WebSocket with capsules, to a gateway', () => pairOf(CAPSULE_PROTOCOL, false), runner)
transportSuite('a WebSocket with a datagram a message', () => pairOf(RAW_PROTOCOL, false), runner)

/** What a sink heard. */
class Journal implements DatagramSink {
  readonly datagrams: number[][] = []
  drains = 0
  ends: (Error | undefined)[] = []
  datagram(bytes: Uint8Array): void {
    this.datagrams.push([...bytes])
  }
  drain(): void {
    this.drains += 1
  }
  closed(error?: Error): void {
    this.ends.push(error)
  }
}

async function opened(
  options: {
    readonly endToEnd?: boolean
    readonly highWaterMark?: number
    readonly datagramsPerMessage?: number
    readonly protocol?: string
  } = {},
): Promise<{ socket: MemorySocket; peer: MemorySocket; transport: WebSocketTransport; journal: Journal }> {
  const { protocol = CAPSULE_PROTOCOL, ...rest } = options
  const [socket, peer] = MemorySocket.pair(protocol)
  const transport = await websocket({ socket, ...rest })
  const journal = new Journal()
  transport.open(journal)
  return { socket, peer, transport, journal }
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0))

describe('messages', () => {
  test('hold all capsules that one task sends', async () => {
    const { socket, transport } = await opened()
    for (let index = 0; index < 30; index++) transport.send(new Uint8Array(1200), '', 0)
    transport.sendBatch(new Uint8Array(3000), 1200, '', 0)
    expect(socket.sent).toEqual([])
    await turn()
    expect(socket.sent).toEqual([32 * 1204 + 604])
  })

  test('are cut where they would grow beyond 64 KiB', async () => {
    const { socket, transport } = await opened()
    for (let index = 0; index < 60; index++) transport.send(new Uint8Array(1200), '', 0)
    await turn()
    expect(socket.sent).toEqual([54 * 1204, 6 * 1204])
  })

  test('hold no more datagrams than they are told to, and the last one what is left', async () => {
    const { socket, transport } = await opened({ datagramsPerMessage: 4 })
    for (let index = 0; index < 10; index++) transport.send(new Uint8Array(1200), '', 0)
    expect(socket.sent).toEqual([4 * 1204, 4 * 1204])
    await turn()
    expect(socket.sent).toEqual([4 * 1204, 4 * 1204, 2 * 1204])
    await expect(opened({ datagramsPerMessage: 0 })).rejects.toThrow('datagramsPerMessage must be at least 1, got 0')
  })

  test('hold type, length and context of RFC 9298 before each payload', async () => {
    const { peer, transport, socket } = await opened()
    const heard: number[][] = []
    peer.addEventListener('message', ({ data }) => heard.push([...new Uint8Array(data as ArrayBuffer)]))
    transport.send(Uint8Array.of(7, 8), '', 0)
    transport.send(Uint8Array.of(9), '', 0)
    await turn()
    expect(heard).toEqual([[0, 3, 0, 7, 8, 0, 2, 0, 9]])
    expect(socket.binaryType).toBe('arraybuffer')
  })

  test('may hold capsules of unknown types and other contexts, which are skipped', async () => {
    const { peer, journal } = await opened()
    const message = concat(
      encodeCapsule(0x2345, Uint8Array.of(1, 2, 3)),
      encodeCapsule(0, Uint8Array.of(2, 9, 9)),
      encodeCapsule(0, Uint8Array.of(0, 5)),
    )
    peer.send(message)
    await turn()
    expect(journal.datagrams).toEqual([[5]])
    expect(journal.ends).toEqual([])
  })
})

describe('a message that breaks the framing', () => {
  const broken: readonly [string, ArrayBuffer | string][] = [
    ['a text', 'hello'],
    ['an empty message', new ArrayBuffer(0)],
    ['a capsule that is cut off', Uint8Array.of(0, 9, 0, 1).buffer],
    ['a datagram without context', Uint8Array.of(0, 0).buffer],
    ['a payload longer than UDP knows', encodeCapsule(0, new Uint8Array(65_530)).buffer as ArrayBuffer],
    ['a message beyond 1 MiB', new ArrayBuffer((1 << 20) + 1)],
  ]

  test.each(broken)('%s ends the transport with a WebSocketCloseError', async (_name, data) => {
    const { socket, journal } = await opened()
    socket.receive(data)
    await turn()
    expect(journal.ends).toHaveLength(1)
    expect(journal.ends[0]).toBeInstanceOf(WebSocketCloseError)
    expect(journal.ends[0]?.message).toMatch(/^The WebSocket was closed with code 100\d: The other end sent |capsule/)
    expect(socket.closedWith?.code).toBe(4002)
    expect(journal.datagrams).toEqual([])
  })
})

describe('a socket', () => {
  test('that is full holds back until it is half empty', async () => {
    const { socket, transport, journal } = await opened({ highWaterMark: 5000 })
    socket.isBlocked = true
    expect(transport.send(new Uint8Array(1200), '', 0)).toBe(true)
    expect(transport.sendBatch(new Uint8Array(4800), 1200, '', 0)).toBe(false)
    await turn()
    expect(journal.drains).toBe(0)
    socket.release()
    while (journal.drains === 0) await turn()
    expect(transport.send(new Uint8Array(1200), '', 0)).toBe(true)
    transport.close()
  })

  test('that the other end closes tells its code and reason', async () => {
    const { peer, journal } = await opened()
    peer.close(4403, 'destination_ip_prohibited')
    await turn()
    expect(journal.ends).toEqual([new WebSocketCloseError(4403, 'destination_ip_prohibited')])
    expect(journal.ends[0]?.message).toBe('The WebSocket was closed with code 4403: destination_ip_prohibited')
  })

  test('that ends before anybody listens is told of at open', async () => {
    const [socket, peer] = MemorySocket.pair()
    const transport = await websocket({ socket })
    peer.close(4429, 'rate_limited')
    await turn()
    const journal = new Journal()
    transport.open(journal)
    expect(journal.ends).toEqual([new WebSocketCloseError(4429, 'rate_limited')])
  })

  test('that is closed already is refused', async () => {
    const [socket] = MemorySocket.pair()
    socket.close()
    await turn()
    await expect(websocket({ socket })).rejects.toBeInstanceOf(WebSocketCloseError)
  })
})

describe('options', () => {
  /** A WebSocket that notes how it was made, and is open at once. */
  function recorder(): {
    readonly made: { url: string; protocols: string[] }[]
    readonly WebSocket: new (url: string, protocols: string[]) => MemorySocket
  } {
    const made: { url: string; protocols: string[] }[] = []
    class Recorded extends MemorySocket {
      constructor(url: string, protocols: string[]) {
        super(protocols[0] ?? '')
        made.push({ url, protocols })
      }
    }
    return { made, WebSocket: Recorded }
  }

  test('say where the gateway is; the target goes into its path', async () => {
    const { made, WebSocket } = recorder()
    await websocket({ gateway: 'wss://gw.example', target: 'quic.example:4433', token: 'a.b', WebSocket })
    await websocket({ gateway: 'wss://gw.example/x?h={target_host}&p={target_port}', target: '[::1]:443', WebSocket })
    expect(made).toEqual([
      {
        url: 'wss://gw.example/.well-known/masque/udp/quic.example/4433/',
        protocols: [CAPSULE_PROTOCOL, RAW_PROTOCOL, 'isoquic.token.a.b'],
      },
      { url: 'wss://gw.example/x?h=%3A%3A1&p=443', protocols: [CAPSULE_PROTOCOL, RAW_PROTOCOL] },
    ])
  })

  test('leave the target to the first connection; a second target is refused', async () => {
    const { made, WebSocket } = recorder()
    const transport = await websocket({ gateway: 'wss://gw.example/', WebSocket })
    expect(made).toEqual([])
    expect(await transport.resolve?.('quic.example', 443)).toEqual(['quic.example:443'])
    expect(await transport.resolve?.('quic.example', 443)).toEqual(['quic.example:443'])
    expect(made).toHaveLength(1)
    await expect(transport.resolve?.('other.example', 443)).rejects.toThrow(
      'This WebSocket leads to quic.example:443; open another one for other.example:443',
    )
  })

  test('that contradict each other are refused', async () => {
    const [socket] = MemorySocket.pair()
    await expect(websocket({})).rejects.toThrow('One of gateway, url and socket must be given')
    await expect(websocket({ socket, url: 'wss://a' })).rejects.toThrow('One of gateway, url and socket must be given')
    await expect(websocket({ socket, target: 'a:1' })).rejects.toThrow('target is for a gateway, and there is none')
    await expect(websocket({ gateway: '/relative' })).rejects.toThrow('gateway must be an absolute URL, got /relative')
    await expect(websocket({ gateway: 'wss://a/{target_host}' })).rejects.toThrow(TypeError)
    await expect(websocket({ gateway: 'wss://a', target: 'nowhere' })).rejects.toThrow('target must be host:port')
    await expect(websocket({ socket, maxDatagramSize: 1199 })).rejects.toThrow(RangeError)
  })
})
