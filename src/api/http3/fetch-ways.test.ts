import { describe, expect, test } from 'vitest'
import { MemoryStore } from '../memory.ts'
import { rejection } from '../pipe.fixtures.ts'
import { http3Stage, PATIENCE, testEnvironment } from './http3.fixtures.ts'
import type { FetchInit } from './outgoing-request.ts'
import { responseInfo } from './response-info.ts'
import type { Handler } from './serve-options.ts'

/** Says what came. */
const mirror: Handler = async (request) =>
  Response.json({ method: request.method, headers: Object.fromEntries(request.headers), body: await request.text() })

describe('redirects', () => {
  /** `/STATUS?to=…` redirects; anything else says what came. */
  const redirecting: Handler = (request, info) => {
    const url = new URL(request.url)
    const status = Number(url.pathname.slice(1))
    const location = url.searchParams.get('to')
    if (!(status >= 300) || location === null) return mirror(request, info)
    return new Response(null, { status, headers: { location } })
  }
  const headers = { authorization: 'secret', cookie: 'a=b', 'content-type': 'text/x', 'x-own': '1' }

  test.each([
    [301, 'POST', 'GET'],
    [302, 'POST', 'GET'],
    [303, 'POST', 'GET'],
    [303, 'DELETE', 'GET'],
    [301, 'DELETE', 'DELETE'],
    [307, 'POST', 'POST'],
    [308, 'PUT', 'PUT'],
  ])('by %i of %s are followed by %s', async (status, method, then) => {
    await using stage = await http3Stage(redirecting)
    const told = await (await stage.fetch(`/${status}?to=/there`, { method, headers, body: 'words' })).json()
    expect([told.method, told.body]).toEqual([then, then === 'GET' ? '' : 'words'])
    expect(told.headers['content-type']).toBe(then === 'GET' ? undefined : 'text/x')
    expect([told.headers.authorization, told.headers['x-own']]).toEqual(['secret', '1'])
  })

  test('to another origin leave the credentials behind', async () => {
    await using stage = await http3Stage(redirecting, { client: { verify: () => true } })
    const told = await (await stage.fetch('/302?to=https://other.test/there', { headers })).json()
    expect([told.headers.authorization, told.headers.cookie, told.headers['x-own']]).toEqual([
      undefined,
      undefined,
      '1',
    ])
    expect(stage.transports).toHaveLength(2)
  })

  test('are told, or an error, where they are not to be followed', async () => {
    await using stage = await http3Stage(redirecting)
    const response = await stage.fetch('/302?to=/there', { redirect: 'manual' })
    expect([response.status, response.headers.get('location')]).toEqual([302, '/there'])
    expect(await rejection(stage.fetch('/302?to=/there', { redirect: 'error' }))).toMatchObject({
      message: 'https://server.test/302?to=/there redirects to /there',
    })
  })

  test('end after twenty, at other schemes, and where a stream would be sent again', async () => {
    await using stage = await http3Stage(redirecting)
    const loop = '/302?to='.concat(encodeURIComponent('/302?to=x'))
    expect((await stage.fetch(loop)).status).toBe(200)
    await using endless = await http3Stage(() => new Response(null, { status: 302, headers: { location: '/' } }))
    expect(await rejection(endless.fetch('/'))).toMatchObject({ message: 'More than 20 redirects' })
    expect(await rejection(stage.fetch('/302?to=http://server.test/'))).toMatchObject({ name: 'TypeError' })
    const body = new Response('x').body ?? ''
    expect(await rejection(stage.fetch('/307?to=/there', { method: 'POST', body }))).toMatchObject({
      message: expect.stringContaining('was a stream'),
    })
  })

  test('keep the fragment to themselves', async () => {
    await using stage = await http3Stage(redirecting)
    expect((await stage.fetch('/302?to=/there#part')).url).toBe('https://server.test/there')
  })
})

