import { describe, expect, test } from 'vitest'
import { rejection } from '../pipe.fixtures.ts'
import { deferred } from '../signal.ts'
import { Http3Client } from './client.ts'
import { createFetch } from './fetch.ts'
import { http3Stage, PATIENCE } from './http3.fixtures.ts'
import type { FetchInit, FetchInput } from './outgoing-request.ts'
import { responseInfo } from './response-info.ts'
import type { Handler, ServeOptions } from './serve-options.ts'
import type { Http3Session } from './session.ts'

const pathOf = (request: Request): string => new URL(request.url).pathname

/** Says what came. */
const mirror: Handler = async (request) =>
  Response.json({ method: request.method, headers: Object.fromEntries(request.headers), body: await request.text() })

describe('arguments', () => {
  //= rfc9114#3.1.2-p2-1
  test.each<[string, FetchInput, FetchInit, string]>([
    ['a relative URL', '/here', {}, 'absolute'],
    ['another scheme', 'http://server.test/', {}, 'https:'],
    ['a password', 'https://u:p@server.test/', {}, 'password'],
    ['CONNECT', 'https://server.test/', { method: 'connect' }, 'CONNECT'],
    ['a method that is none', 'https://server.test/', { method: 'A B' }, 'A B'],
    ['a body for GET', 'https://server.test/', { body: 'x' }, 'GET has no body'],
    ['another redirect', 'https://server.test/', { redirect: 'sometimes' as 'follow' }, 'redirect'],
    ['an urgency of 8', 'https://server.test/', { priority: { urgency: 8 } }, 'urgency'],
    ['a hint that is none', 'https://server.test/', { priority: 'highest' as 'high' }, 'highest'],
    ['a digest', 'https://server.test/', { integrity: 'sha256-x' }, 'integrity'],
    ['a length that is none', 'https://server.test/', { headers: { 'content-length': 'x' } }, 'content-length'],
    ['a body that is locked', 'https://server.test/', { method: 'POST', body: lockedStream() }, 'locked'],
  ])('are refused: %s', async (_name, input, init, words) => {
    await using stage = await http3Stage(() => new Response('x'))
    const error = await rejection(stage.client.fetch(input, init))
    expect(error).toBeInstanceOf(Error)
    expect((error as Error).name).toMatch(/TypeError|RangeError/)
    expect((error as Error).message).toContain(words)
    expect(stage.server.pendingRequests).toBe(0)
  })

  test('may be a Request, and what init has goes first', async () => {
    await using stage = await http3Stage(mirror)
    const request = new Request('https://server.test/a', { method: 'POST', body: 'words', headers: { 'x-a': '1' } })
    const told = await (await stage.client.fetch(request, { headers: { 'x-b': '2' } })).json()
    expect(told).toMatchObject({ method: 'POST', body: 'words', headers: { 'x-b': '2' } })
    expect(told.headers['x-a']).toBeUndefined()
  })

  test.each<[string, () => NonNullable<FetchInit['body']>, string, string]>([
    ['text', () => 'äb', 'äb', 'text/plain;charset=UTF-8'],
    ['a search', () => new URLSearchParams({ a: 'b c' }), 'a=b+c', 'application/x-www-form-urlencoded;charset=UTF-8'],
    ['a blob', () => new Blob(['ab'], { type: 'text/x' }), 'ab', 'text/x'],
    ['a buffer', () => new Uint8Array([97, 98]).buffer, 'ab', ''],
    ['a view', () => new DataView(new Uint8Array([0, 97, 98]).buffer, 1), 'ab', ''],
    ['a stream', () => new Response('ab').body ?? '', 'ab', ''],
  ])('have a body of many kinds: %s', async (_name, body, text, type) => {
    await using stage = await http3Stage(mirror)
    const told = await (await stage.fetch('/', { method: 'post', body: body() })).json()
    expect([told.method, told.body, told.headers['content-type'] ?? '']).toEqual(['POST', text, type])
  })

  test('have forms, written by the platform', async () => {
    await using stage = await http3Stage(async (request) => {
      const form = await request.formData()
      return new Response(String(form.get('name')))
    })
    const form = new FormData()
    form.set('name', 'value')
    expect(await (await stage.fetch('/', { method: 'POST', body: form })).text()).toBe('value')
  })

  test('of the client are checked', () => {
    for (const [name, value] of Object.entries({
      transport: 3,
      idleTimeout: -1,
      altSvc: 1,
      address: 'a:1',
      grease: 3,
    })) {
      expect(() => new Http3Client({ [name]: value })).toThrow(name)
    }
  })
})

