import { describe, expect, test } from 'vitest'
import { bytesOf, rejection } from '../pipe.fixtures.ts'
import { deferred } from '../signal.ts'
import { http3Stage, PATIENCE } from './http3.fixtures.ts'
import { responseInfo } from './response-info.ts'
import type { ServeInfo } from './serve-info.ts'

/** Chunks, one for each pull. */
function streamOf(...chunks: Uint8Array[]): ReadableStream<Uint8Array> {
  const left = [...chunks]
  return new ReadableStream({
    pull(controller) {
      const next = left.shift()
      if (next === undefined) controller.close()
      else controller.enqueue(next)
    },
  })
}

const text = (words: string): Uint8Array => new TextEncoder().encode(words)

describe('a handler', () => {
  test('is given the request as it was sent', async () => {
    let seen: Request | undefined
    await using stage = await http3Stage(async (request) => {
      seen = request
      return new Response(await request.text())
    })
    const response = await stage.fetch('/a/b?c=d', {
      method: 'POST',
      headers: {
        cookie: 'a=b; c=d',
        'x-latin': '\u00e9'.normalize('NFC') === '' ? '' : 'ok',
        'content-type': 'text/x',
      },
      body: 'some words',
    })
    expect([response.status, await response.text()]).toEqual([200, 'some words'])
    expect([seen?.method, seen?.url]).toEqual(['POST', 'https://server.test/a/b?c=d'])
    const headers = ['cookie', 'content-type', 'content-length', 'accept', 'user-agent']
    expect(headers.map((name) => seen?.headers.get(name))).toEqual(['a=b; c=d', 'text/x', '10', '*/*', 'isoquic'])
  })

  test('is told of the connection, and may keep the client informed', async () => {
    let seen: ServeInfo | undefined
    await using stage = await http3Stage((_request, info) => {
      seen = info
      info.inform(103, { link: '</style.css>; rel=preload' })
      expect(() => info.inform(101)).toThrow(RangeError)
      expect(() => info.inform(200)).toThrow(RangeError)
      return new Response('done')
    })
    const heard: [number, string | null][] = []
    const response = await stage.fetch('/', {
      onInformational: ({ status, headers }) => void heard.push([status, headers.get('link')]),
    })
    expect(await response.text()).toBe('done')
    expect(heard).toEqual([[103, '</style.css>; rel=preload']])
    expect([seen?.alpn, seen?.isEarly, seen?.streamId]).toEqual(['h3', false, 0])
    expect(seen?.connection).toBe([...stage.server.connections][0])
  })

  test('that throws costs a 500, and the connection lives', async () => {
    const errors: unknown[] = []
    const failures = [
      () => {
        throw new Error('no')
      },
      async () => Promise.reject(new Error('later')),
      () => 'words' as unknown as Response,
      () => Response.error(),
      () => new Response(null, { headers: { 'content-length': '3' } }),
    ]
    await using stage = await http3Stage(
      (request) => failures[Number(new URL(request.url).pathname.slice(1))]?.() ?? new Response('well'),
      { server: { onError: (error) => void errors.push(error) } },
    )
    for (const index of failures.keys()) {
      const response = await stage.fetch(`/${index}`)
      expect([index, response.status, await response.text()]).toEqual([index, 500, ''])
    }
    expect(errors.map(String)).toEqual([
      'Error: no',
      'Error: later',
      'TypeError: The handler must return a Response, got string',
      'TypeError: The handler must return a Response with a status from 200 to 599, got 0',
      'TypeError: The response has no body, and content-length says 3',
    ])
    expect(await (await stage.fetch('/99')).text()).toBe('well')
    expect(stage.client.connections.size).toBe(1)
  })

  test('that throws is answered for by onError', async () => {
    await using stage = await http3Stage(
      () => {
        throw new Error('no')
      },
      { server: { onError: (error) => new Response(String(error), { status: 503 }) } },
    )
    const response = await stage.fetch('/')
    expect([response.status, await response.text()]).toEqual([503, 'Error: no'])
  })

  test('whose body fails midway costs the response alone', async () => {
    const received = deferred<void>()
    const errors: unknown[] = []
    await using stage = await http3Stage(
      (request) =>
        request.url.endsWith('/well')
          ? new Response('well')
          : new Response(
              new ReadableStream({
                start: (controller) => controller.enqueue(text('a beginning')),
                pull: async (controller) => {
                  await received.promise
                  controller.error(new Error('broken'))
                },
              }),
            ),
      { server: { onError: (error) => void errors.push(error) } },
    )
    const response = await stage.fetch('/')
    expect(response.status).toBe(200)
    received.resolve()
    const error = await rejection(response.text())
    expect(error).toBeInstanceOf(Error)
    expect(errors.map(String)).toEqual(['Error: broken'])
    expect(await (await stage.fetch('/well')).text()).toBe('well')
  })

  test.each([
    ['too much', 3],
    ['too little', 30],
  ])('that announces another length than it sends, %s, costs the response alone', async (_name, length) => {
    const errors: unknown[] = []
    await using stage = await http3Stage(
      () => new Response(streamOf(text('ten '), text('bytes!')), { headers: { 'content-length': `${length}` } }),
      { server: { onError: (error) => void errors.push(error) } },
    )
    await rejection(stage.fetch('/').then((response) => response.text()))
    expect(errors).toEqual([expect.objectContaining({ name: 'ContentLengthError' })])
  })

  test('hears of a client that goes', async () => {
    const aborted = deferred<unknown>()
    const began = deferred<void>()
    await using stage = await http3Stage(async (request) => {
      request.signal.addEventListener('abort', () => aborted.resolve(request.signal.reason))
      began.resolve()
      await aborted.promise
      return new Response('too late')
    })
    const giveUp = new AbortController()
    const fetching = stage.fetch('/', { signal: giveUp.signal })
    fetching.catch(() => {})
    await began.promise
    giveUp.abort(new Error('enough'))
    expect(await rejection(fetching)).toMatchObject({ message: 'enough' })
    expect(await aborted.promise).toMatchObject({ code: 0x10cn, side: 'remote' })
  })

  test('hears of a client whose connection ends', async () => {
    const aborted = deferred<unknown>()
    const began = deferred<void>()
    await using stage = await http3Stage(async (request) => {
      request.signal.addEventListener('abort', () => aborted.resolve(request.signal.reason))
      began.resolve()
      await aborted.promise
      return new Response('too late')
    })
    const fetching = rejection(stage.fetch('/'))
    await began.promise
    await stage.client.close()
    expect(await aborted.promise).toMatchObject({ name: 'QuicApplicationError', code: 0x100n })
    expect(await fetching).toBeInstanceOf(TypeError)
    expect(stage.server.pendingRequests).toBe(0)
  })
})

