/**
 * What the processes of the part `http` share: each is a server or a client of some HTTP, told by lines of JSON on stdin what
 * to do. They run in Node and Bun.
 *
 * A server has three resources: `/small`, 1 KB; `/download?bytes=N`; and `/upload`, which keeps what it is sent. All that
 * arrives is looked at: what is small at once, byte by byte, and bodies by their hash when the clock has stopped.
 */
import process from 'node:process'
import { type Credentials, obeyLines, readArguments, tell } from '../peers/harness.ts'
import { type Direction, Sink } from '../peers/transfers.ts'

/** Text, so that a Caddyfile can hold it. */
export const SMALL: string = 'isoquic '.repeat(128)

/** What a server serves, in this process. */
export interface Served {
  /** The content of `/small`. */
  readonly small: Uint8Array
  /** Where uploads go. */
  readonly sink: Sink
  /** Where files can be written, and the credentials are. */
  readonly folder: string
}

/** A client, with as many connections as its protocol needs. */
export interface HttpClient {
  /** The content of a resource. */
  get(path: string): Promise<Uint8Array>
  /** The same, piece by piece. */
  download(path: string, sink: Sink): Promise<void>
  /** Sends `bytes` by PUT. */
  upload(path: string, bytes: number): Promise<void>
  close(): Promise<void>
}

/** One implementation of HTTP. */
export interface HttpPeer {
  /** Serves on 127.0.0.1 until the process ends; returns the port. */
  serve?(credentials: Credentials, served: Served): Promise<number>
  /** A client of `https://127.0.0.1:PORT`. It verifies the server's certificate. */
  connect?(port: number, credentials: Credentials): Promise<HttpClient> | HttpClient
  /** Connections that the server has at present; `undefined` where it does not tell. */
  connections?(): Promise<number | undefined> | number | undefined
  /** Gets ready for a download of so many bytes. */
  offer?(bytes: number): void
  /** User and system time of what else belongs to the server, µs. */
  furtherCpu?(): number
}

/** What a process is asked. */
export type HttpCommand =
  | { readonly do: 'prepare' | 'offer'; readonly bytes: number }
  | { readonly do: 'connect' }
  | { readonly do: 'requests'; readonly count: number; readonly atOnce: number }
  | { readonly do: Direction; readonly bytes: number }
  | { readonly do: 'report' }
  | { readonly do: 'hash' }
  | { readonly do: 'profile'; readonly on: boolean }
  | { readonly do: 'close' }

/** What a number of requests took. */
export interface RequestTimes {
  readonly milliseconds: number
  /** ms from the call to the last byte of the content, of the median request and of the one in a hundred. */
  readonly p50: number
  readonly p99: number
}

/** Lets this process be what its arguments say: `server FOLDER` or `client FOLDER PORT`. */
export async function runHttpPeer(peer: HttpPeer): Promise<void> {
  const { role, folder, credentials, port } = readArguments()
  const sink = new Sink()
  const small = new TextEncoder().encode(SMALL)
  if (role === 'server') tell({ port: await peer.serve?.(credentials, { small, sink, folder }) })
  const worker = new HttpWorker(peer, port, credentials, { small, sink, folder })
  await obeyLines((command: HttpCommand) => worker.obey(command))
}

class HttpWorker {
  readonly #peer: HttpPeer
  readonly #port: number
  readonly #credentials: Credentials
  readonly #served: Served
  #client: HttpClient | undefined
  #endProfile: (() => Promise<unknown>) | undefined

  constructor(peer: HttpPeer, port: number, credentials: Credentials, served: Served) {
    this.#peer = peer
    this.#port = port
    this.#credentials = credentials
    this.#served = served
  }

  async obey(command: HttpCommand): Promise<unknown> {
    const { sink } = this.#served
    switch (command.do) {
      case 'prepare':
        return sink.prepare(command.bytes)
      case 'offer':
        return this.#peer.offer?.(command.bytes)
      case 'connect':
        this.#client = await this.#peer.connect?.(this.#port, this.#credentials)
        // The first request makes the connection, before others could make further ones.
        return this.#requests(1, 1)
      case 'requests':
        return this.#requests(command.count, command.atOnce)
      case 'download':
        return this.#timed((client) => client.download(`/download?bytes=${command.bytes}`, sink))
      case 'upload':
        return this.#timed((client) => client.upload('/upload', command.bytes))
      case 'report':
        return this.#report()
      case 'hash':
        return { bytes: sink.length, hash: sink.hash() }
      case 'profile':
        return this.#profile(command.on)
      case 'close':
        await this.#client?.close()
        this.#client = undefined
        return
    }
  }

  async #timed(work: (client: HttpClient) => Promise<void>): Promise<{ milliseconds: number }> {
    const client = this.#client
    if (client === undefined) throw new Error('Not connected')
    const start = performance.now()
    await work(client)
    return { milliseconds: performance.now() - start }
  }

  async #requests(count: number, atOnce: number): Promise<RequestTimes> {
    const times = new Float64Array(count)
    const { small } = this.#served
    const { milliseconds } = await this.#timed(async (client) => {
      let begun = 0
      const runner = async (): Promise<void> => {
        while (begun < count) {
          const number = begun++
          const start = performance.now()
          const content = await client.get('/small')
          times[number] = performance.now() - start
          if (content.length !== small.length || Buffer.compare(content, small) !== 0) {
            throw new Error(`${content.length} bytes arrived that are not the ${small.length} that were asked for`)
          }
        }
      }
      await Promise.all(Array.from({ length: atOnce }, runner))
    })
    times.sort()
    const at = (part: number): number => times[Math.min(count - 1, Math.floor(count * part))] ?? 0
    return { milliseconds, p50: at(0.5), p99: at(0.99) }
  }

  async #report(): Promise<{ cpu: number; connections: number | undefined }> {
    const { user, system } = process.cpuUsage()
    const cpu = user + system + (this.#peer.furtherCpu?.() ?? 0)
    return { cpu, connections: await this.#peer.connections?.() }
  }

  async #profile(on: boolean): Promise<unknown> {
    if (!on) return { times: await this.#endProfile?.() }
    const { startProfile } = await import('../profile.ts')
    this.#endProfile = await startProfile()
    return
  }
}
