/** The error codes of RFC 9114 §8.1 that no frame can cause: as they are heard by applications, and sent for their cause. */
import { describe, expect, test } from 'vitest'
import { Http3ErrorCode } from '../../http3/error.ts'
import { rejection } from '../pipe.fixtures.ts'
import { deferred } from '../signal.ts'
import { type Http3Stage, http3Stage, PATIENCE } from './http3.fixtures.ts'
import type { ServeInfo } from './serve-info.ts'
import type { Http3Tunnel } from './tunnel.ts'

const HERE = 'https://server.test/'
const CODES = (
  ['H3_INTERNAL_ERROR', 'H3_CONNECT_ERROR', 'H3_VERSION_FALLBACK', 'H3_GENERAL_PROTOCOL_ERROR'] as const
).map((name) => [name, Http3ErrorCode[name]] as const)
const text = (words: string): Uint8Array => new TextEncoder().encode(words)

/** A body that goes on for ever, and fulfils `cancelled` when nobody wants it. */
function endless(cancelled: (reason: unknown) => void = () => {}): ReadableStream<Uint8Array> {
  return new ReadableStream({ start: (controller) => controller.enqueue(text('a')), cancel: cancelled })
}

/** By its stream: `text()` of Chromium keeps to itself what a body failed with. */
async function readBody({ body }: Response): Promise<void> {
  const reader = body?.getReader()
  while ((await reader?.read())?.done === false);
}

/** A client's end and a proxy's end of a tunnel. */
async function tunnelOf(
  connectInit: Parameters<Http3Stage['client']['connect']>[1],
): Promise<{ stage: Http3Stage; near: Http3Tunnel; far: Http3Tunnel }> {
  const accepted = deferred<Http3Tunnel>()
  const connect = (request: { accept(): Http3Tunnel }): void => accepted.resolve(request.accept())
  const stage = await http3Stage(() => new Response('x'), { server: { connect } })
  const near = await stage.client.connect(HERE, connectInit)
  return { stage, near, far: await accepted.promise }
}

describe.each(CODES)('%s', (name, code) => {
  const asStream = { name: 'QuicStreamError', code, side: 'remote', message: expect.stringContaining(name) }
  const asConnection = { name: 'QuicApplicationError', code, side: 'remote', message: expect.stringContaining(name) }

  test('instead of a response fails the request, and no other', async () => {
    await using stage = await http3Stage((request, info) => {
      if (new URL(request.url).pathname !== '/') return new Response('well')
      info.abort(code)
      return new Response('nobody hears this')
    })
    const error = await rejection(stage.fetch('/'))
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({ cause: asStream, message: expect.stringContaining(name) })
    expect(await (await stage.fetch('/other')).text()).toBe('well')
    expect(stage.transports.length).toBe(1)
  })

  test('in the middle of a response cuts its body', async () => {
    const serving = deferred<ServeInfo>()
    const cancelled = deferred<unknown>()
    await using stage = await http3Stage((_request, info) => {
      serving.resolve(info)
      return new Response(endless(cancelled.resolve))
    })
    const response = await stage.fetch('/')
    const reading = rejection(readBody(response))
    const info = await serving.promise
    info.abort(code)
    expect(await reading).toMatchObject({ name: 'TypeError', cause: asStream })
    expect(await cancelled.promise).toMatchObject({ code, side: 'local' })
    await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(0)
  })

  test('of the connection fails what was asked for on it', async () => {
    await using stage = await http3Stage((_request, info) => {
      info.connection.close({ closeCode: code }).catch(() => {})
      return new Promise(() => {})
    })
    expect(await rejection(stage.fetch('/'))).toMatchObject({ name: 'TypeError', cause: asConnection })
  })

  test('of a client that closes the connection is heard by the handler', async () => {
    const aborted = deferred<unknown>()
    await using stage = await http3Stage((request) => {
      request.signal.addEventListener('abort', () => aborted.resolve(request.signal.reason))
      for (const connection of stage.client.connections) connection.close({ closeCode: code }).catch(() => {})
      return new Promise(() => {})
    })
    stage.fetch('/').catch(() => {})
    expect(await aborted.promise).toMatchObject(asConnection)
  })

  test('on a tunnel is heard at its other end, whichever that is', async () => {
    for (const from of ['near', 'far'] as const) {
      const { stage, near, far } = await tunnelOf({ target: 'target.test:80' })
      const [one, other] = from === 'near' ? [near, far] : [far, near]
      one.abort(code)
      expect(await rejection(other.closed)).toMatchObject(asStream)
      expect(await rejection(one.closed)).toMatchObject({ code, side: 'local' })
      await stage[Symbol.asyncDispose]()
    }
  })
})

