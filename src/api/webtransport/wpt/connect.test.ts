/** How a session is established, or is not (W3C WebTransport §6.2, "process a WebTransport fetch response"). */
import { expect, test } from 'vitest'
import { rejection } from '../../pipe.fixtures.ts'
import { WebTransportError } from '../error.ts'
import { SessionStage } from '../stage.fixtures.ts'

test('a session is established', async () => {
  const stage = new SessionStage()
  await stage.serve(() => {})
  const session = await stage.connect()
  expect(await session.ready).toBeUndefined()
  expect(session.reliability).toBe('supports-unreliable')
  expect(session.protocol).toBe('')
  session.close()
})

test('a session over a carrier that loses nothing says so', async () => {
  const stage = new SessionStage({ pipe: { properties: { reliable: true, ordered: true } } })
  await stage.serve(() => {})
  const session = await stage.connect()
  expect(session.reliability).toBe('reliable-only')
  session.close()
})

test('over a carrier that loses nothing there is none that must be unreliable', async () => {
  const stage = new SessionStage({ pipe: { properties: { reliable: true } } })
  await stage.serve(() => {})
  const session = stage.begin({ requireUnreliable: true })
  expect(await stage.environment.until(rejection(session.ready))).toMatchObject({ source: 'session' })
})

test('a refusal with 404 rejects ready and closed', async () => {
  const stage = new SessionStage()
  const server = await stage.listen()
  const incoming = server.incoming.getReader()
  const session = stage.begin({}, 'https://server.test/nowhere?a=1')
  const { value: request } = await stage.environment.until(incoming.read())
  expect(request?.path).toBe('/nowhere?a=1')
  request?.reject(404)
  const error = await stage.environment.until(rejection(session.ready))
  expect(error).toBeInstanceOf(WebTransportError)
  expect(error).toMatchObject({ name: 'WebTransportError', source: 'session', streamErrorCode: null })
  expect(await stage.environment.until(rejection(session.closed))).toBe(error)
})

test('a redirection is not followed', async () => {
  const stage = new SessionStage()
  const server = await stage.listen()
  const incoming = server.incoming.getReader()
  const session = stage.begin()
  const { value: request } = await stage.environment.until(incoming.read())
  request?.reject(301, { headers: { location: 'https://server.test/elsewhere' } })
  expect(await stage.environment.until(rejection(session.ready))).toMatchObject({ source: 'session' })
})

test('a status of 2xx that is not 200 establishes a session as well', async () => {
  const stage = new SessionStage()
  await stage.serve(() => {})
  const session = await stage.connect()
  await session.ready
  session.close()
})

test('nobody listens: ready and closed reject', async () => {
  const stage = new SessionStage()
  const session = stage.begin()
  const error = await stage.environment.until(rejection(session.ready))
  expect(error).toMatchObject({ name: 'WebTransportError', source: 'session' })
  expect(await rejection(session.closed)).toBe(error)
  expect(await rejection(session.createBidirectionalStream())).toMatchObject({ name: 'InvalidStateError' })
})

test('a transport that cannot be made rejects ready, with the reason', async () => {
  const stage = new SessionStage()
  const session = stage.begin({ transport: () => Promise.reject(new Error('no network')) })
  const error = await stage.environment.until(rejection(session.ready))
  expect(error).toMatchObject({ source: 'session', cause: { message: 'no network' } })
  expect(String(error)).toContain('no network')
})

test('the factory of a transport is told where to', async () => {
  const stage = new SessionStage()
  const targets: unknown[] = []
  const transport = (target: unknown): never => {
    targets.push(target)
    throw new Error('enough')
  }
  for (const url of ['https://server.test/', 'https://server.test:4433/x', 'https://[::1]:1/']) {
    await stage.environment.until(rejection(stage.begin({ transport }, url).ready))
  }
  expect(targets).toEqual([
    { host: 'server.test', port: 443 },
    { host: 'server.test', port: 4433 },
    { host: '[::1]', port: 1 },
  ])
})

test('the server sees what the client asks for', async () => {
  const stage = new SessionStage()
  const server = await stage.listen()
  const incoming = server.incoming.getReader()
  const session = stage.begin(
    { headers: { 'x-token': 'secret', cookie: 'left out', 'sec-thing': 'left out' }, origin: 'https://page.test' },
    'https://server.test:8443/chat/?room=1',
  )
  const { value: request } = await stage.environment.until(incoming.read())
  expect(request).toMatchObject({
    path: '/chat/?room=1',
    authority: 'server.test:8443',
    origin: 'https://page.test',
    protocols: [],
    isDecided: false,
  })
  expect(request?.url.href).toBe('https://server.test:8443/chat/?room=1')
  expect(request?.headers.get('x-token')).toBe('secret')
  expect(request?.headers.get('cookie')).toBeNull()
  expect(request?.headers.get('sec-thing')).toBeNull()
  expect(() => request?.headers.set('x', 'y')).toThrow(TypeError)
  request?.accept({ headers: { 'x-answer': 'fortytwo' } })
  await stage.environment.until(session.ready)
  expect(session.responseHeaders?.get('x-answer')).toBe('fortytwo')
  expect(() => session.responseHeaders?.append('x', 'y')).toThrow(TypeError)
  session.close()
})

test('the server chooses a protocol among those that are offered', async () => {
  const stage = new SessionStage({ server: { protocols: ['moq-00', 'chat'] } })
  const handled: string[] = []
  await stage.serve((peer) => handled.push(peer.protocol))
  const session = await stage.connect({ protocols: ['echo', 'chat', 'moq-00'] })
  expect(session.protocol).toBe('moq-00')
  expect(handled).toEqual(['moq-00'])
  expect(session.responseHeaders?.get('wt-protocol')).toBeNull()
  session.close()
})

test('without a common protocol none is spoken', async () => {
  const stage = new SessionStage({ server: { protocols: ['moq-00'] } })
  await stage.serve(() => {})
  const session = await stage.connect({ protocols: ['chat'] })
  expect(session.protocol).toBe('')
  session.close()
})
