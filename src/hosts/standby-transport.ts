/** A transport that carries nothing: what a server stands on whose carriers come and go. */
import type { DatagramSink, DatagramTransport, PathAddress, TransportProperties } from '../transport.ts'

/** Open until it is closed; what is sent there is lost. */
export class StandbyTransport implements DatagramTransport {
  readonly maxDatagramSize: number = 1200
  readonly localAddress: PathAddress = ''
  readonly properties: TransportProperties = {
    reliable: false,
    ordered: false,
    congestionControlled: false,
    addressValidated: false,
    ecn: false,
  }
  #sink: DatagramSink | undefined

  open(sink: DatagramSink): void {
    this.#sink = sink
  }

  send(): boolean {
    return true
  }

  close(): void {
    const sink = this.#sink
    this.#sink = undefined
    if (sink !== undefined) queueMicrotask(() => sink.closed())
  }
}
