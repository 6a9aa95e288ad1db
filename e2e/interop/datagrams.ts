/**
 * Files over datagrams (RFC 9221), in a case of our own, since the public runner has none: a client asks for each file with a
 * datagram `GET /name`, which the server answers with a datagram of the path, a line end and the file. What is not answered is
 * asked for again.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { QuicConnection } from '../../src/index.ts'

/** ms until a request is repeated. */
const INTERVAL = 200

const LINE_END = '\r\n'

/** Answers the datagrams of `connection` until it ends, with files of `www`. */
export async function serveDatagrams(connection: QuicConnection, www: string): Promise<void> {
  for await (const bytes of connection.datagrams.readable) {
    const [, path] = /^GET (\/\S*)\r\n$/.exec(Buffer.from(bytes).toString('latin1')) ?? []
    if (path === undefined) continue
    connection.datagrams.send(Buffer.concat([Buffer.from(path + LINE_END), readFileSync(join(www, basename(path)))]))
  }
}

/** Downloads all of `urls` to `downloads`. Rejects where the connection ends before. */
export async function downloadDatagrams(
  connection: QuicConnection,
  urls: readonly URL[],
  downloads: string,
): Promise<void> {
  const missing = new Set(urls.map(({ pathname }) => pathname))
  const ask = (): void => {
    for (const path of missing) connection.datagrams.send(Buffer.from(`GET ${path}${LINE_END}`))
  }
  ask()
  const timer = setInterval(ask, INTERVAL)
  try {
    for await (const bytes of connection.datagrams.readable) {
      const answer = Buffer.from(bytes)
      const end = answer.indexOf(LINE_END)
      const path = answer.toString('latin1', 0, end)
      if (!missing.delete(path)) continue
      writeFileSync(join(downloads, basename(path)), answer.subarray(end + LINE_END.length))
      if (missing.size === 0) return
    }
    throw new Error(`The connection ended, and ${missing.size} files are missing`)
  } finally {
    clearInterval(timer)
  }
}
