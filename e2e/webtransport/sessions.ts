/** A server's half of the dialogue of `dialogue.ts`, with whichever build of the library it is handed. */
import type { WebTransportBidirectionalStream } from '../../src/api/webtransport/receive-stream.ts'
import type { WebTransportServerSession } from '../../src/api/webtransport/request.ts'
import type { WebTransportServer } from '../../src/api/webtransport/server.ts'
import { pattern, type ReasonOf, readAll, writeAll } from './dialogue.ts'

/** What the closes of clients said, by the query of their sessions. */
export type HeardCloses = Map<string, string>

/** Takes the sessions of `server`, until it closes. */
export async function serveSessions(
  server: WebTransportServer,
  reasonOf: ReasonOf,
  heard: HeardCloses = new Map(),
): Promise<void> {
  for await (const request of server.incoming) {
    if (!(request.url.pathname in PATHS)) request.reject(404)
    else void serve(request.accept(), { heard, reasonOf }).catch(() => {})
  }
}

interface Means {
  readonly heard: HeardCloses
  readonly reasonOf: ReasonOf
}

type Path = (session: WebTransportServerSession, means: Means) => Promise<void>

const PATHS: Readonly<Record<string, Path>> = {
  async '/echo'(session) {
    await Promise.all([echoBidirectional(session), echoUnidirectional(session), echoDatagrams(session)])
  },
  async '/ask'(session) {
    const { readable, writable } = await session.createBidirectionalStream()
    await writeAll(writable, pattern(50_000))
    await say(session, `heard ${(await readAll(readable)).join()}`)
  },
  async '/codes'(session) {
    for await (const stream of session.incomingBidirectionalStreams) await tellCodes(session, stream)
  },
  async '/abort'(session, { reasonOf }) {
    for await (const { readable, writable } of session.incomingBidirectionalStreams) {
      await readable.cancel(reasonOf(77))
      await writable.abort(reasonOf(200))
    }
  },
  async '/close'(session) {
    session.close({ closeCode: 1234, reason: 'that is all €' })
  },
  async '/closed'(session, { heard }) {
    const { closeCode, reason } = await session.closed
    heard.set(session.request.url.search, `${closeCode} ${reason}`)
  },
  async '/heard'(session, { heard }) {
    const { search } = session.request.url
    for (let tries = 0; tries < 100 && !heard.has(search); tries++)
      await new Promise((resolve) => setTimeout(resolve, 20))
    await say(session, heard.get(search) ?? 'nothing')
  },
}

async function serve(session: WebTransportServerSession, means: Means): Promise<void> {
  session.closed.catch(() => {})
  await PATHS[session.request.url.pathname]?.(session, means)
}

async function echoBidirectional(session: WebTransportServerSession): Promise<void> {
  for await (const { readable, writable } of session.incomingBidirectionalStreams) {
    void readable.pipeTo(writable).catch(() => {})
  }
}

async function echoUnidirectional(session: WebTransportServerSession): Promise<void> {
  for await (const stream of session.incomingUnidirectionalStreams) {
    void stream.pipeTo(await session.createUnidirectionalStream()).catch(() => {})
  }
}

async function echoDatagrams(session: WebTransportServerSession): Promise<void> {
  await session.datagrams.readable.pipeTo(session.datagrams.createWritable())
}

async function tellCodes(session: WebTransportServerSession, stream: WebTransportBidirectionalStream): Promise<void> {
  const { readable, writable } = stream
  const reader = readable.getReader()
  await reader.read()
  await say(session, 'come')
  const writer = writable.getWriter()
  const reset = reader.read().catch((error: WebTransportError) => say(session, `reset ${error.streamErrorCode}`))
  const stopped = writer.closed.catch((error: WebTransportError) => say(session, `stopped ${error.streamErrorCode}`))
  await Promise.all([reset, stopped])
}

async function say(session: WebTransportServerSession, word: string): Promise<void> {
  await writeAll(await session.createUnidirectionalStream(), new TextEncoder().encode(word))
}
