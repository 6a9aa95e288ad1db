import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { namesOf, realBelow } from './below.ts'
import { type FilesHandler, filesHandler } from './handler.ts'

const SECRET = 'nobody is to read this'
const ODD = `a&b <i>"c"' d%2e#?.txt`
const LONG = new Uint8Array(1_000_000).map((_, index) => index % 251)

let outside = ''
let root = ''
let handler: FilesHandler

beforeAll(async () => {
  outside = realpathSync(mkdtempSync(join(tmpdir(), 'isoquic-files-')))
  root = join(outside, 'root')
  mkdirSync(join(root, 'sub/deep'), { recursive: true })
  mkdirSync(join(root, 'site'))
  mkdirSync(join(outside, 'rootx'))
  for (const path of ['secret.txt', 'rootx/secret.txt']) writeFileSync(join(outside, path), SECRET)
  writeFileSync(join(root, 'a.txt'), 'alpha')
  writeFileSync(join(root, 'empty'), '')
  writeFileSync(join(root, 'long.bin'), LONG)
  writeFileSync(join(root, ODD), 'odd')
  writeFileSync(join(root, 'sub/b.html'), '<p>beta')
  writeFileSync(join(root, 'site/index.html'), 'the index')
  utimesSync(join(root, 'a.txt'), 784_111_777, 784_111_777)
  symlinkSync('../sub/b.html', join(root, 'site/inside'))
  symlinkSync('../secret.txt', join(root, 'link-out'))
  symlinkSync('..', join(root, 'out'))
  symlinkSync('../rootx', join(root, 'next'))
  symlinkSync('nowhere', join(root, 'broken'))
  symlinkSync('loop', join(root, 'loop'))
  handler = await filesHandler(root)
})
afterAll(() => rmSync(outside, { recursive: true }))

const ask = (path: string, init?: RequestInit): Promise<Response> =>
  handler(new Request(`https://files.example${path}`, init))
const status = async (path: string, init?: RequestInit): Promise<number> => {
  const response = await ask(path, init)
  await response.body?.cancel()
  return response.status
}

