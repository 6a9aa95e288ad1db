/** A client and a server of WebTransport over a pipe in virtual time, and handlers that answer as tests want them to. */
import type { PipeOptions } from '../../../transports/pipe.ts'
import { pipe } from '../../../transports/pipe.ts'
import type { DatagramTransport } from '../../transport.ts'
import { QuicEndpoint } from '../endpoint.ts'
import { TestEnvironment, testCertificate, testCrypto, testRoot } from '../pipe.fixtures.ts'
import { WebTransport } from './client.ts'
import type { WebTransportOptions } from './options.ts'
import type { WebTransportServerSession } from './request.ts'
import { type WebTransportListenOptions, WebTransportServer } from './server.ts'

/** How a {@link SessionStage} differs from two ends that trust one another over a perfect pipe. */
export interface SessionStageOptions {
  readonly seed?: number
  readonly client?: WebTransportOptions
  readonly server?: Partial<WebTransportListenOptions>
  readonly pipe?: PipeOptions
}

/** What a server does with a session. */
export type SessionHandler = (session: WebTransportServerSession) => unknown

/** Both ends. */
export class SessionStage {
  readonly environment: TestEnvironment
  readonly near: DatagramTransport
  readonly far: DatagramTransport
  readonly #options: SessionStageOptions
  readonly #crypto = testCrypto()
  #endpoint: QuicEndpoint | undefined

  constructor(options: SessionStageOptions = {}) {
    this.#options = options
    this.environment = new TestEnvironment(options.seed)
    const [near, far] = pipe(options.pipe)
    this.near = near
    this.far = far
  }

  /** The endpoint at the near end, for several connections. */
  get endpoint(): QuicEndpoint {
    const { environment } = this
    this.#endpoint ??= new QuicEndpoint(this.near, { crypto: this.#crypto, environment })
    return this.#endpoint
  }

  /** The options of a client that trusts the test root and expects `server.test`. */
  clientOptions(options: WebTransportOptions = {}): WebTransportOptions {
    return {
      transport: this.near,
      ca: [testRoot.der],
      crypto: this.#crypto,
      environment: this.environment,
      ...this.#options.client,
      ...options,
    }
  }

  /** A server at the far end, each of whose sessions is given to `handler`. */
  async serve(handler: SessionHandler, options: Partial<WebTransportListenOptions> = {}): Promise<WebTransportServer> {
    const server = await this.listen(options)
    void (async () => {
      for await (const session of server.sessions) void (async () => handler(session))().catch(() => {})
    })()
    return server
  }

  /** A server at the far end. */
  listen(options: Partial<WebTransportListenOptions> = {}): Promise<WebTransportServer> {
    return WebTransportServer.listen(this.far, {
      certificate: testCertificate(),
      crypto: this.#crypto,
      environment: this.environment,
      ...this.#options.server,
      ...options,
    })
  }

  /** A client's session, which has only begun. */
  begin(options: WebTransportOptions = {}, url = 'https://server.test/'): WebTransport {
    return new WebTransport(url, this.clientOptions(options))
  }

  /** A session that is established. */
  async connect(options: WebTransportOptions = {}, url?: string): Promise<WebTransport> {
    const session = this.begin(options, url)
    await this.environment.until(session.ready)
    return session
  }

  /** Both ends of a session. */
  async connected(
    options: WebTransportOptions = {},
  ): Promise<{ server: WebTransportServer; session: WebTransport; peer: WebTransportServerSession }> {
    const server = await this.listen()
    const sessions = server.sessions.getReader()
    const session = await this.connect(options)
    const { value } = await this.environment.until(sessions.read())
    sessions.releaseLock()
    if (value === undefined) throw new Error('The server has no session')
    return { server, session, peer: value }
  }
}

/** Sends back what comes: on the same stream, on another one for streams that only come, and datagrams. */
export function echo(session: WebTransportServerSession): void {
  const each = async <T>(items: ReadableStream<T>, answer: (item: T) => Promise<unknown>): Promise<void> => {
    const reader = items.getReader()
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      answer(value).catch(() => {})
    }
  }
  each(session.incomingBidirectionalStreams, ({ readable, writable }) => readable.pipeTo(writable)).catch(() => {})
  each(session.incomingUnidirectionalStreams, async (readable) =>
    copy(readable, await session.createUnidirectionalStream({ waitUntilAvailable: true })),
  ).catch(() => {})
  session.datagrams.readable.pipeTo(session.datagrams.createWritable()).catch(() => {})
}

/** As `pipeTo`, which in workerd leaves a rejection behind where both ends fail in the same turn. */
async function copy(readable: ReadableStream<Uint8Array>, writable: WritableStream<Uint8Array>): Promise<void> {
  const reader = readable.getReader()
  const writer = writable.getWriter()
  writer.closed.catch(() => {})
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return writer.close()
    await writer.write(value)
  }
}
