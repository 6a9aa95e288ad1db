/** A client of a cluster in the tests. */
import { udp } from '../../../transports/udp.ts'
import { connect } from '../../api/client.ts'
import type { QuicConnection } from '../../api/connection.ts'
import { QuicEndpoint } from '../../api/endpoint.ts'
import type { ConnectOptions } from '../../api/endpoint-core.ts'
import type { QuicStream } from '../../api/stream.ts'
import type { WorkerGreeting } from './worker-script.fixtures.ts'

/** Options of a visitor: whom to believe. */
export type VisitorOptions = Omit<ConnectOptions, 'alpn' | 'address'>

/** One connection to a cluster. */
export class Visitor {
  readonly connection: QuicConnection

  private constructor(connection: QuicConnection) {
    this.connection = connection
  }

  static async connect(address: string, options: VisitorOptions): Promise<Visitor> {
    const transport = await udp({ host: '127.0.0.1' })
    return new Visitor(await connect(transport, { ...options, address, alpn: ['cluster'] }))
  }

  /** Does not wait for the handshake: what is written at once leaves as early data. */
  static async begin(address: string, options: VisitorOptions): Promise<Visitor> {
    const endpoint = new QuicEndpoint(await udp({ host: '127.0.0.1' }))
    const visitor = new Visitor(endpoint.connect(address, { ...options, earlyData: true, alpn: ['cluster'] }))
    const close = (): void => endpoint.close()
    visitor.connection.closed.then(close, close)
    return visitor
  }

  /** Opens a stream; which worker answers, and what it knows of hand-overs. */
  async greeting(): Promise<WorkerGreeting> {
    return (await this.talk()).greeting
  }

  /** Opens a stream that goes on. */
  async talk(): Promise<Talk> {
    return Talk.begin(await this.connection.createBidirectionalStream())
  }

  async close(): Promise<void> {
    await this.connection.close()
  }
}

/** A stream to a worker, which says what it is told. */
export class Talk {
  readonly greeting: WorkerGreeting
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>
  readonly #reader: Lines

  private constructor(greeting: WorkerGreeting, writer: WritableStreamDefaultWriter<Uint8Array>, reader: Lines) {
    this.greeting = greeting
    this.#writer = writer
    this.#reader = reader
  }

  static async begin(stream: QuicStream): Promise<Talk> {
    const writer: WritableStreamDefaultWriter<Uint8Array> = stream.writable.getWriter()
    // A stream exists for the peer when something is written.
    void writer.write(new TextEncoder().encode('first\n')).catch(() => {})
    const lines = new Lines(stream.readable)
    const greeting = JSON.parse(await lines.next()) as WorkerGreeting
    if ((await lines.next()) !== 'first') throw new Error('The worker said something else')
    return new Talk(greeting, writer, lines)
  }

  /** Says a line, and what comes back. */
  async say(line: string): Promise<string> {
    await this.#writer.write(new TextEncoder().encode(`${line}\n`))
    return this.#reader.next()
  }
}

/** Lines of a stream of bytes. */
class Lines {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>
  readonly #decoder = new TextDecoder()
  #text = ''

  constructor(readable: ReadableStream<Uint8Array>) {
    this.#reader = readable.getReader()
  }

  async next(): Promise<string> {
    for (;;) {
      const end = this.#text.indexOf('\n')
      if (end >= 0) {
        const line = this.#text.slice(0, end)
        this.#text = this.#text.slice(end + 1)
        return line
      }
      const { done, value } = await this.#reader.read()
      if (done) throw new Error('The stream ended in the midst of a line')
      this.#text += this.#decoder.decode(value, { stream: true })
    }
  }
}
