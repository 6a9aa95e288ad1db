/** What the paths of a connection are given and told, as one object in place of a closure for each of it (`path-options.ts`). */
import type { RandomSource } from '../base/random.ts'
import type { Duration, Time } from '../base/time.ts'
import type { LossDetector } from '../recovery/loss-detector.ts'
import type { PathRecovery } from '../recovery/path-recovery.ts'
import type { Carrier, PathAddress } from '../transport.ts'
import type { PathId } from '../wire/packet-content.ts'
import type { Role } from '../wire/stream-id.ts'
import type { PartsListener } from './assembly.ts'
import type { ConnectionContext } from './context.ts'
import { fixedDatagramSize } from './datagram-size.ts'
import type { ConnectionEvent } from './events.ts'
import type { ConnectionInit } from './init.ts'
import { createPathParts, GRANULARITY } from './parts.ts'
import type { PathParts } from './path.ts'
import type { PathManagerOptions } from './path-options.ts'
import type { PeerIds } from './peer-ids.ts'

/** The surroundings of the paths of one connection. */
export class PathHost implements PathManagerOptions {
  readonly peerIds: PeerIds
  readonly carrier: Carrier
  readonly remoteAddress: PathAddress
  readonly addressValidated: boolean
  readonly #host: ConnectionInit['host']
  readonly #context: ConnectionContext
  readonly #loss: LossDetector
  readonly #listener: PartsListener

  constructor(
    init: ConnectionInit,
    context: ConnectionContext,
    loss: LossDetector,
    peerIds: PeerIds,
    listener: PartsListener,
  ) {
    // Not `init` itself, which leads to all that a handshake needs.
    this.carrier = init.carrier
    this.remoteAddress = init.remoteAddress
    this.addressValidated = init.addressValidated
    this.#host = init.host
    this.#context = context
    this.#loss = loss
    this.#listener = listener
    this.peerIds = peerIds
  }

  get role(): Role {
    return this.#context.role
  }

  get spinBit(): boolean {
    return this.#context.config.spinBit
  }

  get random(): RandomSource {
    return this.#context.random
  }

  get usesPreferredAddress(): boolean {
    return this.#context.config.preferredAddressPolicy === 'use'
  }

  createParts(id: PathId, carrier: Carrier): PathParts {
    return createPathParts(id, carrier, this.#context, (mtu, recovery) => this.#listener.onMtu(mtu, recovery))
  }

  datagramSize(carrier: Carrier): number | undefined {
    return fixedDatagramSize(carrier, this.#context.peerParameters?.maxUdpPayloadSize)
  }

  pto(recovery: PathRecovery): Duration {
    return recovery.rtt.ptoPeriod(this.#loss.maxAckDelay, GRANULARITY)
  }

  emit(event: ConnectionEvent): void {
    this.#context.events.push(event)
  }

  isFull(carrier: Carrier): boolean {
    return this.#host.isFull?.(carrier) ?? false
  }

  claim(carrier: Carrier, remoteAddress: PathAddress): boolean {
    return this.#host.claim?.(carrier, remoteAddress) ?? true
  }

  unclaim(carrier: Carrier, remoteAddress: PathAddress): void {
    this.#host.unclaim?.(carrier, remoteAddress)
  }

  onRecoveryDropped(recovery: PathRecovery, now: Time): void {
    this.#loss.onPathRemoved(recovery, now)
  }

  onPathValidated(): void {
    this.#listener.onPathValidated()
  }

  onMoved(): void {
    this.#listener.onMoved()
  }

  onStranded(cause: unknown): void {
    this.#listener.onStranded(cause)
  }
}
