/** What an application is told beside the request, and what becomes of one that goes wrong. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { devCertificate } from '../../api/dev.ts'
import { type NodeApp, type NodeHandlerOptions, type NodeRequestInfo, nodeHandler } from './handler.ts'
import { streaming, until } from './served-apps.fixtures.ts'

const URL_ = 'https://app.example:8443/'

afterEach(() => vi.restoreAllMocks())

/** Runs `listener` for one request. */
function ask(
  listener: NodeApp,
  init: RequestInit = {},
  info?: NodeRequestInfo,
  options?: NodeHandlerOptions,
): Promise<Response> {
  return nodeHandler(listener, options)(new Request(URL_, init), info)
}

describe('The socket of a request', () => {
  const factsOf = async (info: NodeRequestInfo, read: (socket: IncomingMessage['socket']) => unknown) => {
    const response = await ask((request, answer) => answer.end(JSON.stringify(read(request.socket))), {}, info)
    return await response.json()
  }

  test('knows both ends, and that it is encrypted', async () => {
    const facts = await factsOf({ remoteAddress: '[2001:db8::7]:5000', localAddress: '192.0.2.1:443' }, (socket) => {
      const { remoteAddress, remotePort, remoteFamily, localAddress, localPort } = socket
      return { ...socket.address(), remoteAddress, remotePort, remoteFamily, localAddress, localPort }
    })
    expect(facts).toEqual({
      ...{ address: '192.0.2.1', port: 443, family: 'IPv4', localAddress: '192.0.2.1', localPort: 443 },
      ...{ remoteAddress: '2001:db8::7', remotePort: 5000, remoteFamily: 'IPv6' },
    })
  })

  test.each([{}, { remoteAddress: '' }])('knows no end where nobody told it one: %j', async (info) => {
    expect(await factsOf(info, ({ remoteAddress, remotePort }) => [remoteAddress, remotePort])).toEqual([null, null])
  })

  test('shows the certificate of a client', async () => {
    const { certificate } = await devCertificate()
    const der = Buffer.from(certificate.replace(/-----[^-]+-----|\s/g, ''), 'base64')
    const read = (socket: unknown): unknown => {
      const { authorized, encrypted, alpnProtocol, getPeerCertificate, getPeerX509Certificate } = socket as Readonly<
        Record<string, unknown>
      > & {
        getPeerCertificate(): { subjectaltname?: string }
        getPeerX509Certificate(): { subjectAltName: string } | undefined
      }
      const alternatives = [getPeerCertificate().subjectaltname, getPeerX509Certificate()?.subjectAltName]
      return { authorized, encrypted, alpnProtocol, alternatives }
    }
    const name = expect.stringContaining('DNS:localhost')
    expect(await factsOf({ connection: { peerCertificates: [der] } }, read)).toEqual({
      ...{ authorized: true, encrypted: true, alpnProtocol: 'h3' },
      alternatives: [name, name],
    })
    expect(await factsOf({}, read)).toMatchObject({ authorized: false, alternatives: [null, null] })
  })
})