describe('a handler that gives a request up', () => {
  test('does so with H3_REQUEST_CANCELLED, if it names no code, and the client is told nothing else', async () => {
    const heard: unknown[] = []
    await using stage = await http3Stage(
      async (request, info) => {
        info.abort()
        info.abort(Http3ErrorCode.H3_INTERNAL_ERROR)
        info.inform(103)
        expect(request.signal.reason).toMatchObject({ code: Http3ErrorCode.H3_REQUEST_CANCELLED })
        expect(await rejection(request.text())).toBeInstanceOf(Error)
        throw request.signal.reason
      },
      { server: { onError: (error) => void heard.push(error) } },
    )
    const asking = rejection(stage.fetch('/', { method: 'POST', body: endless(), duplex: 'half' } as RequestInit))
    expect(await asking).toMatchObject({ cause: { code: Http3ErrorCode.H3_REQUEST_CANCELLED } })
    await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(0)
    expect(heard).toEqual([])
  })

  test('can do so with a CONNECT, and need not decide on it', async () => {
    const heard: unknown[] = []
    await using stage = await http3Stage(() => new Response('x'), {
      server: {
        connect: (_request, info) => info.abort(Http3ErrorCode.H3_VERSION_FALLBACK),
        onError: (error) => void heard.push(error),
      },
    })
    expect(await rejection(stage.client.connect(HERE, { target: 'target.test:80' }))).toMatchObject({
      cause: { code: Http3ErrorCode.H3_VERSION_FALLBACK },
    })
    expect(heard).toEqual([])
  })

  test('must name a code that is one, and changes nothing once the response is complete', async () => {
    const serving = deferred<ServeInfo>()
    await using stage = await http3Stage((_request, info) => {
      expect(() => info.abort(-1)).toThrow(RangeError)
      expect(() => info.abort('0' as unknown as number)).toThrow(TypeError)
      serving.resolve(info)
      return new Response('whole')
    })
    const response = await stage.fetch('/')
    const info = await serving.promise
    info.abort()
    expect(await response.text()).toBe('whole')
  })
})

describe('causes', () => {
  test('H3_INTERNAL_ERROR: a body that fails once its header was sent, which onError hears of', async () => {
    const heard: unknown[] = []
    const fault = new Error('The disk is gone')
    let fail = (): void => {}
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        fail = () => controller.error(fault)
      },
    })
    await using stage = await http3Stage(() => new Response(body), {
      server: { onError: (error) => void heard.push(error) },
    })
    const response = await stage.fetch('/')
    expect(response.status).toBe(200)
    fail()
    expect(await rejection(readBody(response))).toMatchObject({ cause: { code: Http3ErrorCode.H3_INTERNAL_ERROR } })
    expect(heard).toEqual([fault])
  })

  // RFC 9114 §4.4: any error in the TCP connection. A pipe from or to it tells the tunnel by aborting or cancelling with that error.
  test.each(['read', 'written'] as const)(
    'H3_CONNECT_ERROR: a TCP connection that can no longer be %s',
    async (end) => {
      const { stage, near, far } = await tunnelOf({ target: 'target.test:80' })
      const fault = new Error('ECONNRESET')
      if (end === 'read') {
        const source = new ReadableStream<Uint8Array>({ start: (controller) => controller.error(fault) })
        await rejection(source.pipeTo(far.writable))
      } else {
        await near.writable.getWriter().write(text('a'))
        const sink = new WritableStream<Uint8Array>({ write: () => Promise.reject(fault) })
        await rejection(far.readable.pipeTo(sink))
      }
      const code = Http3ErrorCode.H3_CONNECT_ERROR
      expect(await rejection(near.closed)).toMatchObject({ code, side: 'remote' })
      expect(await rejection(far.closed)).toMatchObject({ code, side: 'local' })
      await expect.poll(() => stage.server.pendingRequests, PATIENCE).toBe(0)
      await stage[Symbol.asyncDispose]()
    },
  )

  test('a proxy that wants no more gives no reason, and an extended CONNECT has no TCP connection', async () => {
    const plain = await tunnelOf({ target: 'target.test:80' })
    await plain.far.writable.abort()
    const extended = await tunnelOf({ protocol: 'connect-udp' })
    await extended.far.writable.abort(new Error('gone'))
    for (const { stage, near } of [plain, extended]) {
      const error = await rejection(near.readable.getReader().read())
      expect(error).toMatchObject({ code: Http3ErrorCode.H3_REQUEST_CANCELLED })
      await stage[Symbol.asyncDispose]()
    }
  })
})