describe('bodies', () => {
  test('stream both ways at once', async () => {
    await using stage = await http3Stage((request) => new Response(request.body))
    const sent = deferred<void>()
    let sending: ReadableStreamDefaultController<Uint8Array> | undefined
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        sending = controller
        controller.enqueue(text('one'))
      },
    })
    const response = await stage.fetch('/', { method: 'POST', body })
    const reader = response.body?.getReader()
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('one')
    sending?.enqueue(text('two'))
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('two')
    sending?.close()
    expect((await reader?.read())?.done).toBe(true)
    sent.resolve()
  })

  test('of a megabyte arrive whole', async () => {
    const bytes = bytesOf(1_000_000)
    await using stage = await http3Stage(async (request) => {
      const got = new Uint8Array(await request.arrayBuffer())
      return new Response(got.length === bytes.length ? streamOf(got.subarray(0, 7), got.subarray(7)) : 'cut')
    })
    const response = await stage.fetch('/', { method: 'PUT', body: bytes as Uint8Array<ArrayBuffer> })
    const back = new Uint8Array(await response.arrayBuffer())
    expect(back.length).toBe(bytes.length)
    expect(back.every((byte, index) => byte === bytes[index])).toBe(true)
  })

  //= rfc9114#4.1-p15-1
  test('that nobody reads give the client no credit, and are turned away with the response', async () => {
    await using stage = await http3Stage(() => new Response('no, thanks'))
    let pulled = 0
    let reason: unknown
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        pulled += 1
        controller.enqueue(new Uint8Array(100_000))
      },
      cancel: (why) => {
        reason = why
      },
    })
    const response = await stage.fetch('/', { method: 'POST', body })
    expect(await response.text()).toBe('no, thanks')
    await expect.poll(() => reason, PATIENCE).toMatchObject({ code: 0x100n })
    expect(pulled).toBeLessThan(20)
  })

  test('that are asked for after the response fail, and do not hang', async () => {
    const late = deferred<unknown>()
    await using stage = await http3Stage((request, info) => {
      const reading = async () => {
        await new Promise((resolve) => setTimeout(resolve, 20))
        late.resolve([await rejection(request.text()), await rejection(info.trailers)])
      }
      info.waitUntil(reading())
      return new Response('early')
    })
    expect(await (await stage.fetch('/', { method: 'POST', body: streamOf(text('words')) })).text()).toBe('early')
    expect(await late.promise).toEqual([expect.any(Error), expect.objectContaining({ name: 'TypeError' })])
  })

  test('of a response are pulled as the client takes them', async () => {
    let pulled = 0
    await using stage = await http3Stage(
      () =>
        new Response(
          new ReadableStream({
            pull: (controller) => {
              pulled += 1
              controller.enqueue(new Uint8Array(100_000))
            },
          }),
        ),
      { client: { initialMaxStreamDataBidiLocal: 100_000, maxReceiveWindow: 100_000 } },
    )
    const response = await stage.fetch('/')
    await new Promise((resolve) => setTimeout(resolve, 50))
    // Our send buffer, the window of the client, and what waits in front of the former.
    expect(pulled).toBeLessThan(10)
    await response.body?.cancel()
    await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(0)
  })

  test('are none of HEAD, 204 and 304, whatever the handler says', async () => {
    let cancelled = 0
    await using stage = await http3Stage((request) => {
      const status = Number(new URL(request.url).pathname.slice(1))
      if (status !== 200) return new Response(null, { status })
      const body = new ReadableStream({ cancel: () => void cancelled++ })
      return new Response(body, { headers: { 'content-length': '1000' } })
    })
    const head = await stage.fetch('/200', { method: 'HEAD' })
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '1000', ''])
    for (const status of [204, 205, 304]) {
      const response = await stage.fetch(`/${status}`)
      expect([response.status, response.body]).toEqual([status, null])
    }
    expect(cancelled).toBe(1)
    await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(0)
  })

  test('have trailers, both ways', async () => {
    await using stage = await http3Stage(async (request, info) => {
      const body = await request.text()
      const trailers = await info.trailers
      info.sendTrailers(() => ({ 'x-sum': `${trailers.get('x-count')}!` }))
      return new Response(body)
    })
    const response = await stage.fetch('/', {
      method: 'POST',
      body: streamOf(text('abc')),
      trailers: { 'x-count': '3' },
    })
    expect(await response.text()).toBe('abc')
    expect((await responseInfo(response)?.trailers)?.get('x-sum')).toBe('3!')
  })

  test('wait for 100 where the client asks for it', async () => {
    const heard: number[] = []
    await using stage = await http3Stage(async (request) => new Response(await request.text()))
    const response = await stage.fetch('/', {
      method: 'POST',
      headers: { expect: '100-continue' },
      body: 'abc',
      onInformational: ({ status }) => void heard.push(status),
    })
    expect([await response.text(), heard]).toEqual(['abc', [100]])
  })
})

