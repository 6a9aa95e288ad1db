/** A port of the simulated network as a transport, for the public API. */
import type { DatagramSink, DatagramTransport, Ecn, PathAddress, TransportProperties } from '../transport.ts'
import type { Port } from './port.ts'

/** What a transport needs of its simulation. */
export interface TransportHooks {
  resolve(host: string, port: number): readonly PathAddress[]
  /** Hears what a sink threw, which sinks should not. */
  onError(error: unknown): void
}

/** One simulated transport. Made by `Simulation.transport`. */
export class SimulatedTransport implements DatagramTransport {
  /** What the network knows of it: rebinds it, links it. */
  readonly port: Port
  readonly maxDatagramSize: number
  readonly preferredDatagramSize?: number
  readonly localAddress: PathAddress
  readonly properties: TransportProperties
  readonly #hooks: TransportHooks
  #sink: DatagramSink | undefined
  #isClosed = false

  /** For `Simulation`. */
  constructor(port: Port, hooks: TransportHooks) {
    this.port = port
    this.maxDatagramSize = port.maxDatagramSize
    if (port.preferredDatagramSize !== undefined) this.preferredDatagramSize = port.preferredDatagramSize
    this.localAddress = port.localAddress
    this.properties = port.properties
    this.#hooks = hooks
  }

  open(sink: DatagramSink): void {
    if (this.#isClosed) throw invalidState('The simulated transport is closed')
    if (this.#sink !== undefined) throw invalidState('The simulated transport has a sink already')
    this.#sink = sink
    this.port.sink = {
      onDatagram: (_port, bytes, from, ecn) => this.#guard(() => sink.datagram(bytes, from, ecn)),
      onDrain: () => this.#guard(() => sink.drain()),
    }
  }

  /** Nodes by their names, hosts by their addresses. Rejects where nobody has the name or the address. */
  async resolve(host: string, port: number): Promise<readonly PathAddress[]> {
    const found = this.#hooks.resolve(host, port)
    if (found.length === 0) throw new Error(`Nobody in the simulation has the address ${host}:${port}`)
    return found
  }

  send(bytes: Uint8Array, to: PathAddress, ecn: Ecn): boolean {
    return this.#isClosed || this.port.send(bytes, to, ecn)
  }

  close(): void {
    this.fail(undefined)
  }

  /** The carrier is gone, as when a cable is pulled: whoever uses it hears `error`. Harmless when repeated. */
  fail(error: Error | undefined): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.port.close()
    queueMicrotask(() => this.#guard(() => this.#sink?.closed(error)))
  }

  /** The network goes on, whatever a sink does. */
  #guard(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#hooks.onError(error)
    }
  }
}

function invalidState(message: string): Error {
  const error = new Error(message)
  error.name = 'InvalidStateError'
  return error
}