describe('early data', () => {
  const safe: Handler = (request, info) => new Response(`${request.method} ${info.isEarly}`)

  /** A second connection, which may go on from the first one's session. */
  async function again(
    earlyData: boolean | ((request: Request) => boolean) | undefined,
    init: FetchInit = {},
  ): Promise<[number, string, boolean | undefined]> {
    await using stage = await http3Stage(safe, {
      server: earlyData === undefined ? {} : { earlyData },
      client: { idleTimeout: 20, sessionStore: new MemoryStore() },
    })
    await (await stage.fetch('/')).text()
    await expect.poll(() => stage.client.connections.size, PATIENCE).toBe(0)
    const response = await stage.fetch('/', init)
    return [response.status, await response.text(), responseInfo(response)?.isEarly]
  }

  //= rfc9114#10.9-p1-1
  test('carries safe requests where the server takes it', async () => {
    expect(await again(true)).toEqual([200, 'GET true', true])
  })

  test('is not for requests that change something', async () => {
    expect(await again(true, { method: 'POST', body: 'x' })).toEqual([200, 'POST false', false])
  })

  test('is taken back where the server does not take it', async () => {
    expect((await again(undefined))[1]).toBe('GET false')
  })

  //= rfc9114#10.9-p1-1
  test('is turned away with 425, and the request comes again after the handshake', async () => {
    expect(await again(() => false)).toEqual([200, 'GET false', false])
  })

  //= rfc9114#7.2.4.2-p7-1
  test('is not taken by a server with other settings than it was promised', async () => {
    let offset = 0
    const real = testEnvironment()
    const environment = Object.assign(Object.create(real), { wallClock: () => real.wallClock() + offset })
    const shared = { environment, earlyData: true, tickets: { key: new Uint8Array(32).fill(7) } }
    const client = { environment, sessionStore: new MemoryStore() }
    const outcomes: string[] = []
    for (const maxFieldSectionSize of [60_000, 60_000, 50_000]) {
      await using stage = await http3Stage(safe, { server: { ...shared, maxFieldSectionSize }, client })
      // A server that has just begun takes no ticket from before.
      offset += 30_000
      outcomes.push(await (await stage.fetch('/')).text())
      await stage.client.close()
    }
    expect(outcomes).toEqual(['GET false', 'GET true', 'GET false'])
  })

  test('of somebody before us is turned away as well', async () => {
    await using stage = await http3Stage(safe)
    expect((await stage.fetch('/', { headers: { 'early-data': '1' } })).status).toBe(425)
  })
})

describe('alternative services', () => {
  test('are gone to, under the name of the origin', async () => {
    const targets: unknown[] = []
    const stage = await http3Stage(
      (request) =>
        new Response(request.headers.get('alt-used'), { headers: { 'alt-svc': 'h3="other.test:8443"; ma=60' } }),
    )
    const transport = stage.transportOf
    const client = stage.clientWith({
      transport: (target) => {
        targets.push(target)
        return transport()
      },
    })
    expect(await (await client.fetch('https://server.test/')).text()).toBe('')
    // While the other connection is made, the first one serves.
    await expect.poll(async () => (await client.fetch('https://server.test/')).text(), PATIENCE).toBe('other.test:8443')
    expect(targets).toEqual([
      { origin: 'https://server.test', host: 'server.test', port: 443 },
      { origin: 'https://server.test', host: 'other.test', port: 8443 },
    ])
    await client.close()
    await stage[Symbol.asyncDispose]()
  })

  test('that cannot be reached are passed over', async () => {
    const stage = await http3Stage(() => new Response('x', { headers: { 'alt-svc': 'h3=":8443"' } }))
    const transport = stage.transportOf
    let attempts = 0
    const client = stage.clientWith({
      idleTimeout: 20,
      transport: ({ port }) => {
        if (port !== 8443) return transport()
        attempts += 1
        return Promise.reject(new Error('nobody there'))
      },
    })
    await (await client.fetch('https://server.test/')).text()
    await expect.poll(() => client.connections.size, PATIENCE).toBe(0)
    expect(await (await client.fetch('https://server.test/')).text()).toBe('x')
    expect(await (await client.fetch('https://server.test/')).text()).toBe('x')
    // Once, and not again for a while, though each response repeats it.
    expect(attempts).toBe(1)
    await client.close()
    await stage[Symbol.asyncDispose]()
  })

  test('that are not for the origin are forgotten, and the request goes where it should', async () => {
    const stage = await http3Stage((request) =>
      request.headers.has('alt-used')
        ? new Response(null, { status: 421 })
        : new Response('x', { headers: { 'alt-svc': 'h3=":8443"' } }),
    )
    const client = stage.clientWith({ idleTimeout: 20, transport: stage.transportOf })
    await (await client.fetch('https://server.test/')).text()
    await expect.poll(() => client.connections.size, PATIENCE).toBe(0)
    expect((await client.fetch('https://server.test/')).status).toBe(200)
    await client.close()
    await stage[Symbol.asyncDispose]()
  })
})
