/** The cases of WebTransport for both roles, over whatever has the W3C's class: isoquic, Deno and the pages of browsers run this. */
import { encode, type Files, type Kind, type Session, SessionFiles } from './session-files.ts'

/** A session, from its beginning to its end. */
export interface WholeSession extends Session {
  readonly ready: Promise<unknown>
  readonly closed: Promise<{ readonly closeCode?: number; readonly reason?: string }>
  /** The application protocol that was agreed on. */
  readonly protocol?: string
  close(info?: { closeCode?: number; reason?: string }): void
}

/** What a program does for the cases. */
export interface Program {
  readonly testCase: string
  /** The files of a session, by the name of its endpoint. */
  files(endpoint: string): Files
  saveProtocol(name: string): Promise<void>
  report(event: string, facts: Readonly<Record<string, unknown>>): void
  /** An error that has a stream end with a code. */
  streamError(code: number): unknown
}

/** The runner's cases with files, beside `transfer`, which answers only. */
const TRANSFER = /^transfer-(unidirectional|bidirectional|datagram)-(receive|send)$/

/** How sessions are closed, and by whom, in the case `closes`: of the endpoints `by-client` and `by-server`. */
export const CLOSES: Readonly<Record<'by-client' | 'by-server', { closeCode: number; reason: string }>> = {
  'by-client': { closeCode: 1234, reason: 'the client goes, naïvely' },
  'by-server': { closeCode: 0xfffffffe, reason: 'the server goes' },
}

/** The codes of the case `errors`: those around what would be mapped to a reserved code (draft §4.4), and the largest that Chromium has. */
export const ERRORS: Readonly<Record<'clientResets' | 'clientStops' | 'serverResets' | 'serverStops', number>> = {
  clientResets: 29,
  clientStops: 30,
  serverResets: 255,
  serverStops: 61,
}

/** The sessions and files that `REQUESTS` of a client names: `https://host/endpoint/name`. */
export function endpointsIn(paths: readonly string[]): Map<string, string[]> {
  const endpoints = new Map<string, string[]>()
  for (const path of paths) {
    const [endpoint = '', ...rest] = path.split('/').filter((part) => part !== '')
    const names = endpoints.get(endpoint) ?? []
    endpoints.set(endpoint, names)
    if (rest.length > 0) names.push(rest.join('/'))
  }
  return endpoints
}

/** The client's side of a session with `endpoint`. Rejects where it fails. */
export async function playClient(
  program: Program,
  session: WholeSession,
  endpoint: string,
  names: readonly string[],
): Promise<void> {
  const { testCase } = program
  await session.ready
  if (session.protocol !== undefined) await program.saveProtocol(session.protocol)
  if (testCase === 'closes') return await playClose(program, session, endpoint, 'by-client')
  if (testCase === 'errors') await sendErrors(program, session)
  else if (testCase !== 'handshake') {
    const files = new SessionFiles(session, program.files(endpoint), program.report)
    // The server asks, and closes the session when it has all; a peer that closes the connection instead is known for it.
    if (testCase === 'transfer') {
      await session.closed.catch((error: unknown) => {
        if (program.files(endpoint).isFramed !== true) throw error
      })
      return
    }
    await files.requestAll(kindOf(testCase), names)
  }
  session.close()
  await session.closed
}

/** The server's side; fulfils with the end of the session. */
export async function playServer(
  program: Program,
  session: WholeSession,
  endpoint: string,
  names: readonly string[],
): Promise<void> {
  const { testCase } = program
  await session.ready
  if (session.protocol !== undefined) await program.saveProtocol(session.protocol)
  if (testCase === 'closes') return await playClose(program, session, endpoint, 'by-server')
  if (testCase === 'errors') void answerErrors(program, session)
  else if (testCase !== 'handshake') {
    const files = new SessionFiles(session, program.files(endpoint), program.report)
    if (names.length > 0) {
      await files.requestAll(kindOf(testCase), names)
      session.close()
    }
  }
  await session.closed
}

