import { expect, test } from 'vitest'
import { pipe } from '../../../transports/pipe.ts'
import { Http3Client } from '../http3/client.ts'
import { PATIENCE, testEnvironment } from '../http3/http3.fixtures.ts'
import { rejection, testCertificate, testCrypto, testRoot } from '../pipe.fixtures.ts'
import { deferred } from '../signal.ts'
import { WebTransport } from './client.ts'
import { type WebTransportListenOptions, WebTransportServer } from './server.ts'

/** In real time, since responses are the platform's. */
async function stage(options: Partial<WebTransportListenOptions>) {
  const shared = { crypto: testCrypto(), environment: testEnvironment() }
  const [near, far] = pipe()
  const [another, other] = pipe()
  const server = await WebTransportServer.listen(far, { certificate: testCertificate(), ...shared, ...options })
  server.quic.addTransport(other)
  const trust = { ca: [testRoot.der], ...shared }
  return { server, client: new Http3Client({ ...trust, transport: () => near }), another, trust }
}

test('a server of sessions answers other requests by its handler', async () => {
  const errors: unknown[] = []
  const { server, client, another, trust } = await stage({
    handler: async (request) => {
      if (request.url.endsWith('/broken')) throw new Error('broken')
      return new Response(`You said ${await request.text()}`)
    },
    onError: (error) => void errors.push(error),
  })
  const response = await client.fetch('https://server.test/', { method: 'POST', body: 'this' })
  expect(await response.text()).toBe('You said this')
  expect((await client.fetch('https://server.test/broken')).status).toBe(500)
  expect(errors.map(String)).toEqual(['Error: broken'])
  const session = new WebTransport('https://server.test/', { ...trust, transport: another })
  await session.ready
  session.close()
  await client.close()
  await server.close()
})

test('without a handler they get 404', async () => {
  const { server, client } = await stage({})
  expect((await client.fetch('https://server.test/')).status).toBe(404)
  await client.close()
  await server.close()
})

test('a graceful close waits for answers, and a client that goes is told of', async () => {
  const finish = deferred<void>()
  const began = deferred<AbortSignal>()
  const { server, client } = await stage({
    handler: async (request) => {
      began.resolve(request.signal)
      await finish.promise
      return new Response('at last')
    },
  })
  const fetching = client.fetch('https://server.test/')
  await began.promise
  const closing = server.close({ graceful: true, timeout: 10_000 })
  finish.resolve()
  expect(await (await fetching).text()).toBe('at last')
  await closing
  await client.close()

  const again = await stage({
    handler: async (request) => {
      began.resolve(request.signal)
      return new Promise(() => {})
    },
  })
  const lost = rejection(again.client.fetch('https://server.test/'))
  await expect.poll(() => again.server.quic.connections.size, PATIENCE).toBe(1)
  await again.server.close()
  expect(await lost).toBeInstanceOf(TypeError)
  await again.client.close()
})

test.each(['handler', 'onError'])('%s must be a function', async (name) => {
  expect(String(await rejection(stage({ [name]: 3 })))).toContain(`${name} must be a function`)
})
