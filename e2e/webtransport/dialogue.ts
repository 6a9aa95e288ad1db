/**
 * What a client of WebTransport is asked to do with the server of `answers.ts`, by W3C's interface alone: the same program
 * in pages, in Deno, and over our own class. What is asked for stands in the path.
 */
import { SessionWatch } from './watch.ts'

/** How a client makes sessions. */
export type OpenSession = (path: string) => WebTransport

/** How an application names the code that it gives a stream up with. */
export type ReasonOf = (code: number) => unknown

/** What a client can do, and what it is given for that. */
export interface Abilities {
  readonly open: OpenSession
  readonly reasonOf: ReasonOf
  /** ms for each case. */
  readonly limit: number
  /** What the client may say at times in place of the code of STOP_SENDING. */
  readonly insteadOfStopCode?: string
}

type Case = (abilities: Abilities) => Promise<void>

/** `'ok'`, or what went wrong, by case. */
export type Verdicts = Record<string, string>

/** The cases, by name. */
export const CASES: Readonly<Record<string, Case>> = {
  async bidirectional({ open }) {
    const session = await opened(open('/echo'))
    const { readable, writable } = await session.createBidirectionalStream()
    const sent = pattern(300_000)
    const [received] = await Promise.all([readAll(readable), writeAll(writable, sent)])
    same(received, sent)
    session.close()
  },
  async unidirectional({ open }) {
    const session = await opened(open('/echo'))
    const sent = pattern(70_000)
    const incoming = session.incomingUnidirectionalStreams.getReader()
    await writeAll(await session.createUnidirectionalStream(), sent)
    const { value } = await incoming.read()
    same(await readAll(value), sent)
    session.close()
  },
  async 'many streams'({ open }) {
    const session = await opened(open('/echo'))
    const one = async (index: number): Promise<void> => {
      const { readable, writable } = await session.createBidirectionalStream()
      const sent = pattern(100 + index)
      const [received] = await Promise.all([readAll(readable), writeAll(writable, sent)])
      same(received, sent)
    }
    for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 20 }, (_, index) => one(index)))
    session.close()
  },
  async 'streams of the server'({ open }) {
    const session = await opened(open('/ask'))
    const { value } = await session.incomingBidirectionalStreams.getReader().read()
    if (value === undefined) throw new Error('there is no stream')
    const question = await readAll(value.readable)
    same(question, pattern(50_000))
    await writeAll(value.writable, Uint8Array.of(42))
    const { value: verdict } = await session.incomingUnidirectionalStreams.getReader().read()
    equal(text(await readAll(verdict)), 'heard 42')
    session.close()
  },
  async datagrams({ open }) {
    const session = await opened(open('/echo'))
    const writer = writableOf(session.datagrams).getWriter()
    const reader = session.datagrams.readable.getReader()
    const seen = new Set<number>()
    // Some may be lost, and some engines keep one that nobody waits for, and drop the rest.
    const read = async (): Promise<void> => {
      while (seen.size < 20) {
        const { value } = await reader.read()
        if (value === undefined) throw new Error('there are no more')
        same(value, pattern(value.length))
        seen.add(value.length)
      }
    }
    const write = async (): Promise<void> => {
      for (let index = 0; seen.size < 20; index++) {
        await writer.write(pattern(500 + (index % 400)))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
    await Promise.all([read(), write()])
    session.close()
  },
  async 'reset by the client'({ open, reasonOf }) {
    const session = await opened(open('/codes'))
    const { writable } = await session.createBidirectionalStream()
    const writer = writable.getWriter()
    await writer.write(pattern(10))
    const heard = session.incomingUnidirectionalStreams.getReader()
    equal(text(await readAll((await heard.read()).value)), 'come')
    writer.abort(reasonOf(42)).catch(() => {})
    equal(text(await readAll((await heard.read()).value)), 'reset 42')
    session.close()
  },
  async 'stop by the client'({ open, reasonOf }) {
    const session = await opened(open('/codes'))
    const { readable, writable } = await session.createBidirectionalStream()
    await writable.getWriter().write(pattern(10))
    const heard = session.incomingUnidirectionalStreams.getReader()
    equal(text(await readAll((await heard.read()).value)), 'come')
    readable.cancel(reasonOf(200)).catch(() => {})
    equal(text(await readAll((await heard.read()).value)), 'stopped 200')
    session.close()
  },
  async 'codes of the server'({ open, insteadOfStopCode }) {
    const session = await opened(open('/abort'))
    const { readable, writable } = await session.createBidirectionalStream()
    const writer = writable.getWriter()
    // Browsers tell the codes to those alone who wait for them.
    const ends = Promise.all([codeOf(writer.closed), codeOf(readAll(readable))])
    // The server may have refused them before they are said to be sent.
    writer.write(pattern(10)).catch(() => {})
    const [stopped, reset] = await ends
    if (stopped !== insteadOfStopCode) equal(stopped, 77)
    equal(reset, 200)
    session.close()
  },
  async 'several sessions'({ open }) {
    const sessions = await Promise.all([1, 2, 3].map(() => opened(open('/echo'))))
    for (const [index, session] of sessions.entries()) {
      const { readable, writable } = await session.createBidirectionalStream()
      const sent = pattern(1000 + index)
      const [received] = await Promise.all([readAll(readable), writeAll(writable, sent)])
      same(received, sent)
    }
    for (const session of sessions) session.close()
  },
  async 'bytes without an end'({ open }) {
    const session = await opened(open('/echo'))
    const sent = pattern(100_000)
    const { readable, writable } = await session.createBidirectionalStream()
    const [received] = await Promise.all([readLength(readable, sent.length), write(writable, sent)])
    same(received, sent)
    session.close()
  },
  async 'close by the server'({ open }) {
    const session = await opened(open('/close'))
    const { closeCode, reason } = await session.closed
    equal(`${closeCode} ${reason}`, '1234 that is all €')
  },
  async 'close by the client'({ open }) {
    const name = `n${Math.floor(Math.random() * 1e9)}`
    const session = await opened(open(`/closed?${name}`))
    session.close({ closeCode: 4321, reason: 'enough ü' })
    await session.closed.catch(() => {})
    const asking = await opened(open(`/heard?${name}`))
    const { value } = await asking.incomingUnidirectionalStreams.getReader().read()
    equal(text(await readAll(value)), '4321 enough ü')
    asking.close()
  },
  async rejection({ open }) {
    const session = open('/nothing')
    session.closed.catch(() => {})
    equal(await nameOf(session.ready), 'WebTransportError')
  },
}

/** Plays all cases, or those that are named. */
export async function dialogue(abilities: Abilities, names: readonly string[] = Object.keys(CASES)): Promise<Verdicts> {
  const verdicts: Verdicts = {}
  for (const name of names) {
    const play = CASES[name]
    if (play === undefined) continue
    const watch = new SessionWatch()
    const open = watch.watch(abilities.open)
    let timer: ReturnType<typeof setTimeout> | undefined
    const late = new Promise<never>((_, reject) => {
      const fail = async (): Promise<void> => reject(new Error(`nothing came of it: ${await watch.describe()}`))
      timer = setTimeout(fail, abilities.limit)
    })
    try {
      await Promise.race([play({ ...abilities, open }), late])
      verdicts[name] = 'ok'
    } catch (error) {
      verdicts[name] = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
    }
    clearTimeout(timer)
  }
  return verdicts
}

async function opened(session: WebTransport): Promise<WebTransport> {
  session.closed.catch(() => {})
  await session.ready
  return session
}

/** Bytes that tell where they are. */
export function pattern(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  for (let index = 0; index < length; index++) bytes[index] = (index * 31 + (index >> 8)) & 0xff
  return bytes
}

/** Everything up to the end of a stream. */
export async function readAll(stream: ReadableStream<Uint8Array> | undefined): Promise<Uint8Array<ArrayBuffer>> {
  if (stream === undefined) throw new Error('there is no stream')
  const parts: Uint8Array[] = []
  let length = 0
  const reader = stream.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    parts.push(value)
    length += value.length
  }
  const bytes = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** The first bytes of a stream, `length` of them. */
export async function readLength(
  stream: ReadableStream<Uint8Array> | undefined,
  length: number,
): Promise<Uint8Array<ArrayBuffer>> {
  if (stream === undefined) throw new Error('there is no stream')
  const bytes = new Uint8Array(length)
  const reader = stream.getReader()
  for (let at = 0; at < length; ) {
    const { value } = await reader.read()
    if (value === undefined) throw new Error(`it ends after ${at} bytes`)
    bytes.set(value.subarray(0, length - at), at)
    at += value.length
  }
  reader.releaseLock()
  return bytes
}

/** Writes in pieces. */
export async function write(
  stream: WritableStream<Uint8Array<ArrayBuffer>>,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const writer = stream.getWriter()
  for (let at = 0; at < bytes.length; at += 20_000) await writer.write(bytes.slice(at, at + 20_000))
  writer.releaseLock()
}

/** Writes in pieces, and ends. */
export async function writeAll(
  stream: WritableStream<Uint8Array<ArrayBuffer>>,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  await write(stream, bytes)
  await stream.close()
}

/** Browsers of before 2025 have `writable` alone, the newest text has `createWritable` alone. */
function writableOf(datagrams: unknown): WritableStream<Uint8Array<ArrayBuffer>> {
  const either = datagrams as {
    writable?: WritableStream<Uint8Array<ArrayBuffer>>
    createWritable?: () => WritableStream<Uint8Array<ArrayBuffer>>
  }
  const writable = either.writable ?? either.createWritable?.()
  if (writable === undefined) throw new Error('datagrams cannot be written')
  return writable
}

async function codeOf(failing: Promise<unknown>): Promise<unknown> {
  try {
    await failing
  } catch (error) {
    return (error as { streamErrorCode?: unknown }).streamErrorCode ?? String(error)
  }
  return 'it did not fail'
}

async function nameOf(failing: Promise<unknown>): Promise<string> {
  try {
    await failing
  } catch (error) {
    return (error as Error).name
  }
  return 'it did not fail'
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

function equal(actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new Error(`${String(actual)} instead of ${String(expected)}`)
}

function same(actual: Uint8Array, expected: Uint8Array): void {
  equal(actual.length, expected.length)
  for (let index = 0; index < actual.length; index++) {
    if (actual[index] !== expected[index]) throw new Error(`byte ${index} differs`)
  }
}