describe('connections', () => {
  test('serve one request after another, and many at once', async () => {
    await using stage = await http3Stage((request) => new Response(pathOf(request)))
    await (await stage.fetch('/first')).text()
    const paths = Array.from({ length: 300 }, (_, index) => `/${index}`)
    const bodies = await Promise.all(paths.map(async (path) => (await stage.fetch(path)).text()))
    expect(bodies).toEqual(paths)
    expect(stage.transports).toHaveLength(1)
  })

  test('close by themselves when nobody needs them', async () => {
    await using stage = await http3Stage(() => new Response('x'), { client: { idleTimeout: 20 } })
    await (await stage.fetch('/')).text()
    await expect.poll(() => [stage.client.connections.size, stage.server.connections.size], PATIENCE).toEqual([0, 0])
    await (await stage.fetch('/')).text()
    expect(stage.transports).toHaveLength(2)
  })

  test('that cannot be made cost the request alone, and say why', async () => {
    const client = new Http3Client({ transport: () => Promise.reject(new Error('no way')) })
    expect(await rejection(client.fetch('https://server.test/'))).toMatchObject({
      name: 'TypeError',
      message: 'The request failed: no way',
      cause: { message: 'no way' },
    })
    await using stage = await http3Stage(() => new Response('x'), {
      client: { spkiPins: [new Uint8Array(32)] },
    })
    expect(await rejection(stage.fetch('/'))).toMatchObject({ name: 'TypeError', cause: { name: 'QuicTlsError' } })
    expect(stage.transports).toHaveLength(1)
    await client.close()
  })

  test('of a server that goes away are left for others, where the request is sent again', async () => {
    await using stage = await http3Stage((request) => new Response(pathOf(request)))
    await (await stage.fetch('/1')).text()
    const [connection] = stage.server.connections
    await connection?.close({ closeCode: 0x100 })
    expect(await (await stage.fetch('/2', { method: 'POST', body: 'again' })).text()).toBe('/2')
    expect(stage.transports.length).toBeGreaterThan(1)
  })

  //= rfc9114#5.2-p3-1
  test('of a server that goes away lose nothing: what was not processed is asked for again elsewhere', async () => {
    const sessions: Http3Session[] = []
    const extend = (session: Http3Session) => {
      sessions.push(session)
      return { onHttp3Event: () => false }
    }
    const counts = new Map<string, number>()
    await using stage = await http3Stage(
      async (request) => {
        const body = await request.text()
        counts.set(body, (counts.get(body) ?? 0) + 1)
        // Half of them are beyond the limit of streams yet, or on their way.
        if (counts.size === 50) {
          sessions[0]?.core?.goAway('final')
          sessions[0]?.touch()
        }
        return new Response(body)
      },
      { server: { extend } as Partial<ServeOptions> },
    )
    const bodies = Array.from({ length: 200 }, (_, index) => `body ${index}`)
    const asking = bodies.map(async (body, index) => {
      if (index === 100) await new Promise((resolve) => setTimeout(resolve, 5))
      const response = await stage.fetch('/', { method: 'POST', body })
      return response.text()
    })
    expect(await Promise.all(asking)).toEqual(bodies)
    // Nothing was done twice.
    expect([...new Set(counts.values())]).toEqual([1])
    expect(stage.transports).toHaveLength(2)
    await expect.poll(() => stage.client.connections.size, PATIENCE).toBe(1)
  })

  test('that die with a stream under way cost it: it cannot be sent again', async () => {
    await using stage = await http3Stage(() => new Promise(() => {}))
    const body = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(10)) })
    const fetching = rejection(stage.fetch('/', { method: 'POST', body }))
    await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(1)
    await [...stage.server.connections][0]?.close({ closeCode: 0x102 })
    expect(await fetching).toMatchObject({ name: 'TypeError', cause: { code: 0x102n, side: 'remote' } })
    expect(stage.transports).toHaveLength(1)
  })

  test('end with the client: what is under way fails, and so does what comes later', async () => {
    const stage = await http3Stage(() => new Promise(() => {}))
    const fetching = rejection(stage.fetch('/'))
    await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(1)
    await stage.client.close()
    expect(await fetching).toMatchObject({ name: 'TypeError' })
    expect(await rejection(stage.fetch('/'))).toMatchObject({ message: 'The client is closed' })
    await stage.server.close()
  })

  test('are made in the shape of fetch', async () => {
    await using stage = await http3Stage(() => new Response('x'))
    await using fetch = createFetch({ transport: () => Promise.reject(new Error('no way')) })
    expect(await rejection(fetch('https://server.test/'))).toMatchObject({ cause: { message: 'no way' } })
    expect(fetch.client.connections.size).toBe(0)
    expect(stage.client.connections.size).toBe(0)
  })
})

