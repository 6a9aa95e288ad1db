/** Serves a folder: files with their types, in whole and in part, conditionally (RFC 9110 §13, §14), and listings of folders. */
import { constants } from 'node:fs'
import { type FileHandle, open, realpath, stat } from 'node:fs/promises'
import { namesOf, realBelow } from './below.ts'
import { contentTypeOf } from './content-types.ts'
import { entriesOf, listingPage } from './listing.ts'
import { isRangeCurrent, preconditionsOf, type Validators } from './preconditions.ts'
import { type ByteRange, rangeOf } from './ranges.ts'

/** How a folder is served. */
export interface FilesOptions {
  /** The file that stands for its folder; `''`: none. Default `index.html`. */
  readonly index?: string
  /** Whether folders without an index are listed; default `true`, else they are not found. */
  readonly listing?: boolean
}

/** Answers requests for files. */
export type FilesHandler = (request: Request) => Promise<Response>

/** Bytes that are read at once, and the size up to which a file is read before its answer begins. */
const CHUNK = 131_072

/** Nothing that is served here is to be taken for something else than it says it is. */
const COMMON = { 'x-content-type-options': 'nosniff' } as const

/**
 * A handler that serves what is in `folder`, links that lead out of it aside.
 * @throws (rejects with) the system's error where there is no such folder
 */
export async function filesHandler(folder: string, options: FilesOptions = {}): Promise<FilesHandler> {
  const { index = 'index.html', listing = true } = options
  const root = await realpath(folder)
  const respond = async (request: Request): Promise<Response> => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return refusal(405, 'Only GET and HEAD are answered here', { allow: 'GET, HEAD' })
    }
    const { pathname, search } = new URL(request.url)
    const names = namesOf(pathname)
    if (names === undefined) return refusal(404, 'Not found')
    try {
      return await answer(request, root, names, { pathname, search, index, listing })
    } catch (error) {
      return refusalOf(error)
    }
  }
  return async (request) => {
    const response = await respond(request)
    if (request.method !== 'HEAD' || response.body === null) return response
    return new Response(null, { status: response.status, headers: response.headers })
  }
}

interface Target {
  readonly pathname: string
  readonly search: string
  readonly index: string
  readonly listing: boolean
}

async function answer(request: Request, root: string, names: readonly string[], target: Target): Promise<Response> {
  const { pathname, search, index, listing } = target
  const path = await realBelow(root, names)
  const stats = path === undefined ? undefined : await stat(path)
  if (path === undefined || stats === undefined) return refusal(404, 'Not found')
  if (stats.isFile())
    return pathname.endsWith('/') ? refusal(404, 'Not found') : await sendFile(request, path, names.at(-1) ?? '')
  if (!stats.isDirectory()) return refusal(404, 'Not found')
  // Links within the folder are relative to its slash.
  if (!pathname.endsWith('/'))
    return new Response(null, { status: 301, headers: { location: `${pathname}/${search}` } })
  const indexed = index === '' ? undefined : await fileBelow(root, [...names, index])
  if (indexed !== undefined) return await sendFile(request, indexed, index)
  if (!listing) return refusal(404, 'Not found')
  const page = listingPage(`/${names.map((name) => `${name}/`).join('')}`, await entriesOf(root, names))
  const bytes = new TextEncoder().encode(page)
  const headers = {
    ...COMMON,
    'content-type': 'text/html; charset=utf-8',
    'content-length': String(bytes.length),
    'cache-control': 'no-cache',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  }
  return new Response(request.method === 'HEAD' ? null : bytes, { headers })
}

/** The file that `names` lead to, if there is one. */
async function fileBelow(root: string, names: readonly string[]): Promise<string | undefined> {
  try {
    const path = await realBelow(root, names)
    return path !== undefined && (await stat(path)).isFile() ? path : undefined
  } catch {
    return undefined
  }
}

async function sendFile(request: Request, path: string, name: string): Promise<Response> {
  // It is a real path: a link in its place is new. A pipe in its place must not hold us up.
  const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
  let isHandedOver = false
  try {
    const { size, mtimeNs, ino } = await file.stat({ bigint: true })
    const validators: Validators = {
      etag: `"${ino.toString(36)}-${size.toString(36)}-${mtimeNs.toString(36)}"`,
      modified: Number(mtimeNs / 1_000_000_000n),
    }
    const headers = new Headers({
      ...COMMON,
      'accept-ranges': 'bytes',
      etag: validators.etag,
      'last-modified': new Date(validators.modified * 1000).toUTCString(),
    })
    const verdict = preconditionsOf(request.headers, validators)
    if (verdict === 'failed') return refusal(412, 'The file is another one by now')
    if (verdict === 'unchanged') return new Response(null, { status: 304, headers })
    headers.set('content-type', contentTypeOf(name))
    const total = Number(size)
    const range = requestedRange(request, validators, total)
    if (range === 'none') {
      return refusal(416, 'The file has no such part', {
        'content-range': `bytes */${total}`,
        'accept-ranges': 'bytes',
      })
    }
    const { start, length } = range === 'whole' ? { start: 0, length: total } : range
    headers.set('content-length', String(length))
    if (range !== 'whole') headers.set('content-range', `bytes ${start}-${start + length - 1}/${total}`)
    const init = { status: range === 'whole' ? 200 : 206, headers }
    if (request.method === 'HEAD' || length === 0) return new Response(null, init)
    if (length <= CHUNK) return new Response(await readWhole(file, { start, length }), init)
    isHandedOver = true
    return new Response(contentOf(file, { start, length }), init)
  } finally {
    if (!isHandedOver) await file.close()
  }
}

/** Only GET knows ranges (RFC 9110 §14.2). */
function requestedRange(request: Request, validators: Validators, size: number): ByteRange | 'whole' | 'none' {
  if (request.method !== 'GET' || !isRangeCurrent(request.headers, validators)) return 'whole'
  return rangeOf(request.headers.get('range'), size)
}

async function readWhole(file: FileHandle, { start, length }: ByteRange): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(length)
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(bytes, at, length - at, start + at)
    if (bytesRead === 0) throw new Error(`The file became shorter while it was read: ${start + at} bytes are left`)
    at += bytesRead
  }
  return bytes
}

/** Reads as it is read, and closes the file in the end. */
function contentOf(file: FileHandle, { start, length }: ByteRange): ReadableStream<Uint8Array<ArrayBuffer>> {
  let at = start
  const end = start + length
  return new ReadableStream(
    {
      pull: async (controller) => {
        try {
          const bytes = await readWhole(file, { start: at, length: Math.min(CHUNK, end - at) })
          at += bytes.length
          controller.enqueue(bytes)
          if (at < end) return
          controller.close()
        } catch (error) {
          // Less than was announced: whoever reads must not take it for the whole.
          controller.error(error)
        }
        await file.close()
      },
      cancel: () => file.close(),
    },
    { highWaterMark: 0 },
  )
}

function refusalOf(error: unknown): Response {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ELOOP':
    case 'ENAMETOOLONG':
    case 'EINVAL':
      return refusal(404, 'Not found')
    case 'EACCES':
    case 'EPERM':
      return refusal(403, 'Not allowed')
    default:
      throw error
  }
}

function refusal(status: number, words: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(`${words}\n`, {
    status,
    headers: { ...COMMON, 'content-type': 'text/plain; charset=utf-8', ...headers },
  })
}
