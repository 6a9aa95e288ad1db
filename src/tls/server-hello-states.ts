/** The server's states up to its flight: a ClientHello is awaited, or a second one (RFC 8446 §4.1, §A.2). */
import type { Eventually } from '../crypto/eventually.ts'
import { decodeClientHello } from './client-hello.ts'
import { HandshakeType } from './code-points.ts'
import type { TlsServerConfig } from './config.ts'
import type { HandshakeContext } from './context.ts'
import type { KeyShareEntry } from './extensions.ts'
import { type HandshakeMessage, unexpectedMessage } from './message.ts'
import { sendFlight } from './server-flight.ts'
import { encodeRetryRequest } from './server-hello.ts'
import { type CompleteHello, checkHello, checkSecondHello, type Negotiated, negotiate } from './server-negotiation.ts'
import { TlsLevel } from './session.ts'
import type { State } from './state.ts'

/** The client's first message is awaited. */
export class WaitClientHello implements State {
  readonly readLevel: TlsLevel = TlsLevel.initial
  readonly #config: TlsServerConfig
  readonly #context: HandshakeContext

  constructor(config: TlsServerConfig, context: HandshakeContext) {
    this.#config = config
    this.#context = context
  }

  handle(message: HandshakeMessage): Eventually<State> {
    if (message.type !== HandshakeType.clientHello) throw unexpectedMessage(message, 'ClientHello')
    const config = this.#config
    const context = this.#context
    const hello = checkHello(decodeClientHello(message.body))
    const negotiated = negotiate(config, hello)
    const { share, suite } = negotiated
    context.transcript.add(message.bytes)
    context.transcript.begin(suite.hash)
    if (share !== undefined) return answer(config, context, hello, negotiated, share)
    // RFC 8446 §4.1.4. Without a cookie: this server keeps its state, and Retry proves addresses (RFC 9001 §4.7).
    const bytes = encodeRetryRequest(suite.id, negotiated.exchange.group)
    context.transcript.foldForRetry()
    context.transcript.add(bytes)
    context.emit({ type: 'message', level: TlsLevel.initial, bytes })
    return new WaitSecondClientHello(config, context, hello, negotiated)
  }
}

/** The client's answer to our HelloRetryRequest is awaited. */
class WaitSecondClientHello implements State {
  readonly readLevel: TlsLevel = TlsLevel.initial
  readonly #config: TlsServerConfig
  readonly #context: HandshakeContext
  readonly #first: CompleteHello
  readonly #negotiated: Negotiated

  constructor(config: TlsServerConfig, context: HandshakeContext, first: CompleteHello, negotiated: Negotiated) {
    this.#config = config
    this.#context = context
    this.#first = first
    this.#negotiated = negotiated
  }

  handle(message: HandshakeMessage): Eventually<State> {
    if (message.type !== HandshakeType.clientHello) throw unexpectedMessage(message, 'a second ClientHello')
    const hello = checkHello(decodeClientHello(message.body))
    const share = checkSecondHello(this.#first, hello, this.#negotiated.exchange.group)
    this.#context.transcript.add(message.bytes)
    return answer(this.#config, this.#context, hello, this.#negotiated, share)
  }
}

function answer(
  config: TlsServerConfig,
  context: HandshakeContext,
  hello: CompleteHello,
  negotiated: Negotiated,
  share: KeyShareEntry,
): Eventually<State> {
  // Now, and not when public-key work is done: an error in it then leaves through `receive`.
  const parameters = config.parameters(hello.parameters.slice())
  context.emit({ type: 'peer-parameters', bytes: hello.parameters.slice() })
  return sendFlight({ config, context, hello, ...negotiated, share, parameters })
}