function kindOf(testCase: string): Kind {
  const [, kind] = TRANSFER.exec(testCase) ?? []
  if (kind === undefined) throw new TypeError(`${testCase} is not a case with files`)
  return kind as Kind
}

/** Closes the session if the endpoint is one that `who` closes; tells how it ended, if not. */
async function playClose(
  program: Program,
  session: WholeSession,
  endpoint: string,
  who: 'by-client' | 'by-server',
): Promise<void> {
  if (endpoint === who) {
    session.close(CLOSES[who])
    await session.closed
    return
  }
  const { closeCode, reason } = await session.closed
  program.report('session-closed', { endpoint, closeCode, reason })
}

/** Ends both halves of a stream with codes, sees the server do so with another, and asks whether it has seen the first. */
async function sendErrors(program: Program, session: WholeSession): Promise<void> {
  const { streamError } = program
  const first = await open(session, 'A')
  await Promise.allSettled([
    first.reader.cancel(streamError(ERRORS.clientStops)),
    first.writer.abort(streamError(ERRORS.clientResets)),
  ])
  const second = await open(session, 'B')
  await reportEnds(program, second.reader, second.writer)
  await open(session, 'C')
}

interface Opened {
  readonly reader: ReadableStreamDefaultReader<Uint8Array>
  readonly writer: WritableStreamDefaultWriter<Uint8Array>
}

/** A stream on which `letter` was answered. */
async function open(session: WholeSession, letter: string): Promise<Opened> {
  const { readable, writable } = await session.createBidirectionalStream()
  const [reader, writer] = [readable.getReader(), writable.getWriter()]
  writer.closed.catch(() => {})
  await writer.write(encode(letter))
  await reader.read()
  return { reader, writer }
}

/** ms for the news of an ended half, which some peers do not send. */
const PATIENCE = 1000

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

async function answerErrors(program: Program, session: WholeSession): Promise<void> {
  const streams = session.incomingBidirectionalStreams.getReader()
  let seen: Promise<void> = Promise.resolve()
  try {
    for (;;) {
      const { done, value } = await streams.read()
      if (done) return
      const [reader, writer] = [value.readable.getReader(), value.writable.getWriter()]
      writer.closed.catch(() => {})
      const letter = String.fromCharCode((await reader.read()).value?.[0] ?? 0)
      if (letter === 'C') await Promise.race([seen, pause(PATIENCE)])
      await writer.write(encode(letter))
      if (letter === 'A') seen = reportEnds(program, reader, writer)
      if (letter !== 'B') continue
      // The answer must be read before the reset overtakes it.
      await pause(200)
      await Promise.allSettled([
        writer.abort(program.streamError(ERRORS.serverResets)),
        reader.cancel(program.streamError(ERRORS.serverStops)),
      ])
    }
  } catch {
    // The session's end.
  }
}

/** Tells with which codes the peer ended its half, and wants ours to end. */
async function reportEnds(program: Program, reader: Opened['reader'], writer: Opened['writer']): Promise<void> {
  const codeOf = (error: unknown): unknown => (error as { streamErrorCode?: unknown }).streamErrorCode ?? String(error)
  const reset = reader.read().then(
    () => 'none',
    (error: unknown) => codeOf(error),
  )
  const stopped = writer.closed.then(
    () => 'none',
    (error: unknown) => codeOf(error),
  )
  program.report('stream-ended', { reset: await reset, stopped: await stopped })
}

/** {@link Program.streamError} for the class of the newest draft, and for that of Chromium, which takes one argument. */
export function streamErrorOf(Class: unknown): (code: number) => unknown {
  const construct = Class as new (...args: unknown[]) => unknown
  return (streamErrorCode) => {
    try {
      return new construct('', { streamErrorCode })
    } catch {
      return new construct({ streamErrorCode })
    }
  }
}
