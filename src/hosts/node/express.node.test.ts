/** Express 5 over TCP and through the handler: a client sees the same. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import express from 'express'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { FACTS, type Served, WAYS } from './served-apps.fixtures.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'isoquic-express-'))
  writeFileSync(join(folder, 'page.html'), '<h1>Hello</h1>')
  writeFileSync(join(folder, 'big.bin'), new Uint8Array(3_000_000).fill(7))
})
afterAll(() => rmSync(folder, { recursive: true }))

function application(): express.Express {
  const app = express()
  app.set('env', 'test')
  app.use(express.json({ limit: '1kb' }))
  app.use('/static', express.static(folder))
  app.post('/json', (request, response) => {
    response.status(201).json({ got: request.body, type: request.get('content-type') })
  })
  app.post('/form', express.urlencoded(), (request, response) => {
    response.send(request.body.name)
  })
  app.get('/facts/:id', (request, response) => {
    const { protocol, ip, hostname, secure, params, query, httpVersion } = request
    response.json({ protocol, ip, hostname, secure, params, query, httpVersion })
  })
  app.get('/cookies', (_request, response) => {
    response.cookie('a', '1', { httpOnly: true }).cookie('b', '2').redirect('/elsewhere')
  })
  app.get('/stream', async (_request, response) => {
    response.type('text/plain')
    for (const piece of ['one ', 'two ', 'three']) {
      response.write(piece)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    response.end()
  })
  app.get('/thrown', () => {
    throw new Error('a bug')
  })
  app.get('/rejected', async () => {
    throw Object.assign(new Error('too much'), { status: 429 })
  })
  return app
}

describe.each(WAYS)('Express %s', (way, serve) => {
  let served: Served | undefined
  afterEach(async () => {
    await served?.close()
    served = undefined
  })
  const ask = async (path: string, init?: RequestInit): Promise<Response> => {
    const app = application()
    served = await serve(app, app)
    return await served.ask(path, init)
  }
  const json = (value: unknown): RequestInit => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(value),
  })

  test('parses JSON and answers it', async () => {
    const response = await ask('/json', json({ a: ['grün', 1] }))
    expect([response.status, response.headers.get('content-type')]).toEqual([201, 'application/json; charset=utf-8'])
    expect(await response.json()).toEqual({ got: { a: ['grün', 1] }, type: 'application/json' })
  })

  test('parses JSON that comes without a length', async () => {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    const writer = writable.getWriter()
    void writer.write(new TextEncoder().encode('{"a"')).then(async () => {
      await writer.write(new TextEncoder().encode(':1}'))
      await writer.close()
    })
    const response = await ask('/json', { ...json({}), body: readable, duplex: 'half' } as RequestInit)
    expect(await response.json()).toMatchObject({ got: { a: 1 } })
  })

  test('parses a form', async () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' }
    expect(await (await ask('/form', { method: 'POST', headers, body: 'name=J%C3%BCrgen' })).text()).toBe('Jürgen')
  })

  test.each([
    ['broken JSON', '{"a"', 400],
    ['JSON that is too long', JSON.stringify('x'.repeat(2000)), 413],
  ])('refuses %s', async (_, body, status) => {
    const response = await ask('/json', { ...json({}), body })
    expect(response.status).toBe(status)
    await response.text()
  })

  //= rfc9114#4.3.1-p2.12.1-3
  test('knows parameters, host and peer', async () => {
    const facts = await (await ask('/facts/7?q=x%20y')).json()
    expect(facts).toMatchObject({ params: { id: '7' }, query: { q: 'x y' } })
    expect(facts).toMatchObject({ ...FACTS[way], secure: way !== 'over TCP' })
  })

  test('sends files, with their types', async () => {
    const response = await ask('/static/page.html')
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(await response.text()).toBe('<h1>Hello</h1>')
  })

  test('sends a large file, and a part of one', async () => {
    expect((await (await ask('/static/big.bin')).arrayBuffer()).byteLength).toBe(3_000_000)
    await served?.close()
    const part = await ask('/static/big.bin', { headers: { range: 'bytes=-5' } })
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 2999995-2999999/3000000'])
    expect([...new Uint8Array(await part.arrayBuffer())]).toEqual([7, 7, 7, 7, 7])
  })

  test('says that a file is as it was', async () => {
    const response = await ask('/static/page.html')
    await response.text()
    const etag = response.headers.get('etag') ?? ''
    await served?.close()
    // Without Cache-Control clients such as Node's add one that asks for the whole.
    const headers = { 'if-none-match': etag, 'cache-control': 'max-age=0' }
    const again = await ask('/static/page.html', { headers })
    expect([again.status, await again.text()]).toEqual([304, ''])
  })

  test('answers HEAD as GET, without content', async () => {
    const response = await ask('/static/page.html', { method: 'HEAD' })
    expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '14', ''])
  })

  test('sets cookies and redirects', async () => {
    const response = await ask('/cookies')
    expect([response.status, response.headers.get('location')]).toEqual([302, '/elsewhere'])
    expect(response.headers.getSetCookie()).toEqual(['a=1; Path=/; HttpOnly', 'b=2; Path=/'])
    await response.text()
  })

  test('streams', async () => {
    expect(await (await ask('/stream')).text()).toBe('one two three')
  })

  test.each([
    ['/thrown', 500],
    ['/rejected', 429],
    ['/nowhere', 404],
  ])('answers %s with %i', async (path, status) => {
    const response = await ask(path)
    expect(response.status).toBe(status)
    expect(await response.text()).toContain('<!DOCTYPE html>')
  })
})