describe('A file', () => {
  test('is sent whole, with what is known of it', async () => {
    const response = await ask('/a.txt')
    expect(response.status).toBe(200)
    expect(Object.fromEntries(response.headers)).toEqual({
      'accept-ranges': 'bytes',
      'content-length': '5',
      'content-type': 'text/plain; charset=utf-8',
      etag: expect.stringMatching(/^"[\w-]+"$/),
      'last-modified': 'Sun, 06 Nov 1994 08:49:37 GMT',
      'x-content-type-options': 'nosniff',
    })
    expect(await response.text()).toBe('alpha')
  })

  test('is sent as it is read', async () => {
    const response = await ask('/long.bin')
    expect(response.headers.get('content-type')).toBe('application/octet-stream')
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(LONG)
  })

  test('may be empty', async () => {
    const response = await ask('/empty')
    expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '0', ''])
  })

  test('is left alone when nobody reads on', async () => {
    const response = await ask('/long.bin')
    const reader = response.body?.getReader()
    expect((await reader?.read())?.value?.length).toBe(131_072)
    await reader?.cancel()
  })

  test('that gets shorter meanwhile breaks off', async () => {
    writeFileSync(join(root, 'shrinking'), LONG)
    const response = await ask('/shrinking')
    truncateSync(join(root, 'shrinking'), 300_000)
    await expect(response.arrayBuffer()).rejects.toThrow('The file became shorter while it was read')
    rmSync(join(root, 'shrinking'))
  })

  test('is described to HEAD', async () => {
    const response = await ask('/long.bin', { method: 'HEAD', headers: { range: 'bytes=0-1' } })
    expect([response.status, response.headers.get('content-length'), response.body]).toEqual([200, '1000000', null])
  })

  test('is sent in parts', async () => {
    const part = await ask('/a.txt', { headers: { range: 'bytes=1-3' } })
    expect([part.status, part.headers.get('content-range'), part.headers.get('content-length')]).toEqual([
      206,
      'bytes 1-3/5',
      '3',
    ])
    expect(await part.text()).toBe('lph')
    const long = await ask('/long.bin', { headers: { range: 'bytes=-400000' } })
    expect(long.headers.get('content-range')).toBe('bytes 600000-999999/1000000')
    expect(new Uint8Array(await long.arrayBuffer())).toEqual(LONG.subarray(600_000))
  })

  test('has no part beyond its end', async () => {
    const response = await ask('/a.txt', { headers: { range: 'bytes=5-' } })
    expect([response.status, response.headers.get('content-range')]).toEqual([416, 'bytes */5'])
  })

  test('is not sent again to whom knows it', async () => {
    const etag = (await ask('/a.txt')).headers.get('etag') ?? ''
    const known = await ask('/a.txt', { headers: { 'if-none-match': etag, range: 'bytes=0-1' } })
    expect([known.status, known.headers.get('etag'), known.body]).toEqual([304, etag, null])
    expect(await status('/a.txt', { headers: { 'if-modified-since': 'Sun, 06 Nov 1994 08:49:37 GMT' } })).toBe(304)
    expect(await status('/a.txt', { headers: { 'if-modified-since': 'Sun, 06 Nov 1994 08:49:36 GMT' } })).toBe(200)
    expect(await status('/a.txt', { headers: { 'if-match': '"other"' } })).toBe(412)
  })

  test('is sent whole instead of the part of another', async () => {
    const headers = { range: 'bytes=1-3' }
    const etag = (await ask('/a.txt')).headers.get('etag') ?? ''
    expect(await status('/a.txt', { headers: { ...headers, 'if-range': etag } })).toBe(206)
    expect(await status('/a.txt', { headers: { ...headers, 'if-range': '"other"' } })).toBe(200)
  })

  test('has another entity tag when it has changed', async () => {
    writeFileSync(join(root, 'changing'), 'one')
    const before = (await ask('/changing')).headers.get('etag')
    writeFileSync(join(root, 'changing'), 'two')
    utimesSync(join(root, 'changing'), 1, 1)
    expect((await ask('/changing')).headers.get('etag')).not.toBe(before)
    rmSync(join(root, 'changing'))
  })

  test.each(['PUT', 'POST', 'DELETE', 'OPTIONS'])('is not answered to %s', async (method) => {
    const response = await ask('/a.txt', { method })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })
})

describe('A folder', () => {
  test('is a page', async () => {
    const response = await ask('/')
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    const page = await response.text()
    expect(page).toContain('<title>Index of /</title>')
    expect(page).not.toContain('../')
    expect([...page.matchAll(/href="([^"]*)"/g)].map(([, target]) => target)).toEqual([
      './site/',
      './sub/',
      './a.txt',
      './a%26b%20%3Ci%3E%22c%22&#39;%20d%252e%23%3F.txt',
      './empty',
      './long.bin',
    ])
    expect(page).toContain('a&amp;b &lt;i&gt;&quot;c&quot;&#39; d%2e#?.txt')
    expect(page).toContain('<td>1.00 MB</td>')
    expect(page).toContain('<time datetime="1994-11-06T08:49:37.000Z">1994-11-06 08:49</time>')
    expect(response.headers.get('content-length')).toBe(String(new TextEncoder().encode(page).length))
  })

  test('leads to all that is in it, whatever it is called', async () => {
    const page = await (await ask('/')).text()
    const links = [...page.matchAll(/href="([^"]*)"/g)].map(([, link = '']) => link.replaceAll('&#39;', "'"))
    for (const link of links) {
      expect([link, await status(new URL(link, 'https://files.example/').pathname)]).toEqual([link, 200])
    }
    expect(await (await ask(`/${encodeURIComponent(ODD)}`)).text()).toBe('odd')
  })

  test('has a parent', async () => {
    const page = await (await ask('/sub/')).text()
    expect(page).toContain('<h1>Index of /sub/</h1>')
    expect(page).toContain('<a href="../">../</a>')
    expect(page).toContain('<a href="./deep/">deep/</a>')
  })

  test('has a slash at its end, and a file none', async () => {
    const response = await ask('/sub?x=1')
    expect([response.status, response.headers.get('location')]).toEqual([301, '/sub/?x=1'])
    expect(await status('/a.txt/')).toBe(404)
  })

  test('is stood for by its index, unless there is to be none', async () => {
    expect(await (await ask('/site/')).text()).toBe('the index')
    const plain = await filesHandler(root, { index: '' })
    expect(await (await plain(new Request('https://x/site/'))).text()).toContain('<h1>Index of /site/</h1>')
  })

  test('is not listed where that is not wanted', async () => {
    const silent = await filesHandler(root, { listing: false })
    expect((await silent(new Request('https://x/sub/'))).status).toBe(404)
    expect((await silent(new Request('https://x/sub/b.html'))).status).toBe(200)
  })

  test('holds links within it, and none that leads out', async () => {
    expect(await (await ask('/site/inside')).text()).toBe('<p>beta')
    const page = await (await ask('/')).text()
    expect(page).not.toMatch(/link-out|broken|loop|next|"\.\/out/)
  })

  test('describes itself to HEAD, and what is wrong too', async () => {
    const response = await ask('/sub/', { method: 'HEAD' })
    expect([response.status, response.body]).toEqual([200, null])
    expect(Number(response.headers.get('content-length'))).toBeGreaterThan(500)
    expect((await ask('/nowhere', { method: 'HEAD' })).body).toBe(null)
  })
})

