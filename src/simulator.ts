/** `isoquic/simulator`: a deterministic network in virtual time, for tests of the stack and of what stands on it. */
export type { Duration, Time } from './base/time.ts'
export { Bulk, BulkTransfer } from './simulator/bulk.ts'
export { type ClockEvent, EPOCH, type ScheduledEvent, VirtualClock } from './simulator/clock.ts'

export { type CongestionCheckOptions, checkCongestionController } from './simulator/congestion-check.ts'

export { VirtualEnvironment } from './simulator/environment.ts'

export type { BurstLoss, EcnBehaviour, LinkOptions, QueueLimit, Reordering } from './simulator/link-options.ts'
export { Duplex, Link, type LinkStats } from './simulator/links.ts'
export { MisbehavingPeer, type PacketOptions, type Recorded, type Stage, varint } from './simulator/misbehaving-peer.ts'
export { Network, type NetworkOptions, type Tap } from './simulator/network.ts'
export { Pair, type PairConnectOptions, type PairOptions } from './simulator/pair.ts'
export type { DropCause } from './simulator/parcel.ts'
export { Port, type PortOptions, type PortSink } from './simulator/port.ts'
export { type DropRule, DropScript, type PacketTypeName, type SentDatagram } from './simulator/scripts.ts'
export { SeededRandom } from './simulator/seeded-random.ts'
export { forSeeds, forSeedsAsync, type SeedVariables, seeds } from './simulator/seeds.ts'
export { type RecordedEvent, Side } from './simulator/side.ts'
export { type SimulatedOptions, Simulation, type SimulationOptions } from './simulator/simulation.ts'
export { Trace, type TraceEntry } from './simulator/trace.ts'
export { SimulatedTransport } from './simulator/transport.ts'
