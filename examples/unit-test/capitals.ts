/** A protocol: a word goes there on a stream of its own, its capitals come back; what is no word is refused with code 1. */
import type { QuicConnection } from 'isoquic'

/** The application protocol. */
export const ALPN = 'capitals'

/** The code of a refusal. */
export const NO_WORD = 1

/** Answers everything that comes, until the connection ends. */
export async function serve(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingBidirectionalStreams) {
    const word = await readText(stream.readable)
    if (/^[a-z]+$/.test(word)) await writeText(stream.writable, word.toUpperCase())
    else stream.reset(NO_WORD)
  }
}

/** The capitals of `word`. @throws (rejects with) `QuicStreamError` for what is no word */
export async function ask(connection: QuicConnection, word: string): Promise<string> {
  const stream = await connection.createBidirectionalStream()
  await writeText(stream.writable, word)
  return await readText(stream.readable)
}

async function writeText(writable: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = writable.getWriter()
  await writer.write(new TextEncoder().encode(text))
  await writer.close()
}

async function readText(readable: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of readable) text += decoder.decode(chunk, { stream: true })
  return text
}
