import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type ProxyHandler, type ProxyInfo, proxyHandler } from './proxy.ts'

const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})

/** An origin, and a proxy in front of it. */
async function proxied(listener: RequestListener, path = ''): Promise<{ proxy: ProxyHandler; origin: string }> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const proxy = proxyHandler(origin + path)
  closing.push(
    () => proxy.close(),
    () =>
      new Promise((resolve) => {
        server.close(resolve)
        server.closeAllConnections()
      }),
  )
  return { proxy, origin }
}

const URL_ = 'https://site.example:8443'
const request = (path: string, init?: RequestInit): Request => new Request(URL_ + path, init)
const streaming = (body: ReadableStream<Uint8Array>, init: RequestInit = {}): RequestInit =>
  ({ method: 'POST', ...init, body, duplex: 'half' }) as RequestInit

describe('A request', () => {
  test('reaches the origin with its fields, without those of the connection, and with what is to be known of the client', async () => {
    const { proxy, origin } = await proxied((incoming, response) => {
      response.end(JSON.stringify({ method: incoming.method, url: incoming.url, headers: incoming.headers }))
    }, '/app/')
    const headers = {
      'x-own': '1',
      cookie: 'a=1; b=2',
      connection: 'x-hop',
      'x-hop': '1',
      te: 'trailers',
      'x-forwarded-for': '10.0.0.1',
      forwarded: 'for=10.0.0.1',
      via: '2 edge',
      'proxy-authorization': 'secret',
    }
    const info = { remoteAddress: '[2001:db8::7]:5000' }
    const response = await proxy(request('/a%20b?c=d', { method: 'DELETE', headers }), info)
    expect(await response.json()).toEqual({
      method: 'DELETE',
      url: '/app/a%20b?c=d',
      headers: {
        host: origin.slice(7),
        'x-own': '1',
        cookie: 'a=1; b=2',
        'x-forwarded-for': '2001:db8::7',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'site.example:8443',
        via: '2 edge, 3.0 isoquic',
      },
    })
  })

  test.each([
    ['with a length', { 'content-length': '5' }],
    ['without a length', {}],
  ])('brings its content, %s', async (_, headers) => {
    const { proxy } = await proxied(async (incoming, response) => {
      let text = ''
      for await (const chunk of incoming.setEncoding('utf8')) text += chunk
      const { 'content-length': length, 'transfer-encoding': coding } = incoming.headers
      response.end(JSON.stringify({ text, length, coding }))
    })
    const response = await proxy(request('/', { method: 'POST', headers, body: 'hello' }))
    const framing = 'content-length' in headers ? { length: '5' } : { coding: 'chunked' }
    expect(await response.json()).toEqual({ text: 'hello', ...framing })
  })

  test('has trailers', async () => {
    const { proxy } = await proxied((incoming, response) => {
      incoming.resume().on('end', () => response.end(JSON.stringify(incoming.trailers)))
    })
    const trailers = Promise.resolve(new Headers({ 'x-sum': '5' }))
    const response = await proxy(request('/', { method: 'POST', body: 'x' }), { trailers })
    expect(await response.json()).toEqual({ 'x-sum': '5' })
  })

  test('streams, both ways at once, no faster than it is read', async () => {
    let sent = 0
    const { proxy } = await proxied((incoming, response) => incoming.pipe(response))
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          sent += 100_000
          controller.enqueue(new Uint8Array(100_000))
          if (sent === 40_000_000) controller.close()
        },
      },
      { highWaterMark: 0 },
    )
    const response = await proxy(request('/', streaming(body)))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(sent).toBeLessThan(40_000_000)
    expect((await response.arrayBuffer()).byteLength).toBe(40_000_000)
  })

  test('is given up with its client', async () => {
    let isClosed = false
    const { proxy } = await proxied((_, response) => {
      response.on('close', () => {
        isClosed = true
      })
      response.write('x')
    })
    const abort = new AbortController()
    const response = await proxy(request('/', { signal: abort.signal }))
    const reader = response.body?.getReader()
    await reader?.read()
    abort.abort(new Error('gone'))
    await expect(reader?.read()).rejects.toThrow()
    while (!isClosed) await new Promise((resolve) => setTimeout(resolve, 1))
  })

  test.each([
    ['is refused', false],
    ['is wanted', true],
  ])('that asks whether to send its content hears that it %s', async (_, isWanted) => {
    const server = createServer((incoming, response) => incoming.pipe(response))
    server.on('checkContinue', (incoming, response) => {
      if (!isWanted) return response.writeHead(417).end('no')
      response.writeContinue()
      return incoming.pipe(response)
    })
    const { proxy } = await proxied((incoming, response) => server.emit('request', incoming, response))
    proxy.close()
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    closing.push(
      () => server.closeAllConnections(),
      () => server.close(),
    )
    const asking = proxyHandler(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    closing.push(() => asking.close())
    let isRead = false
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          isRead = true
          controller.enqueue(new TextEncoder().encode('yes'))
          controller.close()
        },
      },
      { highWaterMark: 0 },
    )
    const response = await asking(request('/', streaming(body, { headers: { expect: '100-continue' } })))
    expect([response.status, await response.text(), isRead]).toEqual(isWanted ? [200, 'yes', true] : [417, 'no', false])
  })
})

