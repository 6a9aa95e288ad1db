import { afterEach, describe, expect, test } from 'vitest'
import { encodeCapsule } from '../base/capsule.ts'
import { initialPacket, RawClient, Target, upgrade } from './gateway.fixtures.ts'
import { type GatewayServer, type GatewayServerOptions, serveGateway } from './server.ts'
import { createToken } from './token.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

interface Setting {
  readonly gateway: GatewayServer
  readonly target: Target
  readonly lines: Record<string, unknown>[]
  /** The URL of a WebSocket to a target. */
  to(host?: string, port?: number): string
}

async function setting(
  options: Partial<GatewayServerOptions> = {},
  answer?: (bytes: Uint8Array) => readonly Uint8Array[],
): Promise<Setting> {
  const target = await Target.start(answer)
  const lines: Record<string, unknown>[] = []
  const gateway = await serveGateway({
    port: 0,
    allow: [`127.0.0.1:${target.port}`],
    log: (line) => lines.push(JSON.parse(line)),
    ...options,
  })
  closing.push(
    () => gateway.close(),
    () => target.stop(),
  )
  const to = (host = '127.0.0.1', port = target.port): string =>
    `ws://${gateway.address}/.well-known/masque/udp/${encodeURIComponent(host)}/${port}/`
  return { gateway, target, lines, to }
}

