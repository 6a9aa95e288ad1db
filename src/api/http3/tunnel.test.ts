import { describe, expect, test } from 'vitest'
import { readAll, rejection, writeAll } from '../pipe.fixtures.ts'
import { deferred } from '../signal.ts'
import type { ConnectRequest } from './connect-request.ts'
import { type Http3Stage, http3Stage, PATIENCE } from './http3.fixtures.ts'
import type { ConnectHandler } from './serve-options.ts'
import type { Http3Tunnel } from './tunnel.ts'

const bytes = (words: string): Uint8Array => new TextEncoder().encode(words)
const words = (given: Uint8Array | undefined): string => new TextDecoder().decode(given)
const HERE = 'https://server.test/'

function stageWith(connect: ConnectHandler): Promise<Http3Stage> {
  return http3Stage(() => new Response('x'), { server: { connect } })
}

const echo: ConnectHandler = (request) => {
  const tunnel = request.accept()
  tunnel.datagrams.serve((datagram) => void tunnel.datagrams.send(datagram))
  tunnel.readable.pipeTo(tunnel.writable).catch(() => {})
}

describe('a tunnel', () => {
  test('is made by plain CONNECT, and carries bytes both ways', async () => {
    let seen: ConnectRequest | undefined
    await using stage = await stageWith((request, info) => {
      seen = request
      return echo(request, info)
    })
    const tunnel = await stage.client.connect(HERE, { target: 'target.test:80' })
    await Promise.all([writeAll(tunnel.writable, bytes('there')), expectWords(tunnel, 'there')])
    expect([200, seen?.authority, seen?.protocol, seen?.url]).toEqual([200, 'target.test:80', undefined, undefined])
    await tunnel.closed
    await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(0)
  })

  test('is made by extended CONNECT, and carries datagrams', async () => {
    let seen: ConnectRequest | undefined
    await using stage = await stageWith((request, info) => {
      seen = request
      return echo(request, info)
    })
    const tunnel = await stage.client.connect(`${HERE}udp/?a=b`, {
      protocol: 'connect-udp',
      headers: { 'x-a': '1' },
    })
    expect([seen?.protocol, seen?.url, seen?.headers.get('x-a')]).toEqual([
      'connect-udp',
      'https://server.test/udp/?a=b',
      '1',
    ])
    expect(tunnel.datagrams.maxDatagramSize).toBeGreaterThan(1000)
    tunnel.datagrams.send(bytes('ping'))
    const reader = tunnel.datagrams.readable.getReader()
    expect(words((await reader.read()).value)).toBe('ping')
    const writer = tunnel.datagrams.writable.getWriter()
    await writer.write(bytes('pong'))
    expect(words((await reader.read()).value)).toBe('pong')
    await writeAll(tunnel.writable, bytes('end'))
    await expectWords(tunnel, 'end')
    await tunnel.closed
    expect((await reader.read()).done).toBe(true)
    expect(() => tunnel.datagrams.send(bytes('late'))).toThrow(expect.objectContaining({ name: 'InvalidStateError' }))
  })

  test('is refused with a status', async () => {
    await using stage = await stageWith((request) => {
      expect(() => request.reject(200)).toThrow(RangeError)
      request.reject(403, { headers: { 'proxy-status': 'no' } })
      expect(() => request.accept()).toThrow(expect.objectContaining({ name: 'InvalidStateError' }))
    })
    const error = await rejection(stage.client.connect(HERE, { target: 'target.test:80' }))
    expect(error).toMatchObject({ name: 'Http3ConnectError', status: 403 })
    expect((error as { headers: Headers }).headers.get('proxy-status')).toBe('no')
    await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(0)
  })

  test.each<[string, ConnectHandler | undefined, number]>([
    ['there is no handler', undefined, 501],
    ['the handler throws', () => Promise.reject(new Error('no')), 500],
    ['the handler does not decide', () => {}, 500],
  ])('is refused where %s', async (_name, connect, status) => {
    await using stage = await http3Stage(() => new Response('x'), { server: connect === undefined ? {} : { connect } })
    expect(await rejection(stage.client.connect(HERE, { target: 'target.test:80' }))).toMatchObject({ status })
    expect((await stage.fetch('/')).status).toBe(200)
  })

  test('by extended CONNECT is not even asked for where the server takes none', async () => {
    await using stage = await http3Stage(() => new Response('x'))
    expect(await rejection(stage.client.connect(HERE, { protocol: 'connect-udp' }))).toMatchObject({
      message: expect.stringContaining('The server takes no extended CONNECT'),
    })
  })

  //= rfc9114#4.4-p11-3
  test('is cut by either end, and both know', async () => {
    const accepted = deferred<Http3Tunnel>()
    await using stage = await stageWith((request) => accepted.resolve(request.accept()))
    const tunnel = await stage.client.connect(HERE, { target: 'target.test:80' })
    const far = await accepted.promise
    const reading = rejection(readAll(far.readable))
    tunnel.abort(0x10fn)
    expect(await rejection(tunnel.closed)).toMatchObject({ side: 'local', code: 0x10fn })
    expect(await rejection(far.closed)).toMatchObject({ side: 'remote', code: 0x10fn })
    expect(await reading).toMatchObject({ code: 0x10fn })
    await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(0)
  })

  test('ends with its connection', async () => {
    await using stage = await stageWith(echo)
    const tunnel = await stage.client.connect(HERE, { target: 'target.test:80' })
    const reading = rejection(readAll(tunnel.readable))
    stage.transports[0]?.close()
    expect(await rejection(tunnel.closed)).toMatchObject({ name: 'QuicCarrierError' })
    expect(await reading).toMatchObject({ name: 'QuicCarrierError' })
    expect(await rejection(tunnel.writable.getWriter().write(bytes('x')))).toMatchObject({ name: 'QuicCarrierError' })
  })

  test('waits for the reader', async () => {
    const accepted = deferred<Http3Tunnel>()
    await using stage = await stageWith((request) => accepted.resolve(request.accept()))
    const tunnel = await stage.client.connect(HERE, { target: 'target.test:80' })
    await accepted.promise
    let written = 0
    const writer = tunnel.writable.getWriter()
    const writing = (async () => {
      for (;;) {
        await writer.write(new Uint8Array(100_000))
        written += 1
      }
    })().catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(written).toBeLessThan(20)
    await writer.abort()
    await writing
    expect(await rejection(readAll((await accepted.promise).readable))).toMatchObject({ code: 0x10cn })
  })

  test('is given up while it is being asked for', async () => {
    const aborted = deferred<void>()
    await using stage = await stageWith(async (request) => {
      request.signal.addEventListener('abort', () => aborted.resolve())
      await aborted.promise
      expect(() => request.accept()).toThrow(expect.objectContaining({ name: 'InvalidStateError' }))
    })
    const abort = new AbortController()
    const connecting = rejection(stage.client.connect(HERE, { target: 'target.test:80', signal: abort.signal }))
    await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(1)
    abort.abort('why')
    expect(await connecting).toBe('why')
    await aborted.promise
  })

  test.each([
    [{}, 'either protocol'],
    [{ protocol: 'a', target: 'b:1' }, 'either protocol'],
    [{ target: 'b:1', unknown: 1 }, 'unknown'],
  ])('is asked for in one of two ways: %o', async (options, message) => {
    await using stage = await stageWith(echo)
    expect(String(await rejection(stage.client.connect(HERE, options)))).toContain(message)
  })
})

async function expectWords(tunnel: Http3Tunnel, expected: string): Promise<void> {
  expect(words(await readAll(tunnel.readable))).toBe(expected)
}
