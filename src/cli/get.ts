/** `isoquic get URL…`: downloads files, with a progress bar. */
import { open, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { udp } from '../../transports/udp.ts'
import { connect } from '../api/client.ts'
import type { QuicConnection } from '../api/connection.ts'
import { QuicStreamError } from '../api/errors.ts'
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
  trust,
  UsageError,
} from './command.ts'
import { get, HQ_INTEROP, HQ_ISOQUIC, HqError, sizeOf } from './hq.ts'
import { Progress } from './progress.ts'

const HELP = `isoquic get URL… [options]: downloads files (HTTP/0.9 over QUIC, ALPN hq-interop)

  -o, --output FILE   write to FILE, - for standard output; for a single URL
  -d, --dir DIR       write below DIR, under the last part of each URL's path; default: here
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
      keylog: { type: 'string' },
      ...QLOG_OPTIONS,
    })
    if (positionals.length === 0) throw new UsageError('Say what to get: isoquic get https://HOST:PORT/PATH')
    const output = text(values, 'output')
    if (output !== undefined && positionals.length > 1) throw new UsageError('--output goes with a single URL')
    const folder = text(values, 'dir') ?? '.'
    const urls = positionals.map(parseUrl)
    const byHost = new Map<string, URL[]>()
    for (const url of urls) byHost.set(addressOf(url), [...(byHost.get(addressOf(url)) ?? []), url])
    // Whatever is wrong with the options is said before a socket is open.
    const options = { alpn: [HQ_ISOQUIC, HQ_INTEROP], ...trust(values), ...keyLog(values), ...qlog(values) }
    for (const [address, paths] of byHost) {
      const connection = await connect(await udp(), { address, ...options })
      try {
        for (const url of paths) await download(connection, url, output ?? join(folder, fileName(url)))
      } finally {
        await connection.close()
      }
    }
    return 0
  },
}

async function download(connection: QuicConnection, url: URL, path: string): Promise<void> {
  try {
    await save(connection, url, path)
  } catch (error) {
    throw explained(error, url)
  }
}

async function save(connection: QuicConnection, url: URL, path: string): Promise<void> {
  const target = url.pathname + url.search
  if (path === '-') {
    await get(connection, target, (bytes) => {
      process.stdout.write(bytes.slice())
    })
    return
  }
  // What is not complete has another name, so that nobody takes it for the file.
  const partial = `${path}.part`
  const file = await open(partial, 'w')
  const progress = new Progress(basename(path), await sizeOf(connection, target), process.stderr, () =>
    performance.now(),
  )
  try {
    await get(connection, target, async (bytes) => {
      await file.write(bytes)
      progress.add(bytes.length)
    })
  } catch (error) {
    progress.abandon()
    await file.close()
    await rm(partial, { force: true })
    throw error
  }
  await file.close()
  await rename(partial, path)
  progress.finish()
}

/** What the code that a stream was reset with means here. */
function explained(error: unknown, url: URL): unknown {
  if (!(error instanceof QuicStreamError) || error.code !== HqError.notFound) return error
  return new Error(`${url.host} has no file ${url.pathname}`, { cause: error })
}

/** @throws UsageError */
function parseUrl(given: string): URL {
  const url = URL.canParse(given) ? new URL(given) : undefined
  if (url?.protocol !== 'https:') throw new UsageError(`${given} is no https:// URL`)
  return url
}

function addressOf(url: URL): string {
  return `${url.hostname}:${url.port === '' ? 443 : url.port}`
}

function fileName(url: URL): string {
  const name = basename(decodeURIComponent(url.pathname))
  return name === '' ? 'index.html' : name
}
