/** `isoquic get URL…`: downloads files, with a progress bar. */
import { basename, join } from 'node:path'
import { udp } from '../../transports/udp.ts'
import { connect } from '../api/client.ts'
import type { QuicConnection } from '../api/connection.ts'
import { QuicError, QuicStreamError } from '../api/errors.ts'
import { Http3Client } from '../api/http3/client.ts'
import {
  type Command,
  keyLog,
  parseWords,
  QLOG_HELP,
  QLOG_OPTIONS,
  qlog,
  TRUST_HELP,
  TRUST_OPTIONS,
  text,
  texts,
  trust,
  UsageError,
} from './command.ts'
import { save, type TakeBytes } from './download.ts'
import { get, HQ_INTEROP, HQ_ISOQUIC, HqError, sizeOf } from './hq.ts'

const HELP = `isoquic get URL… [options]: downloads files over HTTP/3; those of one host over one connection

  -o, --output FILE   write to FILE, - for standard output; for a single URL
  -d, --dir DIR       write below DIR, under the last part of each URL's path; default: here
  -H, --header LINE   send a field, such as "accept: text/plain"; may be repeated
  -i, --include       print status and fields of each response, on standard error
  --hq                HTTP/0.9 over QUIC (ALPN hq-interop) instead of HTTP/3
  --keylog FILE       append the keys of the connection, for Wireshark
${QLOG_HELP}
${TRUST_HELP}

Example:
  isoquic get https://127.0.0.1:4433/big.iso --insecure`

/** Downloads files; those of one host over one connection. */
export const getCommand: Command = {
  name: 'get',
  summary: 'download files',
  help: HELP,
  async run(words) {
    const { values, positionals } = parseWords(words, {
      ...TRUST_OPTIONS,
      output: { type: 'string', short: 'o' },
      dir: { type: 'string', short: 'd' },
      header: { type: 'string', short: 'H', multiple: true },
      include: { type: 'boolean', short: 'i' },
      hq: { type: 'boolean' },
      keylog: { type: 'string' },
      ...QLOG_OPTIONS,
    })
    if (positionals.length === 0) throw new UsageError('Say what to get: isoquic get https://HOST:PORT/PATH')
    const output = text(values, 'output')
    if (output !== undefined && positionals.length > 1) throw new UsageError('--output goes with a single URL')
    const folder = text(values, 'dir') ?? '.'
    const targets = positionals.map((given): Target => {
      const url = parseUrl(given)
      return { url, path: output ?? join(folder, fileName(url)) }
    })
    // Whatever is wrong with the options is said before a socket is open.
    const options = { ...trust(values), ...keyLog(values), ...qlog(values) }
    const headers = texts(values, 'header').map(parseHeader)
    if (values['hq'] === true) {
      if (headers.length > 0 || values['include'] === true) {
        throw new UsageError('HTTP/0.9 has no fields: --hq goes with neither --header nor --include')
      }
      await getOverHq(targets, options)
    } else {
      await getOverHttp3(targets, headers, { ...options, isTelling: values['include'] === true })
    }
    return 0
  },
}

/** What to get, and where it is to go. */
interface Target {
  readonly url: URL
  readonly path: string
}

type Options = ReturnType<typeof trust> & ReturnType<typeof keyLog> & ReturnType<typeof qlog>

async function getOverHttp3(
  targets: readonly Target[],
  headers: readonly (readonly [string, string])[],
  { isTelling, ...options }: Options & { readonly isTelling: boolean },
): Promise<void> {
  await using client = new Http3Client({ ...options, transport: () => udp() })
  for (const { url, path } of targets) {
    const response = await client
      .fetch(url, { headers: headers.map(([name, value]) => [name, value]) })
      .catch(unwrapped)
    if (isTelling) console.error(headOf(response))
    if (!response.ok) {
      await response.body?.cancel()
      throw new Error(answerWords(url, response.status))
    }
    const length = response.headers.get('content-length')
    const size = length === null ? undefined : Number(length)
    await save({ size, read: (take) => readBody(response, take) }, path).catch(unwrapped)
  }
}

async function readBody({ body }: Response, take: TakeBytes): Promise<void> {
  if (body === null) return
  const reader = body.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      const taken = take(value)
      if (taken !== undefined) await taken
    }
  } catch (error) {
    await reader.cancel(error).catch(() => {})
    throw error
  }
}

/** `fetch` fails with a TypeError; what happened is its cause. */
function unwrapped(error: unknown): never {
  throw error instanceof TypeError && error.cause instanceof QuicError ? error.cause : error
}

function headOf({ status, headers }: Response): string {
  return [`HTTP/3 ${status}`, ...[...headers].map(([name, value]) => `${name}: ${value}`), ''].join('\n')
}

function answerWords({ host, pathname }: URL, status: number): string {
  return status === 404 ? `${host} has no file ${pathname}` : `${host} answered ${pathname} with status ${status}`
}

async function getOverHq(targets: readonly Target[], options: Options): Promise<void> {
  const byHost = new Map<string, Target[]>()
  for (const target of targets) {
    const address = addressOf(target.url)
    byHost.set(address, [...(byHost.get(address) ?? []), target])
  }
  for (const [address, ofHost] of byHost) {
    const connection = await connect(await udp(), { address, alpn: [HQ_ISOQUIC, HQ_INTEROP], ...options })
    try {
      for (const target of ofHost) await downloadOverHq(connection, target)
    } finally {
      await connection.close()
    }
  }
}

async function downloadOverHq(connection: QuicConnection, { url, path }: Target): Promise<void> {
  const target = url.pathname + url.search
  try {
    const size = path === '-' ? undefined : await sizeOf(connection, target)
    await save({ size, read: (take) => get(connection, target, take) }, path)
  } catch (error) {
    // What the code that a stream was reset with means here.
    if (!(error instanceof QuicStreamError) || error.code !== HqError.notFound) throw error
    throw new Error(answerWords(url, 404), { cause: error })
  }
}

/** @throws UsageError */
function parseUrl(given: string): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined
  if (url?.protocol !== 'https:') throw new UsageError(`${given} is no https:// URL`)
  return url
}

/** @throws UsageError */
function parseHeader(given: string): readonly [name: string, value: string] {
  const [, name, value] = /^([^:\s]+):\s*(.*)$/s.exec(given) ?? []
  try {
    if (name === undefined || value === undefined) throw new TypeError('no colon')
    new Headers().append(name, value)
    return [name, value]
  } catch {
    throw new UsageError(`--header must be "NAME: VALUE", got ${JSON.stringify(given)}`)
  }
}

function addressOf(url: URL): string {
  return `${url.hostname}:${url.port === '' ? 443 : url.port}`
}

function fileName(url: URL): string {
  const name = basename(decodeURIComponent(url.pathname))
  return name === '' ? 'index.html' : name
}