describe('a signal', () => {
  test('that is aborted beforehand sends nothing', async () => {
    await using stage = await http3Stage(() => new Response('x'))
    expect(await rejection(stage.fetch('/', { signal: AbortSignal.abort('why') }))).toBe('why')
    expect(stage.client.connections.size).toBe(0)
  })

  test('ends the wait for a connection', async () => {
    const client = new Http3Client({ transport: () => new Promise(() => {}) })
    const abort = new AbortController()
    const fetching = client.fetch('https://server.test/', { signal: abort.signal })
    abort.abort('why')
    expect(await rejection(fetching)).toBe('why')
  })

  test('ends a body that is being read, and tells the server', async () => {
    const aborted = deferred<unknown>()
    await using stage = await http3Stage((request) => {
      request.signal.addEventListener('abort', () => aborted.resolve(request.signal.reason))
      return new Response(new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(10)) }))
    })
    const abort = new AbortController()
    const response = await stage.fetch('/', { signal: abort.signal })
    const reader = response.body?.getReader()
    await reader?.read()
    const reading = reader?.read()
    abort.abort(new Error('why'))
    expect(await rejection(reading ?? Promise.resolve())).toMatchObject({ message: 'why' })
    expect(await aborted.promise).toMatchObject({ code: 0x10cn })
  })

  test('ends the body of the request too', async () => {
    await using stage = await http3Stage(() => new Promise(() => {}))
    const abort = new AbortController()
    const cancelled = deferred<unknown>()
    const body = new ReadableStream<Uint8Array>({ cancel: (reason) => cancelled.resolve(reason) })
    const fetching = stage.fetch('/', { method: 'POST', body, signal: abort.signal })
    fetching.catch(() => {})
    await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(1)
    abort.abort('why')
    expect([await rejection(fetching), await cancelled.promise]).toEqual(['why', 'why'])
    await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(0)
  })
})

describe('a response', () => {
  test('whose connection dies fails, and does not hang', async () => {
    await using stage = await http3Stage(
      () => new Response(new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(10)) })),
    )
    const response = await stage.fetch('/')
    const reading = rejection(response.arrayBuffer())
    await new Promise((resolve) => setTimeout(resolve, 10))
    stage.transports[0]?.close()
    expect(await reading).toBeInstanceOf(Error)
    expect(await rejection(responseInfo(response)?.trailers ?? Promise.resolve())).toMatchObject({
      name: 'TypeError',
      cause: { name: 'QuicCarrierError' },
    })
  })

  //= rfc9114#5.4-p2-1
  //= rfc9114#4.1.1-p6-2
  test('that may have been on its way is not asked for again, unless asking changes nothing', async () => {
    const asked: string[] = []
    await using stage = await http3Stage((request) => {
      asked.push(request.method)
      return request.method === 'POST' ? new Promise(() => {}) : new Response('x')
    })
    await (await stage.fetch('/')).text()
    const failing = rejection(stage.fetch('/', { method: 'POST', body: 'x' }))
    await expect.poll(() => asked, PATIENCE).toEqual(['GET', 'POST'])
    stage.transports[0]?.close()
    expect(await failing).toMatchObject({ name: 'TypeError' })
    expect(await (await stage.fetch('/')).text()).toBe('x')
    expect(asked).toEqual(['GET', 'POST', 'GET'])
  })

  test('knows where it came from, and its clone too', async () => {
    await using stage = await http3Stage((request) =>
      pathOf(request) === '/old' ? Response.redirect('https://server.test/new', 307) : new Response('x'),
    )
    const response = await stage.fetch('/old#part')
    const clone = response.clone()
    expect([response.url, response.redirected, clone.url]).toEqual([
      'https://server.test/new',
      true,
      'https://server.test/new',
    ])
    expect(responseInfo(clone)?.connection).toBe([...stage.client.connections][0])
    await Promise.all([response.text(), clone.text()])
  })

  test('is not waited for where the body is not as long as was said', async () => {
    await using stage = await http3Stage(async (request) => new Response(await request.text()))
    const init = { method: 'POST', body: 'abc', headers: { 'content-length': '10' } }
    expect(await rejection(stage.fetch('/', init))).toMatchObject({ cause: { name: 'ContentLengthError' } })
    await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(0)
    expect((await stage.fetch('/', { ...init, headers: { 'content-length': '3' } })).status).toBe(200)
  })

  test('may set cookies in every runtime', async () => {
    await using stage = await http3Stage((_request, info) => {
      info.sendTrailers({})
      const response = new Response('x')
      const headers = new Headers([
        ['set-cookie', 'a=b'],
        ['set-cookie', 'c=d'],
      ])
      return Object.defineProperty(response, 'headers', { value: headers })
    })
    const { headers } = await stage.fetch('/')
    expect(headers.getSetCookie()).toEqual(['a=b', 'c=d'])
  })
})

function lockedStream(): ReadableStream<Uint8Array> {
  const stream = new ReadableStream<Uint8Array>()
  stream.getReader()
  return stream
}