describe('A request', () => {
  test('is of HTTP/3, with any method', async () => {
    const seen: unknown[] = []
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      const { method, httpVersion, httpVersionMajor, httpVersionMinor } = request
      seen.push([method, httpVersion, httpVersionMajor, httpVersionMinor, request.headers['host']])
      response.end()
    }
    await ask(answer, { method: 'PROPFIND' })
    await ask(answer, { method: 'FROBNICATE', body: 'x' })
    expect(seen).toEqual([
      ['PROPFIND', '3.0', 3, 0, 'app.example:8443'],
      ['FROBNICATE', '3.0', 3, 0, 'app.example:8443'],
    ])
  })

  test('may have more fields than a server of Node takes', async () => {
    const headers = Object.fromEntries(Array.from({ length: 3000 }, (_, index) => [`x-${index}`, 'y'.repeat(20)]))
    const response = await ask((request, answer) => answer.end(`${Object.keys(request.headers).length}`), { headers })
    expect(await response.text()).toBe('3001')
  })

  test('has trailers', async () => {
    const response = await ask(
      (request, answer) => {
        request.resume().on('end', () => answer.end(JSON.stringify([request.trailers, request.rawTrailers])))
      },
      { method: 'POST', body: 'x' },
      { trailers: Promise.resolve(new Headers({ 'X-Sum': '5' })) },
    )
    expect(await response.json()).toEqual([{ 'x-sum': '5' }, ['x-sum', '5']])
  })

  test.each([
    ['longer', 3, 'that is longer than announced', 'is longer than its Content-Length of 3 bytes'],
    ['shorter', 30, 'short', 'is 25 bytes shorter than its Content-Length of 30'],
  ])('whose content is %s than announced breaks off', async (_, length, text, message) => {
    const errors: string[] = []
    const served: string[] = []
    const answer = ask(
      (request) => {
        served.push(request.url ?? '')
        request.on('error', ({ message }) => errors.push(message)).resume()
        request.socket.on('error', ({ message }) => errors.push(message))
      },
      { method: 'POST', headers: { 'content-length': String(length) }, body: text },
    )
    await expect(answer).rejects.toThrow(message)
    await until(() => errors.length === 2)
    expect(errors.toSorted()).toEqual([expect.stringContaining(message), 'aborted'])
    // Nothing of it is taken for a second request.
    expect(served).toEqual(['/'])
  })

  test('hides no second one in its fields', async () => {
    const served: string[] = []
    const body = 'GET /second HTTP/1.1\r\nHost: x\r\n\r\n'
    const response = await ask(
      (request, answer) => {
        served.push(request.url ?? '')
        request.resume().on('end', () => answer.end('one'))
      },
      { method: 'POST', headers: { 'transfer-encoding': 'identity', connection: 'upgrade', upgrade: 'x' }, body },
    )
    expect([await response.text(), served]).toEqual(['one', ['/']])
  })

  test('that makes no sense is answered 400, and a tunnel 501', async () => {
    const listener = vi.fn()
    const request = new Request(URL_, { method: 'POST', headers: { 'content-length': '5, 6' }, body: 'x' })
    expect((await nodeHandler(listener)(request)).status).toBe(400)
    const tunnel = Object.defineProperty(new Request(URL_), 'method', { value: 'CONNECT' })
    expect((await nodeHandler(listener)(tunnel)).status).toBe(501)
    expect(listener).not.toHaveBeenCalled()
  })

  test('that is over before it begins reaches nobody', async () => {
    const listener = vi.fn()
    const signal = AbortSignal.abort(new Error('too late'))
    await expect(ask(listener, { signal })).rejects.toThrow('too late')
    expect(listener).not.toHaveBeenCalled()
  })

  test('leaves its content when nobody wants it', async () => {
    let reason: unknown = 'none'
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(1000)),
      cancel: (given) => {
        reason = given
      },
    })
    const response = await ask((_, answer) => answer.writeHead(403).end(), streaming(body))
    expect(response.status).toBe(403)
    await until(() => reason !== 'none')
    expect(reason).toBe(undefined)
  })

  test('is read on after its response has ended', async () => {
    let length = 0
    let end: (() => void) | undefined
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new Uint8Array(1000))
        end = () => {
          controller.enqueue(new Uint8Array(500))
          controller.close()
        }
      },
    })
    const response = await ask((request, answer) => {
      request.on('data', (bytes: Uint8Array) => {
        length += bytes.length
      })
      answer.end('thanks')
    }, streaming(body))
    expect(await response.text()).toBe('thanks')
    end?.()
    await until(() => length === 1500)
  })

  test('expects to be told to go on, which is done by reading its content', async () => {
    const pulls: string[] = []
    const heard: unknown[] = []
    const info: NodeRequestInfo = { inform: (status) => heard.push(status) }
    const asking = (name: string): RequestInit => {
      const body = new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            pulls.push(name)
            controller.enqueue(new TextEncoder().encode(name))
            controller.close()
          },
        },
        { highWaterMark: 0 },
      )
      return streaming(body, { headers: { expect: '100-continue' } })
    }
    const echo = (request: IncomingMessage, response: ServerResponse): void => {
      request.pipe(response)
    }
    expect(await (await ask(echo, asking('a listener'), info)).text()).toBe('a listener')
    // A server without a word on it does as Node does, and one that has one decides.
    expect(await (await ask(createServer(echo), asking('a server'), info)).text()).toBe('a server')
    const strict = createServer(echo).on('checkContinue', (_, response) => response.writeHead(417).end())
    expect((await ask(strict, asking('a strict server'), info)).status).toBe(417)
    const silent = createServer().on('checkContinue', echo)
    expect(await (await ask(silent, asking('a silent server'), info)).text()).toBe('a silent server')
    expect(pulls).toEqual(['a listener', 'a server', 'a silent server'])
    expect(heard).toEqual([])
  })

  test('with another expectation is refused, unless a server knows it', async () => {
    const init = { headers: { expect: 'wonders' } }
    const server = createServer((_, response) => response.end())
    expect((await ask(server, init)).status).toBe(417)
    server.on('checkExpectation', (_, response) => response.writeHead(299).end())
    expect((await ask(server, init)).status).toBe(299)
  })
})

