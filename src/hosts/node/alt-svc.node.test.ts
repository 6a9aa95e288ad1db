import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { type ClientHttp2Session, connect, createServer as createHttp2Server, createSecureServer } from 'node:http2'
import { createServer as createHttpsServer, request as secureRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { devCertificate } from '../../api/dev.ts'
import { type AltSvcOptions, altSvc, type TcpServer } from './alt-svc.ts'

type AnyServer = TcpServer & { listen(port: number, host: string): unknown; close(): unknown }

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

async function listening(server: AnyServer): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => server.close())
  return (server.address() as AddressInfo).port
}

/** What a client over HTTP/1.1 is told. */
async function told(port: number, init: { secure?: boolean; headers?: Record<string, string> } = {}): Promise<unknown> {
  const { secure = false, headers = {} } = init
  const options = { port, host: '127.0.0.1', agent: false as const, rejectUnauthorized: false, headers }
  const asked = secure ? secureRequest(options) : request(options)
  asked.end()
  const [response] = await once(asked, 'response')
  response.resume()
  return response.headers['alt-svc']
}

/** What a client over HTTP/2 is told. */
async function toldInHttp2(session: ClientHttp2Session, path = '/'): Promise<unknown> {
  closing.push(() => session.destroy())
  const asked = session.request({ ':path': path })
  const [headers] = await once(asked, 'response')
  asked.resume()
  expect(headers[':status']).toBe(200)
  return headers['alt-svc']
}

const plain = (): AnyServer => createServer((_, response) => response.end('x'))

describe('A server of HTTP/1.1', () => {
  test('tells of HTTP/3 on its own port, and takes it back', async () => {
    const server = plain()
    const advertised = altSvc(server)
    const port = await listening(server)
    expect(await told(port)).toBe(`h3=":${port}"; ma=86400`)
    advertised.close()
    expect(await told(port)).toBe('clear')
  })

  test('tells of another port, for as long as it is told', async () => {
    const server = plain()
    using _ = altSvc(server, { port: 4433, maxAge: 60 })
    expect(await told(await listening(server))).toBe('h3=":4433"; ma=60')
  })

  test.each([
    ['an object', { 'x-a': '1' }],
    ['a list', ['x-a', '1']],
  ])('tells it beside fields in %s', async (_, fields) => {
    const server = createServer((_request, response) => response.writeHead(200, fields).end())
    altSvc(server, { port: 1 })
    expect(await told(await listening(server))).toBe('h3=":1"; ma=86400')
  })

  test('lets the application have its own word', async () => {
    const server = createServer((_, response) => response.setHeader('alt-svc', 'clear').end())
    altSvc(server)
    expect(await told(await listening(server))).toBe('clear')
  })

  test('tells it when it decides on an expectation, and leaves that to Node else', async () => {
    const headers = { expect: '100-continue' }
    const server = plain()
    altSvc(server, { port: 1 })
    expect(await told(await listening(server), { headers })).toBe('h3=":1"; ma=86400')
    const strict = plain().on('checkContinue', (_, response) => response.writeHead(417).end()) as AnyServer
    altSvc(strict, { port: 2 })
    expect(await told(await listening(strict), { headers })).toBe('h3=":2"; ma=86400')
  })

  test('tells it under TLS', async () => {
    const { certificate, privateKey } = await devCertificate()
    const server = createHttpsServer({ cert: certificate, key: privateKey }, (_, response) => response.end())
    altSvc(server)
    const port = await listening(server)
    expect(await told(port, { secure: true })).toBe(`h3=":${port}"; ma=86400`)
  })

  test('without a port has nothing to tell', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'isoquic-'))
    const socketPath = join(folder, 'socket')
    const server = createServer((_, response) => response.end())
    closing.push(() => server.close(() => rmSync(folder, { recursive: true })))
    altSvc(server)
    await once(server.listen(socketPath), 'listening')
    const asked = request({ socketPath, agent: false }).end()
    const [response] = await once(asked, 'response')
    expect([response.resume().statusCode, response.headers['alt-svc']]).toEqual([200, undefined])
  })
})

describe('A server of HTTP/2', () => {
  test('tells it through its compatible interface', async () => {
    const server = createHttp2Server((_, response) => {
      response.setHeader('x-a', '1')
      response.end('x')
    })
    const advertised = altSvc(server)
    const port = await listening(server)
    const session = connect(`http://127.0.0.1:${port}`)
    expect(await toldInHttp2(session)).toBe(`h3=":${port}"; ma=86400`)
    advertised.close()
    expect(await toldInHttp2(session)).toBe('clear')
  })

  test('tells it on its streams, and stays without requests', async () => {
    const server = createHttp2Server().on('stream', (stream, headers) => {
      const path = headers[':path']
      if (path === '/file') stream.respondWithFile(import.meta.filename, { 'x-a': '1' })
      else if (path === '/own') stream.respond({ 'alt-svc': 'clear' }, { endStream: true })
      else if (path === '/none') stream.respond(undefined, { endStream: true })
      else stream.respond({ ':status': 200, 'x-a': '1' }, { endStream: true })
    })
    altSvc(server, { port: 1 })
    const session = connect(`http://127.0.0.1:${await listening(server)}`)
    expect(await toldInHttp2(session)).toBe('h3=":1"; ma=86400')
    expect(await toldInHttp2(session, '/file')).toBe('h3=":1"; ma=86400')
    expect(await toldInHttp2(session, '/none')).toBe('h3=":1"; ma=86400')
    expect(await toldInHttp2(session, '/own')).toBe('clear')
    expect(server.listenerCount('request')).toBe(0)
  })

  test('tells its clients of HTTP/1.1', async () => {
    const { certificate, privateKey } = await devCertificate()
    const server = createSecureServer({ cert: certificate, key: privateKey, allowHTTP1: true }, (_, response) => {
      response.end('x')
    })
    altSvc(server)
    const port = await listening(server)
    const value = `h3=":${port}"; ma=86400`
    expect(await told(port, { secure: true })).toBe(value)
    expect(await toldInHttp2(connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false }))).toBe(value)
  })
})

test.each<[AltSvcOptions, string]>([
  [{ port: 0 }, 'port must be an integer from 1 to 65535, got 0'],
  [{ port: 65_536 }, 'port must be an integer from 1 to 65535, got 65536'],
  [{ maxAge: -1 }, 'maxAge must be an integer from 0, in seconds, got -1'],
  [{ maxAge: 0.5 }, 'maxAge must be an integer from 0, in seconds, got 0.5'],
])('%j is refused', (options, message) => {
  expect(() => altSvc(plain(), options)).toThrow(new RangeError(message))
})