describe('A response', () => {
  test('comes with its fields, without those of the connection', async () => {
    const { proxy } = await proxied((_, response) => {
      response.setHeader('connection', 'x-hop')
      response.setHeader('alt-svc', 'h3=":9"')
      response.setHeader('set-cookie', ['a=1', 'b=2'])
      response.writeHead(404, { 'x-hop': '1', 'x-own': 'caf\u00e9', 'content-encoding': 'gzip' }).end('as it is')
    })
    const response = await proxy(request('/'))
    expect([response.status, await response.text()]).toEqual([404, 'as it is'])
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    expect([response.headers.get('x-own'), response.headers.get('content-encoding')]).toEqual(['caf\u00e9', 'gzip'])
    for (const name of ['connection', 'x-hop', 'keep-alive', 'transfer-encoding', 'alt-svc']) {
      expect([name, response.headers.get(name)]).toEqual([name, null])
    }
  })

  test('is announced by others, and followed by trailers', async () => {
    const { proxy } = await proxied((_, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
      response.writeHead(200, { trailer: 'x-sum' })
      response.write('text')
      response.addTrailers({ 'x-sum': '5' })
      response.end()
    })
    const heard: unknown[] = []
    const info: ProxyInfo = {
      inform: (status, headers) => heard.push([status, Object.fromEntries(headers)]),
      sendTrailers: (trailers) => heard.push(Object.fromEntries(trailers)),
    }
    expect(await (await proxy(request('/'), info)).text()).toBe('text')
    expect(heard).toEqual([[103, { link: '</a.css>; rel=preload' }], { 'x-sum': '5' }])
  })

  test.each([204, 205, 304])('may be %i', async (status) => {
    const { proxy } = await proxied((_, response) => response.writeHead(status).end())
    const response = await proxy(request('/'))
    expect([response.status, response.body]).toEqual([status, null])
  })

  test('to HEAD has a length and no content', async () => {
    const { proxy } = await proxied((_, response) => response.writeHead(200, { 'content-length': 7 }).end())
    const response = await proxy(request('/', { method: 'HEAD' }))
    expect([response.headers.get('content-length'), response.body]).toEqual(['7', null])
  })

  test('leads back through the proxy', async () => {
    const { proxy, origin } = await proxied((incoming, response) => {
      const location = incoming.url === '/own' ? `${origin}/next?x=1` : 'http://elsewhere.example/'
      response.writeHead(302, { location }).end()
    })
    expect((await proxy(request('/own'))).headers.get('location')).toBe(`${URL_}/next?x=1`)
    expect((await proxy(request('/other'))).headers.get('location')).toBe('http://elsewhere.example/')
  })

  test('that breaks off breaks off', async () => {
    const { proxy } = await proxied((_, response) => {
      response.writeHead(200, { 'content-length': 100 })
      response.write('x', () => response.destroy())
    })
    const response = await proxy(request('/'))
    await expect(response.text()).rejects.toThrow()
  })
})

test('an origin that is not there is a bad gateway', async () => {
  const { proxy, origin } = await proxied((_, response) => response.destroy())
  expect((await proxy(request('/'))).status).toBe(502)
  for (const close of closing.splice(0)) await close()
  const absent = proxyHandler(origin)
  const response = await absent(request('/'))
  expect([response.status, await response.text()]).toEqual([502, 'The origin does not answer (ECONNREFUSED)\n'])
})

test.each(['', 'localhost:80', 'ftp://x', '/path'])('%j is no origin', (origin) => {
  expect(() => proxyHandler(origin)).toThrow(`The origin must be an http:// or https:// URL, got ${origin}`)
})