describe('a response', () => {
  test('has a date, and what HTTP/1 alone has stays behind', async () => {
    await using stage = await http3Stage(
      () =>
        new Response('x', {
          headers: [
            ['connection', 'close, x-hop'],
            ['keep-alive', 'timeout=5'],
            ['x-hop', '1'],
            ['x-stays', '2'],
          ],
        }),
    )
    const { headers } = await stage.fetch('/')
    expect(headers.get('date')).toMatch(/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/)
    expect(['connection', 'keep-alive', 'x-hop', 'x-stays'].map((name) => headers.get(name))).toEqual([
      null,
      null,
      null,
      '2',
    ])
  })

  test('overrides the priority that the client wished for, in what it names', async () => {
    const seen: unknown[] = []
    let info: ServeInfo | undefined
    await using stage = await http3Stage((_request, given) => {
      info = given
      seen.push(given.priority)
      return new Response('x', { headers: { priority: 'u=1' } })
    })
    const response = await stage.fetch('/', { priority: { urgency: 6, incremental: true } })
    await response.text()
    expect([...seen, info?.priority]).toEqual([
      { urgency: 6, incremental: true },
      { urgency: 1, incremental: true },
    ])
  })
})

describe('a server', () => {
  test('answers header bombs with 431, and clients that know do not even send them', async () => {
    await using stage = await http3Stage(() => new Response('x'), { server: { maxFieldSectionSize: 2000 } })
    const bomb = { headers: { 'x-bomb': 'x'.repeat(3000) } }
    // The first request may leave before the settings of the server have come.
    const first = await stage.fetch('/', bomb).then(({ status }) => status, String)
    expect([431, 'TypeError']).toContain(typeof first === 'number' ? first : first.slice(0, 9))
    expect(await (await stage.fetch('/')).text()).toBe('x')
    expect(await rejection(stage.fetch('/', bomb))).toMatchObject({ name: 'TypeError', cause: { name: 'RangeError' } })
    expect(stage.client.connections.size).toBe(1)
  })

  test('lets go of a client that has gone, whatever its handler is about', async () => {
    await using stage = await http3Stage(() => new Promise(() => {}))
    const abort = new AbortController()
    const fetching = rejection(stage.fetch('/', { signal: abort.signal }))
    await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(1)
    abort.abort('why')
    await fetching
    await stage.server.close({ graceful: true })
  })

  //= rfc9114#5.2-p6-1
  //= rfc9114#5.2-p11-1
  test('closes gracefully: what was asked for is answered, what comes later is not', async () => {
    const began = deferred<void>()
    const finish = deferred<void>()
    const late = deferred<void>()
    let waited = false
    const stage = await http3Stage(async (_request, info) => {
      began.resolve()
      info.waitUntil(
        late.promise.then(() => {
          waited = true
        }),
      )
      await finish.promise
      return new Response('answered')
    })
    const fetching = stage.fetch('/')
    await began.promise
    const closing = stage.server.close({ graceful: true, timeout: 20_000 })
    finish.resolve()
    expect(await (await fetching).text()).toBe('answered')
    let isClosed = false
    void closing.then(() => {
      isClosed = true
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(isClosed).toBe(false)
    late.resolve()
    await closing
    expect([waited, stage.server.connections.size, stage.server.pendingRequests]).toEqual([true, 0, 0])
    await stage.client.close()
  })

  test('does not wait for ever where it is told how long', async () => {
    const stage = await http3Stage(() => new Promise(() => {}))
    const fetching = rejection(stage.fetch('/'))
    await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(1)
    await stage.server.close({ graceful: true, timeout: 50 })
    expect(await fetching).toBeInstanceOf(TypeError)
    await stage.client.close()
  })

  test('forgets a client that vanishes', async () => {
    const stage = await http3Stage(() => new Promise(() => {}), { server: { maxIdleTimeout: 1_000 } })
    const fetching = rejection(stage.fetch('/'))
    await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(1)
    stage.transports[0]?.close()
    expect(await fetching).toMatchObject({ cause: { name: 'QuicCarrierError' } })
    await expect.poll(() => stage.server.connections.size, PATIENCE).toBe(0)
    expect(stage.server.pendingRequests).toBe(0)
    await stage.server.close()
    await stage.client.close()
  })

  test.each([
    ['earlyData', 3],
    ['alpn', ['h3', 'echo']],
    ['alpn', []],
    ['connect', 'yes'],
    ['onError', true],
    ['maxFieldSectionSize', -1],
    ['grease', 'no'],
    ['unknown', 1],
  ])('is not made with a wrong %s', async (name, value) => {
    const error = await rejection(http3Stage(() => new Response('x'), { server: { [name]: value } }))
    expect(String(error)).toMatch(/TypeError|RangeError/)
    expect(String(error)).toContain(name)
  })
})
