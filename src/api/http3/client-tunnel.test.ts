import { expect, test } from 'vitest'
import { rejection } from '../pipe.fixtures.ts'
import { Http3ConnectError } from './client-tunnel.ts'
import type { ConnectRequest } from './connect-request.ts'
import { http3Stage } from './http3.fixtures.ts'

const text = (words: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(words)
const notFound = (): Response => new Response(null, { status: 404 })

/** A server whose CONNECTs `decide` decides on. */
const stageWith = (decide: (request: ConnectRequest) => void | Promise<void>): ReturnType<typeof http3Stage> =>
  http3Stage(notFound, { server: { connect: decide } })

test('extended CONNECT makes a tunnel for bytes and for datagrams', async () => {
  let seen: ConnectRequest | undefined
  await using stage = await stageWith((request) => {
    seen = request
    const tunnel = request.accept({ headers: { 'x-answer': 'yes' } })
    tunnel.readable.pipeTo(tunnel.writable).catch(() => {})
    tunnel.datagrams.serve((bytes) => tunnel.datagrams.send(bytes))
  })
  const tunnel = await stage.client.connect('https://server.test/path?a=b', {
    protocol: 'echo',
    headers: { 'x-question': 'well' },
  })
  expect([seen?.protocol, seen?.url, seen?.headers.get('x-question')]).toEqual([
    'echo',
    'https://server.test/path?a=b',
    'well',
  ])
  const writer = tunnel.writable.getWriter()
  const reader = tunnel.readable.getReader()
  await writer.write(text('hello'))
  expect((await reader.read()).value).toEqual(text('hello'))
  const datagrams = tunnel.datagrams.readable.getReader()
  const answer = datagrams.read()
  tunnel.datagrams.send(text('ping'))
  expect((await answer).value).toEqual(text('ping'))
  await writer.close()
  expect((await reader.read()).done).toBe(true)
  await tunnel.closed
})

test('plain CONNECT names its target and nothing else', async () => {
  let seen: ConnectRequest | undefined
  await using stage = await stageWith((request) => {
    seen = request
    request
      .accept()
      .writable.close()
      .catch(() => {})
  })
  const tunnel = await stage.client.connect('https://server.test', { target: 'far.example:25' })
  expect([seen?.protocol, seen?.authority, seen?.url]).toEqual([undefined, 'far.example:25', undefined])
  expect((await tunnel.readable.getReader().read()).done).toBe(true)
})

test('a refusal says which', async () => {
  await using stage = await stageWith((request) => request.reject(403, { headers: { 'proxy-status': 'p; error=x' } }))
  const error = await rejection(stage.client.connect('https://server.test/', { protocol: 'echo' }))
  expect(error).toBeInstanceOf(Http3ConnectError)
  expect(error).toMatchObject({ status: 403, message: expect.stringMatching(/403 \(p; error=x\)/) })
})

test('a server that does not offer extended CONNECT is not asked', async () => {
  await using stage = await http3Stage(notFound)
  const error = await rejection(stage.client.connect('https://server.test/', { protocol: 'echo' }))
  expect(error).toMatchObject({ name: 'TypeError', message: expect.stringMatching(/no extended CONNECT/) })
})

test('a signal ends the attempt', async () => {
  const giveUp = new AbortController()
  await using stage = await stageWith(async () => {
    giveUp.abort(new Error('enough'))
    await new Promise(() => {})
  })
  const error = await rejection(
    stage.client.connect('https://server.test/', { protocol: 'echo', signal: giveUp.signal }),
  )
  expect(error).toMatchObject({ message: 'enough' })
})

test('the end of the connection cuts the tunnel', async () => {
  await using stage = await stageWith((request) => void request.accept().closed.catch(() => {}))
  const tunnel = await stage.client.connect('https://server.test/', { protocol: 'echo' })
  const reading = rejection(tunnel.readable.getReader().read())
  await stage.server.close()
  expect(await reading).toBeInstanceOf(Error)
  expect(await rejection(tunnel.closed)).toBeInstanceOf(Error)
})

test.each([
  ['neither protocol nor target', 'https://server.test/', {}],
  ['both', 'https://server.test/', { protocol: 'a', target: 'b:1' }],
  ['another scheme', 'http://server.test/', { protocol: 'a' }],
  ['an unknown member', 'https://server.test/', { protocol: 'a', method: 'GET' }],
])('%s cannot be asked for', async (_name, url, init) => {
  await using stage = await http3Stage(notFound)
  expect(await rejection(stage.client.connect(url, init as never))).toBeInstanceOf(TypeError)
})
