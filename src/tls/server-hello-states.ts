/** The server's states up to its flight: a ClientHello is awaited, or a second one (RFC 8446 §4.1, §A.2). */
import { andThen, type Eventually } from '../crypto/eventually.ts'
import { decodeClientHello } from './client-hello.ts'
import { HandshakeType } from './code-points.ts'
import type { TlsServerConfig } from './config.ts'
import type { HandshakeContext } from './context.ts'
import { type HandshakeMessage, unexpectedMessage } from './message.ts'
import { type ServerOffer, sendFlight } from './server-flight.ts'
import { encodeRetryRequest } from './server-hello.ts'
import { type CompleteHello, checkHello, checkSecondHello, type Negotiated, negotiate } from './server-negotiation.ts'
import { acceptsEarlyData, type ServerPsk, selectAgain, selectPsk, verifyBinder } from './server-psk.ts'
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
    const hello = checkHello(decodeClientHello(message.body))
    // Now, and not when a key was looked up: an error in it leaves through `receive`. A second ClientHello has the same ones.
    const parameters = config.parameters(hello.parameters.slice())
    return andThen(selectPsk(config, hello), (psk) => {
      const negotiated = negotiate(config, hello, psk)
      const isRetry = negotiated.exchange !== undefined && negotiated.share === undefined
      const act = isRetry ? this.#retry : this.#answer
      return act.call(this, message, hello, negotiated, psk, parameters)
    })
  }

  #answer(
    message: HandshakeMessage,
    hello: CompleteHello,
    negotiated: Negotiated,
    psk: ServerPsk | undefined,
    parameters: Uint8Array,
  ): Eventually<State> {
    const config = this.#config
    const context = this.#context
    const { alpn, suite } = negotiated
    accept(message, hello, negotiated, psk, context)
    context.emit({ type: 'peer-parameters', bytes: hello.parameters.slice() })
    return andThen(acceptsEarlyData(config, hello, psk, suite, alpn), (earlyData) =>
      sendFlight({ config, context, hello, ...negotiated, psk, earlyData, parameters }),
    )
  }

  /** RFC 8446 §4.1.4. Without a cookie: this server keeps its state, and Retry proves addresses (RFC 9001 §4.7). */
  #retry(
    message: HandshakeMessage,
    hello: CompleteHello,
    negotiated: Negotiated,
    psk: ServerPsk | undefined,
    parameters: Uint8Array,
  ): State {
    const config = this.#config
    const context = this.#context
    accept(message, hello, negotiated, psk, context)
    const bytes = encodeRetryRequest(negotiated.suite.id, negotiated.exchange?.group)
    context.transcript.foldForRetry()
    context.transcript.add(bytes)
    context.emit({ type: 'message', level: TlsLevel.initial, bytes })
    return new WaitSecondClientHello(config, context, hello, negotiated, psk, parameters)
  }
}

/** The client's answer to our HelloRetryRequest is awaited. */
class WaitSecondClientHello implements State {
  readonly readLevel: TlsLevel = TlsLevel.initial
  readonly #config: TlsServerConfig
  readonly #context: HandshakeContext
  readonly #first: CompleteHello
  readonly #negotiated: Negotiated
  readonly #psk: ServerPsk | undefined
  readonly #parameters: Uint8Array

  constructor(
    config: TlsServerConfig,
    context: HandshakeContext,
    first: CompleteHello,
    negotiated: Negotiated,
    psk: ServerPsk | undefined,
    parameters: Uint8Array,
  ) {
    this.#config = config
    this.#context = context
    this.#first = first
    this.#negotiated = negotiated
    this.#psk = psk
    this.#parameters = parameters
  }

  handle(message: HandshakeMessage): Eventually<State> {
    if (message.type !== HandshakeType.clientHello) throw unexpectedMessage(message, 'a second ClientHello')
    const config = this.#config
    const context = this.#context
    const hello = checkHello(decodeClientHello(message.body))
    const share = checkSecondHello(this.#first, hello, this.#negotiated.exchange?.group)
    const psk = selectAgain(this.#psk, hello)
    const negotiated = { ...this.#negotiated, share }
    accept(message, hello, negotiated, psk, context)
    context.emit({ type: 'peer-parameters', bytes: hello.parameters.slice() })
    const parameters = this.#parameters
    // RFC 8446 §4.2.10: who is asked again sends no early data that would be taken.
    const offer: ServerOffer = { config, context, hello, ...negotiated, psk, earlyData: false, parameters }
    return sendFlight(offer)
  }
}

/** Takes a ClientHello into the transcript, if it proves the key that is gone on with. */
function accept(
  message: HandshakeMessage,
  hello: CompleteHello,
  negotiated: Negotiated,
  psk: ServerPsk | undefined,
  context: HandshakeContext,
): void {
  if (psk !== undefined) verifyBinder(psk, hello, message, context)
  context.transcript.add(message.bytes)
  context.transcript.begin(negotiated.suite.hash)
}