describe('A response', () => {
  test('is announced by others', async () => {
    const heard: unknown[] = []
    const response = await ask(
      (_, answer) => {
        answer.writeProcessing()
        answer.writeEarlyHints({ link: ['</a.css>; rel=preload', '</b.js>; rel=preload'], 'x-trace': '1' })
        answer.end('final')
      },
      {},
      { inform: (status, headers) => heard.push([status, Object.fromEntries(headers)]) },
    )
    expect(await response.text()).toBe('final')
    const link = '</a.css>; rel=preload, </b.js>; rel=preload'
    expect(heard).toEqual([
      [102, {}],
      [103, { link, 'x-trace': '1' }],
    ])
  })

  test('has trailers', async () => {
    let trailers: unknown
    const response = await ask(
      (_, answer) => {
        answer.setHeader('trailer', 'x-sum')
        answer.write('text')
        answer.addTrailers({ 'X-Sum': '5' })
        answer.end()
      },
      {},
      {
        sendTrailers: (given) => {
          trailers = Object.fromEntries(given)
        },
      },
    )
    expect([response.headers.get('trailer'), response.headers.get('transfer-encoding')]).toEqual(['x-sum', null])
    expect(await response.text()).toBe('text')
    expect(trailers).toEqual({ 'x-sum': '5' })
  })

  test('keeps the bytes that the application writes into its buffer again', async () => {
    const response = await ask((_, answer) => {
      const buffer = new Uint8Array(4).fill(1)
      answer.write(buffer, () => {
        buffer.fill(2)
        answer.end(buffer)
      })
    })
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect([...new Uint8Array(await response.arrayBuffer())]).toEqual([1, 1, 1, 1, 2, 2, 2, 2])
  })
})

describe('An application that goes wrong', () => {
  const bug = new Error('a bug')

  test.each<[string, NodeApp]>([
    [
      'throws',
      () => {
        throw bug
      },
    ],
    ['rejects', async () => Promise.reject(bug)],
    [
      'throws behind its head',
      (_, response) => {
        response.setHeader('x-secret', '1').writeHead(200)
        throw bug
      },
    ],
    [
      'throws in a server',
      createServer(() => {
        throw bug
      }),
    ],
    ['never gets ready', { ready: () => Promise.reject(bug), routing: () => {} }],
  ])('is answered for: it %s', async (_, app) => {
    const heard: unknown[] = []
    const response = await ask(app, {}, {}, { onError: (error) => heard.push(error) })
    expect([response.status, response.headers.get('x-secret'), await response.text()]).toEqual([500, null, ''])
    expect(heard).toEqual([bug])
  })

  test.each<[string, (response: ServerResponse) => void, RegExp]>([
    ['a status that no Response has', (response) => response.writeHead(600).end(), /600|status/],
    ['another protocol', (response) => response.writeHead(101).end(), /switched protocols/],
    ['bytes that are no HTTP', (response) => void response.socket?.write('hello\n'), /wrote no response, but "hello"/],
  ])('is answered for: it answers %s', async (_, answer, message) => {
    const heard: unknown[] = []
    const options = { onError: (error: unknown) => heard.push(error) }
    const response = await ask((_request, response) => answer(response), {}, {}, options)
    expect(response.status).toBe(500)
    expect(heard).toEqual([expect.objectContaining({ message: expect.stringMatching(message) })])
  })

  test('breaks the response off once it has begun', async () => {
    const heard: unknown[] = []
    const response = await ask(
      async (_, answer) => {
        await new Promise((resolve) => answer.write('the beginning', resolve))
        throw bug
      },
      {},
      {},
      { onError: (error) => heard.push(error) },
    )
    expect(response.status).toBe(200)
    await expect(response.text()).rejects.toBe(bug)
    expect(heard).toEqual([bug])
  })

  test('warns, where nobody wants to hear', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
    expect((await ask(async () => Promise.reject(bug))).status).toBe(500)
    expect(warn).toHaveBeenCalledWith(bug)
  })

  test('is refused if it is none', () => {
    expect(() => nodeHandler({} as NodeApp)).toThrow(
      new TypeError('app must be a listener, a Fastify instance or a server of node:http, got object'),
    )
    expect(() => nodeHandler('app' as unknown as NodeApp)).toThrow(/app must be .*, got string/)
  })
})

test('nothing is kept of a thousand requests whose clients went', async () => {
  let closed = 0
  const handler = nodeHandler((_, response) => {
    response.on('close', () => {
      closed += 1
    })
    response.write('x')
  })
  const listeners = { added: 0, removed: 0 }
  for (let index = 0; index < 1000; index++) {
    const abort = new AbortController()
    const request = new Request(URL_, { signal: abort.signal })
    const { signal } = request
    const { addEventListener, removeEventListener } = signal
    signal.addEventListener = (...args: Parameters<AbortSignal['addEventListener']>) => {
      listeners.added += 1
      addEventListener.apply(signal, args)
    }
    signal.removeEventListener = (...args: Parameters<AbortSignal['removeEventListener']>) => {
      listeners.removed += 1
      removeEventListener.apply(signal, args)
    }
    const response = await handler(request)
    if (index % 2 === 0) abort.abort()
    else await response.body?.cancel()
  }
  await until(() => closed === 1000)
  expect(listeners).toEqual({ added: 1000, removed: 1000 })
})