describe('a flow', () => {
  test('carries payloads both ways, many in a message, and is one line in the log', async () => {
    const { gateway, target, lines, to } = await setting({}, (bytes) => [bytes, bytes.subarray(0, 10)])
    const client = new RawClient(to())
    await client.send(initialPacket(7), initialPacket(8))
    await client.heard()
    expect(target.received).toEqual([initialPacket(7), initialPacket(8)])
    while (gateway.counters.openFlows > 0) {
      client.socket.close()
      await client.ended
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatchObject({
      client: '127.0.0.1',
      target: `127.0.0.1:${target.port}`,
      address: '127.0.0.1',
      reason: 'closed',
      datagramsUp: 2,
      bytesUp: 2400,
      droppedUp: 0,
    })
    expect(gateway.counters).toMatchObject({ flows: 1, datagramsUp: 2, reasons: { closed: 1 } })
  })

  test('carries a payload a message where the client wants that', async () => {
    const { to } = await setting()
    const client = new RawClient(to(), { protocols: ['isoquic.raw.v1'] })
    await client.opened
    expect(client.socket.protocol).toBe('isoquic.raw.v1')
    client.socket.send(initialPacket(9))
    expect(await client.heard()).toEqual(initialPacket(9))
  })

  test('goes over HTTP/1.1 Upgrade as RFC 9298 has it', async () => {
    const { target } = await setting()
    const { gateway } = await setting({ allow: [`127.0.0.1:${target.port}`] })
    const flow = await upgrade(gateway.port, `/.well-known/masque/udp/127.0.0.1/${target.port}/`)
    expect(flow.head).toMatch(/^HTTP\/1.1 101 Switching Protocols\r\n/)
    expect(flow.head).toMatch(/\r\nUpgrade: connect-udp\r\n/i)
    expect(flow.head).toMatch(/\r\nCapsule-Protocol: \?1\r\n/i)
    const capsule = encodeCapsule(0, Uint8Array.of(0, ...initialPacket()))
    flow.send(capsule)
    expect(Buffer.from(await flow.next())).toEqual(Buffer.from(capsule))
    flow.close()
  })
})

describe('what is refused, with a reason', () => {
  test.each([
    ['a host that no rule names', '192.0.2.1', 443, { code: 4403, reason: 'destination_prohibited' }],
    ['an address of this host', '127.0.0.2', 443, { code: 4403, reason: 'destination_prohibited' }],
    ['the metadata service', '169.254.169.254', 80, { code: 4403, reason: 'destination_prohibited' }],
    ['a reflecting service', '127.0.0.1', 53, { code: 4403, reason: 'destination_port_prohibited' }],
    ['a target with a slash', 'a/b', 443, { code: 4400, reason: 'bad_request' }],
  ])('%s', async (_name, host, port, ending) => {
    const { to, target } = await setting()
    expect(await new RawClient(to(host, port)).ended).toEqual(ending)
    expect(target.received).toEqual([])
  })

  test('a path that names no target', async () => {
    const { gateway } = await setting()
    expect(await new RawClient(`ws://${gateway.address}/chat`).ended).toEqual({ code: 4400, reason: 'bad_request' })
  })

  test('a name that resolves elsewhere the second time: it is asked for once, and what was checked is used', async () => {
    const target = await Target.start()
    closing.push(() => target.stop())
    const asked: string[] = []
    const answers = [['127.0.0.1'], ['10.0.0.1']]
    const { to } = await setting({
      allow: [`127.0.0.1:${target.port}`],
      lookup: async (host) => {
        asked.push(host)
        return answers[asked.length - 1] ?? []
      },
    })
    const client = new RawClient(to('rebinding.example', target.port))
    await client.send(initialPacket())
    await client.heard()
    expect(asked).toEqual(['rebinding.example'])
    expect(await new RawClient(to('rebinding.example', target.port)).ended).toEqual({
      code: 4403,
      reason: 'destination_ip_prohibited',
    })
  })

  test('a name without address', async () => {
    const { to, target } = await setting({ lookup: () => Promise.reject(new Error('ENOTFOUND')) })
    expect(await new RawClient(to('gone.example', target.port)).ended).toEqual({ code: 4404, reason: 'dns_error' })
  })

  test('a page of another origin, and a page at all where none is named', async () => {
    const own = await setting({ origins: ['https://app.example'] })
    const origin_prohibited = { code: 4403, reason: 'origin_prohibited' }
    expect(await new RawClient(own.to(), { origin: 'https://evil.example' }).ended).toEqual(origin_prohibited)
    const welcome = new RawClient(own.to(), { origin: 'https://app.example' })
    await welcome.send(initialPacket())
    await welcome.heard()
    const none = await setting()
    expect(await new RawClient(none.to(), { origin: 'https://app.example' }).ended).toEqual(origin_prohibited)
  })

  test('over HTTP/1.1 with a status and Proxy-Status', async () => {
    const { gateway } = await setting()
    const refused = await upgrade(gateway.port, '/.well-known/masque/udp/192.0.2.1/443/')
    expect(refused.head).toMatch(/^HTTP\/1.1 403 Forbidden\r\n/)
    expect(refused.head).toContain('Proxy-Status: isoquic; error=http_request_denied; details="destination_prohibited"')
  })

  test('a request that upgrades to nothing that is known', async () => {
    const { gateway } = await setting()
    const response = await fetch(`http://${gateway.address}/`)
    expect(response.status).toBe(426)
  })
})

describe('what begins a flow', () => {
  const notQuic: readonly [string, Uint8Array][] = [
    ['a DNS query', new Uint8Array(40).fill(1)],
    ['an Initial packet of less than 1,200 bytes', initialPacket().subarray(0, 1199)],
    ['a short header', new Uint8Array(1200).fill(0x41)],
    ['a Handshake packet', Uint8Array.from(initialPacket(), (byte, index) => (index === 0 ? 0xe3 : byte))],
    ['a version that nobody knows', Uint8Array.from(initialPacket(), (byte, index) => (index === 4 ? 0x7f : byte))],
  ]

  test.each(notQuic)('%s is refused, and never sent', async (_name, payload) => {
    const { to, target } = await setting()
    const client = new RawClient(to())
    await client.send(payload)
    expect(await client.ended).toEqual({ code: 4415, reason: 'not_quic' })
    expect(target.received).toEqual([])
  })

  test('may be anything where the gateway is told so', async () => {
    const { to } = await setting({ quicOnly: false })
    const client = new RawClient(to())
    await client.send(Uint8Array.of(1, 2, 3))
    expect(await client.heard()).toEqual(Uint8Array.of(0, 4, 0, 1, 2, 3))
  })

  test('is any long datagram from a client that had an answered flow to the target', async () => {
    const { to } = await setting()
    const first = new RawClient(to())
    await first.send(initialPacket())
    await first.heard()
    first.socket.close()
    await first.ended
    const moved = new RawClient(to())
    await moved.send(new Uint8Array(1200).fill(0x41))
    expect((await moved.heard()).length).toBe(1204)
    const short = new RawClient(to())
    await short.send(new Uint8Array(1199).fill(0x41))
    expect((await short.ended).reason).toBe('not_quic')
  })
})

describe('a target that does not answer', () => {
  test('gets ten payloads, then the flow ends', async () => {
    const { to, target, lines } = await setting({ answerTimeout: 60 }, () => [])
    const client = new RawClient(to())
    await client.send(...Array.from({ length: 30 }, () => initialPacket()))
    expect(await client.ended).toEqual({ code: 4408, reason: 'destination_unavailable' })
    expect(target.received).toHaveLength(10)
    expect(lines[0]).toMatchObject({ datagramsUp: 10, droppedUp: 20, reason: 'destination_unavailable' })
  })
})

describe('floods', () => {
  test('of flows are refused as rate_limited', async () => {
    const { to } = await setting({ limits: { openFlows: 3 } })
    const clients = Array.from({ length: 5 }, () => new RawClient(to()))
    const held = Promise.all(clients.slice(0, 3).map((client) => client.opened))
    const endings = await Promise.all(clients.slice(3).map((client) => client.ended))
    await held
    expect(endings).toEqual([
      { code: 4429, reason: 'rate_limited' },
      { code: 4429, reason: 'rate_limited' },
    ])
  })

  test('of bytes are dropped and counted', async () => {
    const { to, gateway } = await setting({ limits: { bytesPerSecond: 5000 } })
    const client = new RawClient(to())
    await client.send(...Array.from({ length: 9 }, () => initialPacket()))
    await client.heard()
    client.socket.close()
    await client.ended
    while (gateway.counters.openFlows > 0) await new Promise((resolve) => setImmediate(resolve))
    expect(gateway.counters.datagramsUp).toBeLessThanOrEqual(5)
    expect(gateway.counters.droppedUp).toBeGreaterThanOrEqual(4)
  })

  test('from a target do not pile up for a client that reads nothing', async () => {
    let asked = 0
    const { to, gateway } = await setting({ maxBuffered: 20_000, limits: { bytesPerSecond: 1e9 } }, () => {
      asked += 1
      return Array.from({ length: 40 }, () => new Uint8Array(1200))
    })
    const client = new RawClient(to())
    await client.opened
    client.socket.pause()
    while (gateway.counters.openFlows === 0) await new Promise((resolve) => setImmediate(resolve))
    // The kernel takes some megabytes for a reader that is asleep; beyond that the gateway drops.
    for (let round = 0; round < 400; round++) {
      await client.send(...Array.from({ length: 8 }, () => initialPacket()))
      await new Promise((resolve) => setImmediate(resolve))
    }
    client.socket.terminate()
    while (gateway.counters.openFlows > 0) await new Promise((resolve) => setImmediate(resolve))
    expect(asked).toBeGreaterThan(8)
    expect(gateway.counters.droppedDown).toBeGreaterThan(0)
  }, 20_000)
})

describe('messages that break the framing', () => {
  test.each([
    ['a text', 'hello'],
    ['an empty message', new Uint8Array(0)],
    ['a capsule that is cut off', Uint8Array.of(0, 9, 0)],
    ['a datagram without context', Uint8Array.of(0, 0)],
  ])('%s ends the flow with 4002', async (_name, message) => {
    const { to, gateway } = await setting()
    const client = new RawClient(to())
    await client.opened
    client.socket.send(message)
    expect((await client.ended).code).toBe(4002)
    while (gateway.counters.openFlows > 0) await new Promise((resolve) => setImmediate(resolve))
  })

  test('a message beyond 1 MiB ends the WebSocket', async () => {
    const { to } = await setting()
    const client = new RawClient(to())
    await client.opened
    client.socket.send(new Uint8Array((1 << 20) + 1))
    expect((await client.ended).code).toBe(1009)
  })

  test('a stream of capsules that is malformed is cut', async () => {
    const { gateway, target } = await setting()
    const flow = await upgrade(gateway.port, `/.well-known/masque/udp/127.0.0.1/${target.port}/`)
    flow.send(Uint8Array.of(0, 0))
    expect(await flow.next()).toEqual(new Uint8Array(0))
  })
})

describe('tokens', () => {
  const tokenKey = new Uint8Array(32).fill(5)
  const later = Date.now() + 60_000
  const unauthorized = { code: 4401, reason: 'unauthorized' }
  const withToken = (to: string, token: string): RawClient =>
    new RawClient(to, { protocols: ['isoquic.connect-udp.v1', `isoquic.token.${token}`] })

  test('that are authentic let a client in, for the target that they name', async () => {
    const { to, target } = await setting({ tokenKey })
    const named = `127.0.0.1:${target.port}`
    const client = withToken(to(), createToken(tokenKey, { expires: later, subject: 'alice', target: named }))
    await client.send(initialPacket())
    await client.heard()
    expect(client.socket.protocol).toBe('isoquic.connect-udp.v1')
    const other = createToken(tokenKey, { expires: later, subject: 'alice', target: 'quic.example:443' })
    expect(await withToken(to(), other).ended).toEqual(unauthorized)
  })

  test('that are missing, forged, changed, or old do not', async () => {
    const { to } = await setting({ tokenKey })
    const good = createToken(tokenKey, { expires: later, subject: 'alice' })
    const forged = createToken(new Uint8Array(32), { expires: later, subject: 'alice' })
    const old = createToken(tokenKey, { expires: Date.now() - 1, subject: 'alice' })
    expect(await new RawClient(to()).ended).toEqual(unauthorized)
    for (const token of [forged, old, `A${good}`, good.split('.')[0] ?? '', `${good}.AA`, '.']) {
      expect(await withToken(to(), token).ended).toEqual(unauthorized)
    }
  })

  test('come in a header over HTTP/1.1', async () => {
    const { gateway, target } = await setting({ tokenKey })
    const path = `/.well-known/masque/udp/127.0.0.1/${target.port}/`
    expect((await upgrade(gateway.port, path)).head).toMatch(/^HTTP\/1.1 407 /)
    const token = createToken(tokenKey, { expires: later, subject: 'alice' })
    const flow = await upgrade(gateway.port, path, [`Proxy-Authorization: Bearer ${token}`])
    expect(flow.head).toMatch(/^HTTP\/1.1 101 /)
    flow.close()
  })
})

describe('behind a reverse proxy', () => {
  const headers = { 'X-Forwarded-For': '198.51.100.7, 203.0.113.9, 127.0.0.3' }

  test('the client is the nearest address that is no trusted proxy', async () => {
    const { to, lines } = await setting({ trustedProxies: ['127.0.0.0/8'] })
    await new RawClient(to('192.0.2.1', 443), { headers }).ended
    expect(lines[0]).toMatchObject({ client: '203.0.113.9' })
  })

  test('nobody else may say who the client is', async () => {
    const { to, lines } = await setting()
    await new RawClient(to('192.0.2.1', 443), { headers }).ended
    expect(lines[0]).toMatchObject({ client: '127.0.0.1' })
  })
})

describe('a gateway does not begin', () => {
  test.each([
    ['without rules', { allow: [] }, 'A gateway without rules forwards to nobody'],
    ['unencrypted outside loopback', { host: '0.0.0.0' }, 'Outside loopback a gateway needs tls'],
    ['with a key that is too short', { tokenKey: new Uint8Array(31) }, 'at least 32 bytes, got 31'],
    ['with less patience than RFC 9298 asks for', { idleTimeout: 1000 }, 'at least 120000 ms'],
    ['with a proxy that is no address', { trustedProxies: ['proxy.example'] }, 'trustedProxies must hold addresses'],
  ])('%s', async (_name, options: Partial<GatewayServerOptions>, message) => {
    await expect(serveGateway({ port: 0, allow: ['localhost'], ...options })).rejects.toThrow(message)
  })
})
