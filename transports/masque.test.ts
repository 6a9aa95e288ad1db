import { describe, expect, test } from 'vitest'
import { equalBytes } from '../src/base/bytes.ts'
import { encodeCapsule } from '../src/base/capsule.ts'
import { type TransportPair, transportSuite } from './conformance.ts'
import { type MasqueOptions, type MasqueTransport, type MasqueTunnel, masque } from './masque.ts'

/** One end of a tunnel in memory, whose datagrams have at most `limit` bytes. */
class MemoryTunnel implements MasqueTunnel {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
  readonly closed: Promise<void> = new Promise(() => {})
  readonly sent: Uint8Array[] = []
  readonly datagrams: MasqueTunnel['datagrams']
  other: MemoryTunnel | undefined
  wasAborted = false
  #consumer: ((bytes: Uint8Array) => void) | undefined

  constructor(readable: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array>, limit: number) {
    this.readable = readable
    this.writable = writable
    this.datagrams = {
      maxDatagramSize: limit,
      send: (bytes) => {
        if (bytes.length > limit) throw new RangeError('too large')
        const copy = bytes.slice()
        this.sent.push(copy)
        queueMicrotask(() => this.other?.deliver(copy))
      },
      serve: (consumer) => {
        this.#consumer = consumer
      },
    }
  }

  deliver(bytes: Uint8Array): void {
    this.#consumer?.(bytes)
  }

  abort(): void {
    this.wasAborted = true
  }
}

/** The two ends of a tunnel. */
function tunnels(limit = 1165): [MemoryTunnel, MemoryTunnel] {
  const there = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: 64 })
  const back = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: 64 })
  const near = new MemoryTunnel(back.readable, there.writable, limit)
  const far = new MemoryTunnel(there.readable, back.writable, limit)
  near.other = far
  far.other = near
  return [near, far]
}

function over(tunnel: MasqueTunnel, options: Partial<MasqueOptions> = {}): Promise<MasqueTransport> {
  const client = { connect: async (): Promise<MasqueTunnel> => tunnel }
  return masque({ proxy: 'https://proxy.example', client, target: 'far.example:443', ...options })
}

async function pairOf(limit?: number): Promise<TransportPair> {
  const [near, far] = tunnels(limit)
  return { near: await over(near), far: await over(far), toFar: '', toNear: '' }
}

transportSuite('a tunnel over HTTP/3', () => pairOf(), { describe, test })
transportSuite('a tunnel over HTTP/3 whose connection takes no datagrams', () => pairOf(0), { describe, test })

describe('masque', () => {
  const nobody = { datagram: () => {}, drain: () => {}, closed: () => {} }

  test('asks for the target by extended CONNECT, when a connection names it', async () => {
    const asked: unknown[] = []
    const [near] = tunnels()
    const client = {
      connect: async (url: URL, init: object): Promise<MasqueTunnel> => {
        asked.push([url.href, init])
        return near
      },
    }
    const transport = await masque({ proxy: 'https://proxy.example:8443', client, token: 'abc' })
    expect(asked).toEqual([])
    expect(await transport.resolve?.('2001:db8::1', 443)).toEqual(['[2001:db8::1]:443'])
    const headers = { 'capsule-protocol': '?1', 'proxy-authorization': 'Bearer abc' }
    const href = 'https://proxy.example:8443/.well-known/masque/udp/2001%3Adb8%3A%3A1/443/'
    expect(asked).toEqual([[href, { protocol: 'connect-udp', headers }]])
    expect(transport.resolve).toBeUndefined()
  })

  test('puts payloads into datagrams of context 0, and what is too large into capsules', async () => {
    const [near, far] = tunnels()
    const transport = await over(near)
    transport.open(nobody)
    transport.send(new Uint8Array(1164).fill(1), '', 0)
    transport.send(new Uint8Array(1200).fill(2), '', 0)
    expect(near.sent.map((bytes) => [bytes[0], bytes.length])).toEqual([[0, 1165]])
    const { value } = await far.readable.getReader().read()
    const expected = encodeCapsule(0, Uint8Array.from([0, ...new Uint8Array(1200).fill(2)]))
    expect(equalBytes(value ?? new Uint8Array(0), expected)).toBe(true)
    expect(transport.preferredDatagramSize).toBe(1164)
  })

  //= rfc9298#5-p3.2-1
  test('drops datagrams of contexts that it does not know, and empty ones', async () => {
    const [near, far] = tunnels()
    const transport = await over(near)
    const heard: Uint8Array[] = []
    transport.open({ ...nobody, datagram: (bytes) => void heard.push(bytes.slice()) })
    for (const bytes of [[2, 1, 1], [], [0], [0, 7]]) far.datagrams.send(Uint8Array.from(bytes))
    await new Promise<void>((resolve) => queueMicrotask(resolve))
    expect(heard).toEqual([Uint8Array.of(7)])
  })

  test('ends with the stream, and with capsules that are malformed', async () => {
    for (const [bytes, message] of [
      [undefined, /ended the tunnel/],
      [encodeCapsule(0, new Uint8Array(0)), /no context/],
    ] as const) {
      const [near, far] = tunnels()
      const transport = await over(near)
      const ended = new Promise<Error | undefined>((resolve) => transport.open({ ...nobody, closed: resolve }))
      const writer = far.writable.getWriter()
      if (bytes === undefined) await writer.close()
      else await writer.write(bytes)
      expect(await ended).toMatchObject({ message: expect.stringMatching(message) })
      expect(near.wasAborted).toBe(true)
    }
  })

  test('tells a refusal in the words of all tunnels', async () => {
    const refusal = Object.assign(new Error('no'), {
      name: 'Http3ConnectError',
      status: 403,
      headers: new Headers({ 'proxy-status': 'p; error=x' }),
    })
    const client = { connect: () => Promise.reject(refusal) }
    const error = await masque({ proxy: 'https://p.example', client, target: 'a:1' }).catch((each: unknown) => each)
    expect(error).toMatchObject({ name: 'ConnectUdpError', status: 403, proxyStatus: 'p; error=x' })
  })

  test.each([
    [{ proxy: 'http://proxy.example' }, /https/],
    [{ proxy: 'https://proxy.example/{target_host}' }, /target_port/],
    [{ maxDatagramSize: 1199 }, /1200/],
    [{ client: {} as never }, /client/],
    [{ target: 'nonsense' }, /host:port/],
  ])('refuses %j', async (options, message) => {
    const [near] = tunnels()
    await expect(over(near, options)).rejects.toThrow(message)
  })
})
