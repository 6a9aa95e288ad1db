/** Fastify 5 over TCP and through the handler: a client sees the same. */
import { Readable } from 'node:stream'
import { type FastifyInstance, fastify } from 'fastify'
import { afterEach, describe, expect, test } from 'vitest'
import { FACTS, type Served, streaming, WAYS } from './served-apps.fixtures.ts'

function application(): FastifyInstance {
  const app = fastify()
  app.addContentTypeParser('application/octet-stream', (_request, payload, done) => done(null, payload))
  app.addHook('onSend', async (_request, reply, payload) => {
    reply.header('x-hook', 'sent')
    return payload
  })
  app.register(async (plugin) => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    plugin.get('/plugin', async () => 'loaded later')
  })
  const schema = { body: { type: 'object', required: ['name'], properties: { name: { type: 'string' } } } }
  app.post('/json', { schema }, async (request, reply) => {
    reply.code(201)
    return { got: request.body }
  })
  app.get<{ Params: { id: string } }>('/facts/:id', async (request) => {
    const { protocol, ip, hostname, params, query } = request
    return { protocol, ip, hostname, params, query, httpVersion: request.raw.httpVersion }
  })
  app.get('/stream', (_request, reply) => reply.type('text/plain').send(Readable.from(['one ', 'two ', 'three'])))
  app.get('/web', (_request, reply) => reply.send(new Response('a response', { headers: { 'x-web': '1' } })))
  app.post('/echo', (request, reply) => reply.send(request.body as Readable))
  app.get('/cookies', (_request, reply) => reply.header('set-cookie', ['a=1', 'b=2']).redirect('/elsewhere'))
  app.get('/thrown', () => {
    throw new Error('a bug')
  })
  app.get('/raw', (_request, reply) => {
    reply.hijack()
    reply.raw.writeHead(202).end('by hand')
  })
  return app
}

describe.each(WAYS)('Fastify %s', (way, serve) => {
  let served: Served | undefined
  afterEach(async () => {
    await served?.close()
    served = undefined
  })
  const ask = async (path: string, init?: RequestInit): Promise<Response> => {
    const app = application()
    served = await serve(app, (request, response) => {
      void app.ready(() => app.routing(request, response))
    })
    return await served.ask(path, init)
  }

  test('parses JSON and answers it', async () => {
    const headers = { 'content-type': 'application/json' }
    const response = await ask('/json', { method: 'POST', headers, body: '{"name":"grün"}' })
    expect([response.status, response.headers.get('x-hook'), await response.json()]).toEqual([
      201,
      'sent',
      { got: { name: 'grün' } },
    ])
  })

  test.each([
    ['what its schema refuses', '{"nome":1}', 'application/json', 400],
    ['broken JSON', '{"name"', 'application/json', 400],
    ['what it does not know', 'x', 'application/x-unknown', 415],
  ])('refuses %s', async (_, body, type, status) => {
    const response = await ask('/json', { method: 'POST', headers: { 'content-type': type }, body })
    expect([response.status, (await response.json()).statusCode]).toEqual([status, status])
  })

  test('knows parameters, host and peer', async () => {
    const facts = await (await ask('/facts/7?q=x%20y')).json()
    expect(facts).toMatchObject({ params: { id: '7' }, query: { q: 'x y' } })
    expect(facts).toMatchObject(FACTS[way] ?? {})
  })

  test('waits for its plugins', async () => {
    expect(await (await ask('/plugin')).text()).toBe('loaded later')
  })

  test.each([
    ['/stream', 200, 'one two three'],
    ['/web', 200, 'a response'],
    ['/raw', 202, 'by hand'],
  ])('streams: %s', async (path, status, text) => {
    const response = await ask(path)
    expect([response.status, await response.text()]).toEqual([status, text])
  })

  test('echoes a stream', async () => {
    let pieces = 0
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pieces += 1
        controller.enqueue(new Uint8Array(50_000).fill(pieces))
        if (pieces === 20) controller.close()
      },
    })
    const response = await ask('/echo', streaming(body, { headers: { 'content-type': 'application/octet-stream' } }))
    const bytes = new Uint8Array(await response.arrayBuffer())
    expect([bytes.length, bytes[0], bytes.at(-1)]).toEqual([1_000_000, 1, 20])
  })

  test('sets cookies and redirects', async () => {
    const response = await ask('/cookies')
    expect([response.status, response.headers.get('location')]).toEqual([302, '/elsewhere'])
    expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
    await response.text()
  })

  test('answers HEAD as GET, without content', async () => {
    const response = await ask('/plugin', { method: 'HEAD' })
    expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '12', ''])
  })

  test.each([
    ['/thrown', 500],
    ['/nowhere', 404],
  ])('answers %s with %i', async (path, status) => {
    const response = await ask(path)
    expect([response.status, (await response.json()).statusCode]).toEqual([status, status])
  })
})
