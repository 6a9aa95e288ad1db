/** Our server's half of the dialogue of `dialogue.ts`. */
import { devCertificate } from '../../src/api/dev.ts'
import { WebTransportError } from '../../src/api/webtransport/error.ts'
import type { WebTransportBidirectionalStream } from '../../src/api/webtransport/receive-stream.ts'
import type { WebTransportServerSession } from '../../src/api/webtransport/request.ts'
import { WebTransportServer } from '../../src/api/webtransport/server.ts'
import type { WebTransportDraft } from '../../src/webtransport/negotiation.ts'
import { udp } from '../../transports/udp.ts'
import { pattern, readAll, writeAll } from './dialogue.ts'

/** A server at work. */
export interface Answering {
  readonly port: number
  /** SHA-256 of its certificate. */
  readonly hash: readonly number[]
  readonly certificate: string
  readonly privateKey: string
  close(): Promise<void>
}

/** Serves on loopback. */
export async function answer(drafts?: readonly WebTransportDraft[]): Promise<Answering> {
  const { certificate, hash, privateKey } = await devCertificate()
  const options = { certificate: { certificate, privateKey }, ...(drafts && { drafts }) }
  const server = await WebTransportServer.listen(await udp({ host: '127.0.0.1' }), options)
  const heard = new Map<string, string>()
  void (async () => {
    for await (const request of server.incoming) {
      if (!(request.url.pathname in PATHS)) request.reject(404)
      else void serve(request.accept(), heard).catch(() => {})
    }
  })().catch(() => {})
  return {
    port: Number(server.address.split(':').at(-1)),
    hash: [...hash.value],
    certificate,
    privateKey,
    close: () => server.close(),
  }
}

type Path = (session: WebTransportServerSession, heard: Map<string, string>) => Promise<void>

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
  async '/abort'(session) {
    for await (const { readable, writable } of session.incomingBidirectionalStreams) {
      await readable.cancel(new WebTransportError('', { streamErrorCode: 77 }))
      await writable.abort(new WebTransportError('', { streamErrorCode: 200 }))
    }
  },
  async '/close'(session) {
    session.close({ closeCode: 1234, reason: 'that is all €' })
  },
  async '/closed'(session, heard) {
    const { closeCode, reason } = await session.closed
    heard.set(session.request.url.search, `${closeCode} ${reason}`)
  },
  async '/heard'(session, heard) {
    const { search } = session.request.url
    for (let tries = 0; tries < 100 && !heard.has(search); tries++)
      await new Promise((resolve) => setTimeout(resolve, 20))
    await say(session, heard.get(search) ?? 'nothing')
  },
}

async function serve(session: WebTransportServerSession, heard: Map<string, string>): Promise<void> {
  session.closed.catch(() => {})
  await PATHS[session.request.url.pathname]?.(session, heard)
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
