/**
 * A client and a server of HTTP/3 in one process, over pipes and in real time: the bodies of requests and responses belong to the
 * platform, whose tasks no virtual clock can wait for. Cryptography is quick and worthless.
 */
import { pipe } from '../../../transports/pipe.ts'
import type { DatagramTransport } from '../../transport.ts'
import { TEST_TIME } from '../../x509/authority.fixtures.ts'
import { defaultEnvironment } from '../default-environment.ts'
import { testCertificate, testCrypto, testRoot } from '../pipe.fixtures.ts'
import { Http3Client } from './client.ts'
import type { Http3ClientOptions } from './client-options.ts'
import { type Http3Server, serve } from './serve.ts'
import type { Handler, ServeOptions } from './serve-options.ts'

/** How long `expect.poll` waits for what takes real time, on machines that are busy. */
export const PATIENCE: { readonly timeout: number } = { timeout: 15_000 }

/** The environment of the runtime at the date of the test certificates. */
export const testEnvironment = (): ReturnType<typeof defaultEnvironment> => {
  const environment = defaultEnvironment()
  const start = environment.now()
  return Object.assign(Object.create(environment), { wallClock: () => TEST_TIME + environment.now() - start })
}

/** Both ends. */
export class Http3Stage implements AsyncDisposable {
  readonly server: Http3Server
  readonly client: Http3Client
  /** Ends of pipes that clients have asked for, in order. */
  readonly transports: readonly DatagramTransport[]
  /** A way to the server. */
  readonly transportOf: () => DatagramTransport
  readonly #clientOptions: Http3ClientOptions

  constructor(
    server: Http3Server,
    clientOptions: Http3ClientOptions,
    transports: readonly DatagramTransport[],
    transportOf: () => DatagramTransport,
  ) {
    this.server = server
    this.#clientOptions = clientOptions
    this.client = new Http3Client(clientOptions)
    this.transports = transports
    this.transportOf = transportOf
  }

  /** Another client of the same server. */
  clientWith(options: Http3ClientOptions): Http3Client {
    return new Http3Client({ ...this.#clientOptions, ...options })
  }

  /** Asks the server `https://server.test`. */
  fetch: Http3Client['fetch'] = (input, init) =>
    this.client.fetch(typeof input === 'string' && input.startsWith('/') ? `https://server.test${input}` : input, init)

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close()
    await this.server.close()
  }
}

/** A server with `handler`, and a client that trusts it and finds it under every name. */
export async function http3Stage(
  handler: Handler,
  options: { readonly server?: Partial<ServeOptions>; readonly client?: Http3ClientOptions } = {},
): Promise<Http3Stage> {
  const shared = { crypto: testCrypto(), environment: testEnvironment() }
  const [first, far] = pipe()
  const transports: DatagramTransport[] = []
  const server = await serve(far, { certificate: testCertificate(), ...shared, ...options.server }, handler)
  const transport = (): DatagramTransport => {
    const near = transports.length === 0 ? first : another(server)
    transports.push(near)
    return near
  }
  const trust = options.client?.verify === undefined ? { ca: [testRoot.der] } : {}
  return new Http3Stage(server, { ...trust, transport, ...shared, ...options.client }, transports, transport)
}

function another(server: Http3Server): DatagramTransport {
  const [near, far] = pipe()
  server.quic.addTransport(far)
  return near
}
