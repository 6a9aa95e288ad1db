/** Small requests, one after the other, while a bulk transfer runs beside them. */
import type { ByteStream, Client } from './harness.ts'
import { requestFor } from './transfers.ts'

/** What runs beside the requests: nothing, or a download on the same connection, or on another one to the same server. */
export type Beside = 'nothing' | 'same' | 'other'

/** What a client is asked. */
export interface LatencyCommand {
  readonly do: 'latency'
  readonly beside: Beside
  /** For how long requests are made. */
  readonly milliseconds: number
  /** Bytes of one of the downloads that follow each other. */
  readonly bytes: number
  /** `connection`: all requests go by one stream, for stacks whose connections have no more. */
  readonly on: 'streams' | 'connection'
}

/** How long answers took, ms, and what the download came to meanwhile. */
export interface LatencyTimes {
  readonly count: number
  readonly p50: number
  readonly p99: number
  /** Bytes of the download. */
  readonly bytes: number
  /** All of it, ms. */
  readonly milliseconds: number
}

/** Requests that are made even where the time for them is over, unless it is over by far. */
const LEAST = 100

/** Bytes of a request, and of its answer. */
const SIZE = 100

/** Makes requests by `requester` while `loaded` downloads. */
export async function requestsUnderLoad(
  { beside, milliseconds, bytes, on }: LatencyCommand,
  requester: Client,
  loaded: Client,
): Promise<LatencyTimes> {
  let isOver = false
  let arrived = 0
  const load = async (): Promise<void> => {
    while (!isOver) arrived += await download(await loaded.open(), bytes)
  }
  const loading = beside === 'nothing' ? undefined : load()
  const start = performance.now()
  const times: number[] = []
  try {
    const one = on === 'streams' ? () => ask(requester) : await asker(requester)
    const end = start + milliseconds
    const isEnough = (): boolean => {
      const now = performance.now()
      return now >= end && (times.length >= LEAST || now >= end + 4 * milliseconds)
    }
    // A transfer begins slowly; what is asked meanwhile does not count.
    for (const ready = start + milliseconds / 5; performance.now() < ready; ) await one()
    while (!isEnough()) times.push(await one())
  } finally {
    isOver = true
    await loading
  }
  times.sort((a, b) => a - b)
  const part = (share: number): number => times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? NaN
  return {
    count: times.length,
    p50: part(0.5),
    p99: part(0.99),
    bytes: arrived,
    milliseconds: performance.now() - start,
  }
}

/** Returns the bytes that came. */
async function download(stream: ByteStream, size: number): Promise<number> {
  await stream.write(requestFor('download', size))
  await stream.finish()
  let length = 0
  for (let bytes = await stream.read(); bytes !== undefined; bytes = await stream.read()) length += bytes.length
  return length
}

/** A request on a stream of its own. */
async function ask(client: Client): Promise<number> {
  const start = performance.now()
  const stream = await client.open()
  const request = new Uint8Array(requestFor('echo', SIZE).length + SIZE)
  request.set(requestFor('echo', SIZE))
  await stream.write(request)
  await stream.finish()
  await readBytes(stream, SIZE)
  const time = performance.now() - start
  while ((await stream.read()) !== undefined);
  return time
}

/** Requests on a stream that all of them share. */
async function asker(client: Client): Promise<() => Promise<number>> {
  const stream = await client.open()
  await stream.write(requestFor('echo', SIZE))
  const request = new Uint8Array(SIZE)
  return async () => {
    const start = performance.now()
    await stream.write(request)
    await readBytes(stream, SIZE)
    return performance.now() - start
  }
}

async function readBytes(stream: ByteStream, size: number): Promise<void> {
  for (let length = 0; length < size; ) {
    const bytes = await stream.read()
    if (bytes === undefined) throw new Error(`The answer ends after ${length} of ${size} bytes`)
    length += bytes.length
  }
}
