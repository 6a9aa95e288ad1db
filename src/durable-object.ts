/** `isoquic/durable-object`: QUIC servers in Durable Objects, whose connections outlive the requests that brought them. */
export type { AlarmClock, AlarmStorage } from './hosts/alarm-clock.ts'
export { type DurableObjectContext, forwardUdp, QuicDurableObject } from './hosts/durable-object.ts'
export type { ObjectStub } from './hosts/forward-flow.ts'
