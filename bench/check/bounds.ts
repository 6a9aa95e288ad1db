/**
 * What must not get worse, as numbers that every machine agrees on: counts, bytes, and ratios of costs measured in one run. A bound
 * stands a good part away from what was measured when it was set, since CI runs beside other programs; whoever makes something
 * better moves it.
 */

/** A bound. */
export interface Bound {
  /** What is measured. */
  readonly name: string
  readonly atMost?: number
  readonly atLeast?: number
}

/** What is measured. */
export type Measure =
  | 'senderAllocations'
  | 'receiverAllocations'
  | 'packetsPerSeal'
  | 'packetsPerAnswer'
  | 'packetsPerFlight'
  | 'packet'
  | 'streams'
  | 'connections'
  | 'handshake'
  | 'idle'

/** All bounds. */
export const BOUNDS: Readonly<Record<Measure, Bound>> = {
  senderAllocations: { name: 'bytes that the sender allocates a packet', atMost: 200 },
  receiverAllocations: { name: 'bytes that the receiver allocates a packet', atMost: 220 },
  packetsPerSeal: { name: 'packets that are sealed at once', atLeast: 28 },
  packetsPerAnswer: { name: 'packets for each that comes back', atLeast: 25 },
  packetsPerFlight: { name: 'packets that leave at once', atLeast: 35 },
  packet: { name: 'CPU of a packet, both ends, beside AES-128-GCM of 1,200 bytes', atMost: 2.8 },
  streams: { name: 'CPU of a packet beside 10,000 open streams, beside none', atMost: 1.35 },
  connections: { name: 'CPU of a packet among 200 connections, beside one', atMost: 1.6 },
  handshake: { name: 'CPU of a full handshake beside its public-key work', atMost: 20 },
  idle: { name: 'heap of an idle connection, bytes, the larger end', atMost: 36_000 },
}
