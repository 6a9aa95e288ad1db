import { expect, test } from 'vitest'
import { pipe } from '../../../transports/pipe.ts'
import { rejection, testCertificate, testCrypto } from '../pipe.fixtures.ts'
import { WebTransportServer } from './server.ts'
import { echo, SessionStage } from './stage.fixtures.ts'

test('a server decides on each session, and may take its time', async () => {
  const stage = new SessionStage()
  const server = await stage.listen()
  const incoming = server.incoming.getReader()
  const session = stage.begin({ protocols: ['a', 'b'] })
  const { value: request } = await stage.environment.until(incoming.read())
  if (request === undefined) throw new Error('No request')
  await stage.environment.pass(5000)
  expect(request.isDecided).toBe(false)
  expect(request.protocols).toEqual(['a', 'b'])
  expect(() => request.accept({ protocol: 'c' })).toThrow(TypeError)
  expect(() => request.accept({ headers: { 'wt-protocol': '"a"' } })).toThrow(TypeError)
  expect(() => request.reject(200)).toThrow(RangeError)
  const peer = request.accept({ protocol: 'b' })
  expect(peer.protocol).toBe('b')
  expect(peer.request).toBe(request)
  expect(request.isDecided).toBe(true)
  expect(() => request.accept()).toThrow(expect.objectContaining({ name: 'InvalidStateError' }))
  expect(() => request.reject()).toThrow(expect.objectContaining({ name: 'InvalidStateError' }))
  await stage.environment.until(session.ready)
  expect(session.protocol).toBe('b')
  expect(await peer.ready).toBeUndefined()
  expect(peer.reliability).toBe('supports-unreliable')
})

test('what nobody decides on is refused in the end', async () => {
  const stage = new SessionStage()
  const server = await stage.listen({ handshakeTimeout: 3000 })
  const incoming = server.incoming.getReader()
  const session = stage.begin()
  const { value: request } = await stage.environment.until(incoming.read())
  expect(await stage.environment.until(rejection(session.ready))).toMatchObject({
    message: expect.stringContaining('503'),
  })
  expect(request?.isDecided).toBe(true)
})

test('a client that gives up before the decision leaves nothing to decide', async () => {
  const stage = new SessionStage()
  const server = await stage.listen()
  const incoming = server.incoming.getReader()
  const session = stage.begin()
  const { value: request } = await stage.environment.until(incoming.read())
  session.close()
  await stage.environment.pass(1000)
  expect(request?.isDecided).toBe(true)
  expect(() => request?.accept()).toThrow(expect.objectContaining({ name: 'InvalidStateError' }))
})

test('one of two iterations is chosen', async () => {
  const stage = new SessionStage()
  const server = await stage.listen()
  void server.sessions
  expect(() => server.incoming).toThrow(TypeError)
})

//= draft-ietf-webtrans-http3#3.2-p5-1
//= draft-ietf-webtrans-http3#3.2-p5-2
test('pages of other origins are refused, and clients that are no pages are not', async () => {
  const stage = new SessionStage()
  await stage.serve(echo, { origins: ['https://good.test'] })
  const transport = stage.endpoint
  const bad = stage.begin({ transport, origin: 'https://bad.test' })
  expect(await stage.environment.until(rejection(bad.ready))).toMatchObject({ message: expect.stringContaining('403') })
  const good = stage.begin({ transport, origin: 'https://good.test' })
  await stage.environment.until(good.ready)
  if (globalThis.location === undefined) await stage.environment.until(stage.begin({ transport }).ready)
})

test('sessions of one connection end one by one, and more than were allowed are refused', async () => {
  const stage = new SessionStage({ server: { maxSessions: 2 } })
  await stage.serve(echo)
  const options = { allowPooling: true, drafts: [14] } as const
  const first = await stage.connect(options)
  await stage.connect(options)
  const third = stage.begin({ ...options, handshakeTimeout: 1000 })
  expect(await stage.environment.until(rejection(third.ready))).toMatchObject({ source: 'session' })
  first.close()
  await stage.environment.pass(1000)
})

test('a server that is closed refuses those that wait, and its iterations end', async () => {
  const stage = new SessionStage()
  const server = await stage.listen()
  const incoming = server.incoming.getReader()
  const session = stage.begin()
  await stage.environment.until(incoming.read())
  const next = incoming.read()
  const closing = server.close()
  expect(await stage.environment.until(rejection(session.ready))).toMatchObject({ source: 'session' })
  expect(await stage.environment.until(next)).toMatchObject({ done: true })
  await stage.environment.until(closing)
  await stage.environment.until(server.close())
})

test('wrong options are refused, and the transport is closed', async () => {
  const attempt = (options: object): Promise<unknown> => {
    const [, far] = pipe()
    return rejection(
      WebTransportServer.listen(far, { certificate: testCertificate(), crypto: testCrypto(), ...options }),
    )
  }
  expect(await attempt({ protocols: 'a' })).toBeInstanceOf(TypeError)
  expect(await attempt({ protocols: [''] })).toBeInstanceOf(TypeError)
  expect(await attempt({ maxSessions: 0 })).toBeInstanceOf(RangeError)
  expect(await attempt({ headersTimeout: -1 })).toBeInstanceOf(RangeError)
  expect(await attempt({ drafts: [3] })).toBeInstanceOf(TypeError)
  expect(await attempt({ nonsense: 1 })).toBeInstanceOf(TypeError)
  const [near, far] = pipe()
  const hears = new Promise<void>((resolve) => {
    near.open({ datagram: () => {}, drain: () => {}, closed: () => resolve() })
  })
  await rejection(WebTransportServer.listen(far, { protocols: 7 } as never))
  await hears
})

test.each([2, 7, 14, 15] as const)('draft %i is spoken by both ends', async (draft) => {
  const stage = new SessionStage({ server: { drafts: [draft] } })
  await stage.serve(echo)
  const session = await stage.connect()
  const { readable, writable } = await stage.environment.until(session.createBidirectionalStream())
  await stage.environment.until(writable.getWriter().write(new Uint8Array([1, 2])))
  const { value } = await stage.environment.until(readable.getReader().read())
  expect(value).toEqual(new Uint8Array([1, 2]))
  session.close({ closeCode: 4, reason: 'bye' })
  await stage.environment.pass(1000)
})

//= draft-ietf-webtrans-http3#3.2-p3.4-1
test('a page names its origin, and whoever is no page none', async () => {
  const stage = new SessionStage()
  const { peer } = await stage.connected()
  const page = (globalThis as { location?: { origin?: string } }).location?.origin
  expect(peer.request.origin).toBe(page)
})

test('limits of streams above a hundred hold for sessions as well, at both ends', async () => {
  const limits = { maxIncomingBidirectionalStreams: 150, maxIncomingUnidirectionalStreams: 150 }
  const stage = new SessionStage({ server: limits, client: limits })
  const { session, peer } = await stage.connected()
  for (const end of [session, peer]) {
    const opening = Array.from({ length: 140 }, () => [
      end.createBidirectionalStream(),
      end.createUnidirectionalStream(),
    ])
    expect((await stage.environment.until(Promise.all(opening.flat()))).length).toBe(280)
  }
  session.close()
})