describe('Nothing leads out', () => {
  test.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/%2e%2e%2fsecret.txt',
    '/..%5csecret.txt',
    '/sub/..%2f..%2fsecret.txt',
    '/link-out',
    '/out/',
    '/out/secret.txt',
    '/next/',
    '/next/secret.txt',
    '/broken',
    '/loop',
    '/a.txt%00.html',
    '/%00',
    '//a.txt',
    '/sub//b.html',
    '/%ff',
    '/%',
    `/${'x'.repeat(5000)}`,
    '/nowhere',
  ])('%s is not found', async (path) => {
    expect(await status(path)).toBe(404)
  })

  const piece = fc.oneof(
    fc.constantFrom(
      ...[
        '..',
        '%2e%2e',
        '%2E.',
        '..%2f',
        '%2f..',
        '..%5c',
        '..\\',
        '%00',
        '.',
        '%2e',
        '',
        'sub',
        'deep',
        'site',
        'out',
      ],
      ...['link-out', 'secret.txt', 'rootx', '../rootx', '..%2frootx', 'a.txt', '%252e%252e', '%c0%ae%c0%ae', '..;'],
      ...['C:', 'c:%5c', '%5c%5chost', '~', '%7e', '%E2%80%AE', '。。', '%u002e', 'b.html', 'root'],
    ),
    fc.string({ maxLength: 4 }),
  )
  const path = fc.array(piece, { maxLength: 7 }).map((pieces) => `/${pieces.join('/')}`)

  test('no request is answered with what is outside, whatever its path', async () => {
    await fc.assert(
      fc.asyncProperty(path, async (given) => {
        const url = `https://files.example${given}`
        if (!URL.canParse(url)) return
        const response = await handler(new Request(url))
        expect([200, 301, 404]).toContain(response.status)
        expect(await response.text()).not.toMatch(new RegExp(`${SECRET}|rootx|secret\\.txt`))
      }),
      { numRuns: 400 },
    )
  })

  test('no path leads outside, also where no URL was made of it before', async () => {
    await fc.assert(
      fc.asyncProperty(path, async (given) => {
        const names = namesOf(given)
        if (names === undefined) return
        const real = await realBelow(root, names).catch(() => undefined)
        if (real !== undefined && real !== root) expect(real.startsWith(`${root}/`)).toBe(true)
      }),
      { numRuns: 400 },
    )
  })

  test.each(['/c:/x', '/a.txt::$DATA', '/con', '/NUL.txt', '/com1', '/x.', '/x%20', '/PROGRA~1', '/a%7Cb'])(
    'on Windows %s is no name of a file',
    (given) => {
      expect(namesOf(given, true)).toBe(undefined)
      expect(namesOf(given, false)).toHaveLength(given === '/c:/x' ? 2 : 1)
    },
  )

  test('on any system a backslash is none', () => {
    expect([namesOf('/a%5cb', false), namesOf('/a\\b', false), namesOf('a', false)]).toEqual(Array(3).fill(undefined))
  })
})
