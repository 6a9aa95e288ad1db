/** Listeners of `node:http`: over TCP and through the handler a client sees the same, and so does the application. */
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { type Served, settled, streaming, until, WAYS } from './served-apps.fixtures.ts'

describe.each(WAYS)('A listener %s', (way, serve) => {
  // More than buffers hold on the way: those of TCP hold the most.
  const total = way === 'over TCP' ? 20_000_000 : 4_000_000
  let served: Served | undefined
  afterEach(async () => {
    await served?.close()
    served = undefined
  })
  const open = async (listener: RequestListener): Promise<Served> => {
    served = await serve(listener, listener)
    return served
  }

  test('sees method, target and fields as they were sent', async () => {
    const { ask } = await open((request, response) => {
      const { method, url, headers, rawHeaders, headersDistinct, complete } = request
      response.end(JSON.stringify({ method, url, headers, rawHeaders, headersDistinct, complete }))
    })
    const headers = { 'x-one': 'a, b', cookie: 'a=1; b=2', 'X-Latin': 'caf\u00e9' }
    const seen = JSON.parse(await (await ask('/a%20b/c?d=e&f', { headers, method: 'OPTIONS' })).text())
    expect(seen).toMatchObject({ method: 'OPTIONS', url: '/a%20b/c?d=e&f' })
    expect(seen.headers).toMatchObject({ 'x-one': 'a, b', cookie: 'a=1; b=2', 'x-latin': 'caf\u00e9' })
    expect(seen.headers.host).toMatch(/^(127\.0\.0\.1:\d+|app\.example)$/)
    expect(seen.headersDistinct['x-one']).toEqual(['a, b'])
    expect(seen.rawHeaders).toContain('x-one')
  })

  test('sets, adds, takes back and reads fields', async () => {
    const { ask } = await open((_request, response) => {
      response.setHeader('X-List', ['a', 'b'])
      response.setHeader('x-gone', '1')
      response.removeHeader('X-Gone')
      response.appendHeader('set-cookie', 'a=1')
      response.appendHeader('Set-Cookie', 'b=2; Path=/')
      response.setHeader('x-count', response.getHeaderNames().length)
      expect(response.hasHeader('X-LIST')).toBe(true)
      response.writeHead(203, 'Odd', { 'X-Late': 'caf\u00e9', 'x-count': 'overwritten' })
      expect(response.headersSent).toBe(true)
      expect(() => response.setHeader('x', 'y')).toThrow('Cannot set headers after they are sent')
      response.end('done')
    })
    const response = await ask('/')
    expect(response.status).toBe(203)
    expect(response.headers.get('x-list')).toBe('a, b')
    expect(response.headers.get('x-gone')).toBe(null)
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2; Path=/'])
    expect(response.headers.get('x-count')).toBe('overwritten')
    expect(response.headers.get('x-late')).toBe('caf\u00e9')
    expect(response.headers.get('date')).toMatch(/GMT$/)
    expect(await response.text()).toBe('done')
  })

  test('takes raw lists of fields', async () => {
    const { ask } = await open((_request, response) => {
      response.writeHead(200, ['x-a', '1', 'set-cookie', 'c=1', 'set-cookie', 'd=2']).end()
    })
    const response = await ask('/')
    expect(response.headers.get('x-a')).toBe('1')
    expect(response.headers.getSetCookie()).toEqual(['c=1', 'd=2'])
  })

  test.each<[string, (response: ServerResponse) => void, string]>([
    ['nothing', (response) => response.end(), ''],
    ['text', (response) => response.end('grün'), 'grün'],
    ['text in another encoding', (response) => response.end('67726f6f74', 'hex'), 'groot'],
    ['bytes', (response) => response.end(Buffer.from('bytes')), 'bytes'],
    ['a Uint8Array', (response) => response.end(new TextEncoder().encode('array')), 'array'],
    ['text in pieces', (response) => [response.write('a'), response.write('b', 'ascii'), response.end('c')], 'abc'],
    ['bytes with a length', (response) => response.setHeader('content-length', 3).end('abc'), 'abc'],
    ['an end that is heard of', (response) => response.end('x', () => response.req.socket.emit('heard')), 'x'],
    ['fields first', (response) => [response.flushHeaders(), setImmediate(() => response.end('late'))], 'late'],
    [
      'corked pieces',
      (response) => [response.cork(), response.write('1'), response.write('2'), response.uncork(), response.end()],
      '12',
    ],
    ['pieces later', (response) => later(response, ['one ', 'two ', 'three']), 'one two three'],
  ])('answers with %s', async (_what, answer, expected) => {
    let finished = 0
    const { ask } = await open((_request, response) => {
      response.on('finish', () => {
        finished += 1
      })
      answer(response)
    })
    expect(await (await ask('/')).text()).toBe(expected)
    await until(() => finished === 1)
  })

  test('answers HEAD with the fields alone', async () => {
    const { ask } = await open((_request, response) => {
      response.writeHead(200, { 'content-length': 5000 })
      response.end('this is not sent')
    })
    const response = await ask('/', { method: 'HEAD' })
    expect([response.status, response.headers.get('content-length')]).toEqual([200, '5000'])
    expect(await response.text()).toBe('')
  })

  test.each([204, 205, 304])('answers %i without content', async (status) => {
    const { ask } = await open((_request, response) => {
      response.writeHead(status, { etag: '"1"' })
      response.end()
    })
    const response = await ask('/')
    expect([response.status, response.headers.get('etag'), await response.text()]).toEqual([status, '"1"', ''])
  })

  test('takes content with a length', async () => {
    const { ask } = await open(async (request, response) => {
      const text = await textOf(request)
      response.end(`${request.headers['content-length']} ${request.complete} ${text}`)
    })
    expect(await (await ask('/', { method: 'PUT', body: 'grün' })).text()).toBe('5 true grün')
  })

  test('echoes content without a length, in both directions at once', async () => {
    const { ask } = await open((request, response) => {
      expect(request.headers['transfer-encoding']).toBe('chunked')
      expect(request.headers['content-length']).toBe(undefined)
      request.pipe(response)
    })
    const bytes = new Uint8Array(1_000_000).map((_byte, index) => index % 251)
    let at = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(bytes.slice(at, at + 30_000))
        at += 30_000
        if (at >= bytes.length) controller.close()
      },
    })
    const response = await ask('/', streaming(body))
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(bytes)
  })

  test('writes no faster than the client reads', async () => {
    let written = 0
    let drains = 0
    const { ask } = await open((_request, response) => {
      const block = new Uint8Array(100_000)
      const write = (): void => {
        while (written < total) {
          written += block.length
          if (!response.write(block)) {
            expect(response.writableNeedDrain).toBe(true)
            response.once('drain', () => {
              drains += 1
              expect(response.writableNeedDrain).toBe(false)
              write()
            })
            return
          }
        }
        response.end()
      }
      write()
    })
    const response = await ask('/')
    expect(await settled(() => written)).toBeLessThan(total)
    expect((await response.arrayBuffer()).byteLength).toBe(total)
    expect(drains).toBeGreaterThan(3)
  })

  test('takes no more of the content than it reads', async () => {
    let sent = 0
    let request: IncomingMessage | undefined
    const { ask } = await open((incoming, response) => {
      request = incoming
      incoming.once('resume', async () => {
        let length = 0
        for await (const chunk of incoming) length += chunk.length
        response.end(String(length))
      })
    })
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          controller.enqueue(new Uint8Array(100_000))
          sent += 100_000
          if (sent === total) controller.close()
        },
      },
      { highWaterMark: 0 },
    )
    const answer = ask('/', streaming(body))
    await until(() => request !== undefined)
    expect(await settled(() => sent)).toBeLessThan(total)
    request?.emit('resume')
    expect(await (await answer).text()).toBe(String(total))
  })

  test('answers before the content has come, and leaves the rest', async () => {
    const { ask } = await open((_request, response) => response.writeHead(413).end('no'))
    const response = await ask('/', { method: 'POST', body: 'x'.repeat(10_000) })
    expect([response.status, await response.text()]).toEqual([413, 'no'])
  })

  test('hears events in their order', async () => {
    const events: string[] = []
    const { ask } = await open((request, response) => {
      for (const name of ['end', 'close', 'aborted', 'error']) request.on(name, () => events.push(`request ${name}`))
      for (const name of ['prefinish', 'finish', 'close']) response.on(name, () => events.push(`response ${name}`))
      request.resume()
      request.on('end', () => response.end('x'))
    })
    expect(await (await ask('/', { method: 'POST', body: 'y' })).text()).toBe('x')
    await until(() => events.includes('response close'))
    expect(events.toSorted()).toEqual([
      'request close',
      'request end',
      'response close',
      'response finish',
      'response prefinish',
    ])
    expect(events.indexOf('response finish')).toBeLessThan(events.indexOf('response close'))
  })

  test('hears that the client went while it was answered', async () => {
    const events: string[] = []
    let facts: unknown
    const { ask } = await open((request, response) => {
      request.on('aborted', () => events.push('aborted'))
      request.on('error', () => {})
      response.on('finish', () => events.push('finish'))
      response.on('close', () => {
        events.push('close')
        facts = [response.writableFinished, response.destroyed, request.socket.destroyed]
      })
      response.write('the beginning')
    })
    const abort = new AbortController()
    const response = await ask('/', { signal: abort.signal })
    const reader = response.body?.getReader()
    expect(new TextDecoder().decode((await reader?.read())?.value)).toBe('the beginning')
    abort.abort()
    await expect(reader?.read()).rejects.toThrow('abort')
    await until(() => events.includes('close'))
    expect(events).toEqual(['aborted', 'close'])
    expect(facts).toEqual([false, true, true])
  })

  test('hears that the client wants no more of the response', async () => {
    let isClosed = false
    const { ask } = await open((_request, response) => {
      response.on('close', () => {
        isClosed = !response.writableFinished
      })
      response.write('the beginning')
    })
    const response = await ask('/')
    await response.body?.cancel()
    await until(() => isClosed)
  })

  test('hears that the content broke off', async () => {
    let heard: unknown
    let isReached = false
    const { ask } = await open((request) => {
      isReached = true
      request.on('error', (error) => {
        heard = [error.message, (error as NodeJS.ErrnoException).code, request.complete]
      })
      request.resume()
    })
    let controller: ReadableStreamDefaultController<Uint8Array> | undefined
    const body = new ReadableStream<Uint8Array>({
      start(given) {
        controller = given
        given.enqueue(new Uint8Array(10))
      },
    })
    const answer = ask('/', streaming(body))
    const refused = expect(answer).rejects.toThrow()
    await until(() => isReached)
    controller?.error(new Error('The disk is gone'))
    await refused
    await until(() => heard !== undefined)
    expect(heard).toEqual(['aborted', 'ECONNRESET', false])
  })

  test('ends the exchange without an answer', async () => {
    const { ask } = await open((_request, response) => response.destroy())
    const outcome = await ask('/').then(
      ({ status }) => status,
      () => 'failed',
    )
    // Who serves has the last word, and says that something is wrong.
    expect(outcome).toBe(way === 'over HTTP/3' ? 500 : 'failed')
  })

  test('breaks its response off', async () => {
    const { ask } = await open((_request, response) => {
      response.write('the beginning', () => response.destroy())
    })
    await expect(ask('/').then((response) => response.text())).rejects.toThrow()
  })

  test('refuses to write more than it announced, and after the end', async () => {
    const errors: unknown[] = []
    const { ask } = await open((_request, response) => {
      response.on('error', (error) => errors.push((error as NodeJS.ErrnoException).code))
      response.end('x')
      response.write('y')
    })
    expect(await (await ask('/')).text()).toBe('x')
    await until(() => errors.length === 1)
    expect(errors).toEqual(['ERR_STREAM_WRITE_AFTER_END'])
  })

  test('hears of silence', async () => {
    const { ask } = await open((_request, response) => {
      response.setTimeout(10, () => response.end('late'))
    })
    expect(await (await ask('/')).text()).toBe('late')
  })

  test('ends its response by ending the connection', async () => {
    const { ask } = await open((_request, response) => {
      response.setHeader('connection', 'close')
      response.removeHeader('transfer-encoding')
      response.write('all ')
      response.end('of it')
    })
    expect(await (await ask('/')).text()).toBe('all of it')
  })

  test('says nothing of a connection in HTTP/3', async () => {
    const { ask } = await open((_request, response) => {
      response.setHeader('connection', 'x-private')
      response.setHeader('x-private', '1')
      response.setHeader('x-public', '2')
      response.end('x')
    })
    const { headers } = await ask('/')
    expect(headers.get('x-public')).toBe('2')
  })

  test('waits for an event loop of its own', async () => {
    const { ask } = await open(async (request, response) => {
      await once(request.resume(), 'end')
      await new Promise((resolve) => setTimeout(resolve, 2))
      response.end('in the end')
    })
    expect(await (await ask('/')).text()).toBe('in the end')
  })
})

async function textOf(request: IncomingMessage): Promise<string> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}

function later(response: ServerResponse, pieces: readonly string[]): void {
  const [first, ...rest] = pieces
  if (first === undefined) response.end()
  else response.write(first, () => setTimeout(() => later(response, rest), 1))
}
