/** A transport that can die, as a network does: not because somebody closed it. */
import type { DatagramSink, DatagramTransport } from '../../src/index.ts'

/** `transport` until {@link die}. */
export interface MortalTransport extends DatagramTransport {
  /** Ends it as a failure would. */
  die(): void
}

/** Wraps `transport`, which must not be used directly any more. */
export function mortal(transport: DatagramTransport): MortalTransport {
  let sink: DatagramSink | undefined
  let death: Error | undefined
  return {
    maxDatagramSize: transport.maxDatagramSize,
    localAddress: transport.localAddress,
    properties: transport.properties,
    ...(transport.resolve !== undefined && { resolve: transport.resolve.bind(transport) }),
    open(given) {
      sink = given
      transport.open({
        datagram: (bytes, from, ecn, segmentSize) => sink?.datagram(bytes, from, ecn, segmentSize),
        drain: () => sink?.drain(),
        closed: (error) => sink?.closed(death ?? error),
      })
    },
    send: (bytes, to, ecn) => death !== undefined || transport.send(bytes, to, ecn),
    close: () => transport.close(),
    die() {
      death = new Error('The network is gone')
      transport.close()
    },
  }
}
