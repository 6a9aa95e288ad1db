/** A client's side of a flow over HTTP/3: extended CONNECT with `connect-udp` (RFC 9298 §3.4), payloads in HTTP datagrams. */

import { targetOf, udpCapsules, writeUdpCapsule } from '../../transports/connect-udp.ts'
import type { ConnectRequest } from '../api/http3/connect-request.ts'
import type { ConnectHandler } from '../api/http3/serve-options.ts'
import type { Http3Tunnel } from '../api/http3/tunnel.ts'
import { concat } from '../base/bytes.ts'
import { Writer } from '../base/writer.ts'
import { Http3ErrorCode } from '../http3/error.ts'
import type { GatewayChannel } from './flow.ts'
import type { FlowRequest, Gateway, GatewayFlow } from './gateway.ts'
import { proxyStatus, refusalStatus } from './refusal.ts'
import type { RefusalReason } from './rules.ts'

/** The context whose datagrams are UDP payloads (RFC 9298 §4). */
const UDP_CONTEXT = 0

/** Takes the CONNECTs of a server of HTTP/3 for `gateway`: the option `connect` of `serve`. */
export function connectUdp(gateway: Gateway): ConnectHandler {
  return (request, info) => {
    if (request.protocol !== 'connect-udp') return request.reject(501)
    const client = info.remoteAddress.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
    return new Promise((resolve) => {
      const channel = new TunnelChannel(request, resolve)
      channel.begin(gateway.open(flowRequest(request, client), channel))
    })
  }
}

/** Who wants to go where. */
function flowRequest({ url, headers }: ConnectRequest, client: string): FlowRequest {
  const bearer = /^Bearer (\S+)$/i.exec(headers.get('proxy-authorization') ?? headers.get('authorization') ?? '')?.[1]
  return {
    target: url === undefined ? undefined : targetOf(new URL(url).pathname),
    client,
    origin: headers.get('origin') ?? undefined,
    token: bearer,
  }
}

/** A CONNECT, and the tunnel that comes of it. */
class TunnelChannel implements GatewayChannel {
  readonly #request: ConnectRequest
  readonly #onDecided: () => void
  readonly #capsule = new Writer(2048)
  #tunnel: Http3Tunnel | undefined
  #stream: WritableStreamDefaultWriter<Uint8Array> | undefined
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  #flow: GatewayFlow | undefined
  #waiting = 0

  /** @param onDecided called once the CONNECT is answered, or its client has gone. */
  constructor(request: ConnectRequest, onDecided: () => void) {
    this.#request = request
    this.#onDecided = onDecided
  }

  /** The flow is being opened. */
  begin(flow: GatewayFlow): void {
    this.#flow = flow
    this.#request.signal.addEventListener('abort', () => this.#onGone(), { once: true })
    if (this.#tunnel !== undefined) this.#attach(this.#tunnel, flow)
  }

  /** Of capsules: datagrams that the connection does not take in time it drops. */
  get bufferedAmount(): number {
    return this.#waiting
  }

  accepted(): void {
    if (this.#request.signal.aborted) return this.#onGone()
    this.#tunnel = this.#request.accept({ headers: { 'capsule-protocol': '?1' } })
    this.#stream = this.#tunnel.writable.getWriter()
    if (this.#flow !== undefined) this.#attach(this.#tunnel, this.#flow)
    this.#onDecided()
  }

  send(bytes: Uint8Array): void {
    const tunnel = this.#tunnel
    if (tunnel === undefined) return
    const { maxDatagramSize } = tunnel.datagrams
    if (bytes.length < maxDatagramSize) tunnel.datagrams.send(concat(CONTEXT, bytes))
    else if (maxDatagramSize > 0 || bytes.length > 0) this.#sendCapsule(bytes)
  }

  close(reason: RefusalReason | undefined): void {
    // Once it is a tunnel, its end is all that can be said (RFC 9298 §3.1).
    if (this.#tunnel !== undefined) this.#end()
    else if (!this.#request.isDecided && !this.#request.signal.aborted) {
      const why: RefusalReason = reason ?? 'internal_error'
      this.#request.reject(refusalStatus(why), { headers: refusalHeaders(why) })
    }
    this.#onDecided()
  }

  #attach(tunnel: Http3Tunnel, flow: GatewayFlow): void {
    tunnel.closed.then(
      () => flow.closed(),
      () => flow.closed(),
    )
    tunnel.datagrams.serve((bytes) => {
      // RFC 9298 §4: what is of no context that we know is dropped.
      if (bytes.length > 0 && bytes[0] === UDP_CONTEXT) flow.receive(bytes.subarray(1))
    })
    this.#reader = tunnel.readable.getReader()
    this.#read(this.#reader, flow).then(
      () => this.#end(),
      // RFC 9297 §3.3: a malformed stream of capsules is a malformed message.
      () => tunnel.abort(Http3ErrorCode.H3_DATAGRAM_ERROR),
    )
  }

  async #read(reader: ReadableStreamDefaultReader<Uint8Array>, flow: GatewayFlow): Promise<void> {
    const capsules = udpCapsules((payload) => flow.receive(payload))
    for (;;) {
      const { done, value } = await reader.read()
      if (done) break
      capsules.receive(value)
    }
    if (!capsules.isAtBoundary) throw new TypeError('The stream ends within a capsule')
  }

  #sendCapsule(bytes: Uint8Array): void {
    this.#capsule.clear()
    writeUdpCapsule(this.#capsule, bytes)
    const capsule = this.#capsule.finish()
    this.#waiting += capsule.length
    const done = (): void => {
      this.#waiting -= capsule.length
    }
    this.#stream?.write(capsule).then(done, done)
  }

  #end(): void {
    this.#stream?.close().catch(() => undefined)
    this.#flow?.closed()
    this.#reader?.cancel().catch(() => undefined)
  }

  #onGone(): void {
    this.#flow?.closed()
    this.#onDecided()
  }
}

const CONTEXT: Uint8Array = new Uint8Array([UDP_CONTEXT])

function refusalHeaders(reason: RefusalReason): Record<string, string> {
  const challenge = reason === 'unauthorized' ? { 'proxy-authenticate': 'Bearer' } : {}
  return { 'proxy-status': proxyStatus(reason), ...challenge }
}
