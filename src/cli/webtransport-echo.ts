/** Sends back what comes in a WebTransport session: streams of both kinds, and datagrams. */
import type { WebTransportSession } from '../api/webtransport/session.ts'

/** Echoes until the session ends. */
export async function echoSession(session: WebTransportSession): Promise<void> {
  await Promise.allSettled([echoBidirectional(session), echoUnidirectional(session), echoDatagrams(session)])
}

async function echoBidirectional(session: WebTransportSession): Promise<void> {
  // One broken stream ends alone, here as below.
  await each(session.incomingBidirectionalStreams, ({ readable, writable }) => readable.pipeTo(writable))
}

/** What comes on a stream of one direction goes back on another, while it comes. */
async function echoUnidirectional(session: WebTransportSession): Promise<void> {
  await each(session.incomingUnidirectionalStreams, async (readable) => {
    try {
      await readable.pipeTo(await session.createUnidirectionalStream())
    } catch (error) {
      await readable.cancel(error)
    }
  })
}

async function echoDatagrams({ datagrams }: WebTransportSession): Promise<void> {
  await datagrams.readable.pipeTo(datagrams.createWritable())
}

async function each<T>(streams: ReadableStream<T>, echo: (stream: T) => Promise<void>): Promise<void> {
  const reader = streams.getReader()
  for (let next = await reader.read(); !next.done; next = await reader.read()) echo(next.value).catch(() => {})
}
