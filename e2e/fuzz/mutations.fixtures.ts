/**
 * Feeds endpoints with mutated packets whose protection is valid, in blocks that can be run again by number. Whatever comes
 * back must be a protocol error of the QUIC kind: an INTERNAL_ERROR or an exception is a failure.
 */
import type { Connection } from '../../src/connection/connection.ts'
import type { ConnectionEvent } from '../../src/connection/events.ts'
import { Traffic } from '../../src/endpoint/traffic.fixtures.ts'
import { qlogTo } from '../../src/qlog/qlog-to.ts'
import type { Side } from '../../src/simulator/side.ts'
import type { Stream } from '../../src/streams/stream.ts'
import { ConnectionId } from '../../src/wire/connection-id.ts'
import { FrameType } from '../../src/wire/frame.ts'
import { FrameDecoder } from '../../src/wire/frame-decode.ts'
import type { Observer } from '../../src/wire/observer.ts'
import { PacketType, type ProtectedPacketType } from '../../src/wire/packet-type.ts'
import type { Role } from '../../src/wire/stream-id.ts'
import { cryptoError, TransportErrorCode, transportErrorName } from '../../src/wire/transport-error.ts'
import { MisbehavingPeer, type PacketOptions, type Stage } from './misbehaving-peer.fixtures.ts'
import { Mutator } from './mutator.fixtures.ts'

/** What real packets held, by sender and type. */
export type Corpus = ReadonlyMap<
  string,
  { readonly payloads: readonly Uint8Array[]; readonly frames: readonly Uint8Array[] }
>

/** What a run of blocks amounts to. */
export interface Tally {
  packets: number
  connections: number
  /** How connections ended: `local PROTOCOL_VIOLATION 0x1c`, `remote …`, `open`. */
  readonly ends: Map<string, number>
}

/** Codes that say that the fault is ours: INTERNAL_ERROR, and the alert internal_error (RFC 8446 §6). */
const OURS: readonly bigint[] = [TransportErrorCode.INTERNAL_ERROR, cryptoError(80)]
/** Connections of a block. */
const CONNECTIONS = 40
/** Packets sent to one connection at most. */
const PACKETS = 60

const TYPES: readonly ProtectedPacketType[] = [PacketType.initial, PacketType.handshake, PacketType.oneRtt]

/** Records what real connections say: handshakes, streams of all kinds, resets, losses, key updates, and the end. */
export function recordCorpus(): Corpus {
  const corpus = new Map<string, { payloads: Uint8Array[]; frames: Uint8Array[] }>()
  for (let seed = 1; seed <= 4; seed++) {
    const peer = new MisbehavingPeer('client', {
      seed,
      link: { delay: 10, loss: 0.05, jitter: 8 },
      listen: { retry: 'never' },
    })
    const { pair } = peer
    const traffic = new Traffic(pair)
    const { client, server } = pair.handshake()
    traffic.send(client, 'bidirectional', 20_000, 20_000)
    traffic.send(server, 'unidirectional', 10_000)
    traffic.send(client, 'unidirectional', 100)?.send?.reset(7n)
    pair.client.endpoint.wake(client)
    pair.run(() => false, 400)
    for (const stream of client.streams.values()) stream.receive?.stop(5n)
    client.updateKeys(pair.now)
    client.rotateConnectionIds()
    server.rotateConnectionIds()
    for (let count = 0; count < 6; count++) traffic.send(server, 'bidirectional', 3000, 10)
    for (const side of [pair.client, pair.server])
      for (const connection of side.connections) side.endpoint.wake(connection)
    pair.run(() => false, 1000)
    client.close({ code: 3n, reason: 'enough' }, pair.now)
    pair.client.endpoint.wake(client)
    pair.run(() => false, 1000)
    for (const { from, type, payload } of peer.packets) {
      const key = `${from} ${type}`
      const known = corpus.get(key) ?? { payloads: [], frames: [] }
      corpus.set(key, known)
      known.payloads.push(payload)
      known.frames.push(...framesOf(payload, type))
    }
  }
  return corpus
}

/** The bytes of each frame, padding aside. */
function framesOf(payload: Uint8Array, type: ProtectedPacketType): Uint8Array[] {
  const frames: Uint8Array[] = []
  const decoder = new FrameDecoder()
  decoder.reset(payload, 0, payload.length, type)
  let at = 0
  for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
    if (frame.type !== FrameType.padding) frames.push(payload.subarray(at, at + decoder.frameSize))
    at += decoder.frameSize
  }
  return frames
}

/** One block: its number is its seed. @throws Error, naming the block, for whatever is no protocol error */
export function runBlock(block: number, corpus: Corpus, tally: Tally, limit: number = Number.POSITIVE_INFINITY): void {
  const role: Role = block % 2 === 0 ? 'client' : 'server'
  const mutator = new Mutator(block, role)
  const log = new Log(role === 'client' ? 'server' : 'client')
  // Every third block is watched, on either side.
  const isWatched = (block >> 1) % 3 === 0
  const peer = new MisbehavingPeer(role, {
    seed: block,
    ...(isWatched && { observer: (_id, watched) => (watched === log.role ? log.observer : undefined) }),
  })
  const application = new Application(mutator)
  peer.pair.onEvent = (side, connection, event) => {
    if (side === peer.victim) application.onEvent(side, connection, event)
  }
  let where = 'at the beginning'
  try {
    for (let count = 0; count < CONNECTIONS && tally.packets < limit; count++) {
      where = `in connection ${count}`
      peer.records = true
      log.begin()
      peer.connect(stageOf(mutator))
      peer.packets.length = 0
      peer.records = false
      tally.connections += 1
      runConnection(peer, mutator, corpus, tally, application)
      if (log.failure !== undefined) throw new Error('A record of the qlog is no JSON', { cause: log.failure })
    }
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
    throw new Error(`With ISOQUIC_SEED=${block}, ${where}: ${reason}`, { cause: error })
  }
}

function stageOf(mutator: Mutator): Stage {
  const draw = mutator.integer(10)
  return draw < 1 ? 'initial' : draw < 3 ? 'handshake' : 'connected'
}

function runConnection(
  peer: MisbehavingPeer,
  mutator: Mutator,
  corpus: Corpus,
  tally: Tally,
  application: Application,
): void {
  const { connection, pair } = peer
  if (connection.state === 'connected' && mutator.chance(0.5)) application.begin(peer.victim, connection)
  // A connection that is closing hears a few packets more.
  let afterwards = mutator.integer(4)
  for (let count = 0; count < PACKETS; count++) {
    const datagrams = 1 + (mutator.chance(0.1) ? mutator.integer(20) : 0)
    for (let index = 0; index < datagrams; index++) {
      const datagram = forge(peer, mutator, corpus)
      if (datagram === undefined) continue
      const from = mutator.chance(0.02) ? `203.0.113.${mutator.integer(5)}:7` : pair[peer.role].address
      pair.inject(datagram, peer.victimRole, from)
      tally.packets += 1
    }
    peer.run(mutator.chance(0.03) ? mutator.integer(4000) : 0)
    if (connection.closeReason === undefined) connection.checkInvariants()
    else if (afterwards-- <= 0) break
    if (connection.state === 'closed') break
  }
  judge(connection, tally)
}

function forge(peer: MisbehavingPeer, mutator: Mutator, corpus: Corpus): Uint8Array | undefined {
  const types = TYPES.filter((type) => peer.canSeal(type))
  const type = mutator.chance(0.85) ? types.at(-1) : mutator.pick(types)
  if (type === undefined) return undefined
  const own = corpus.get(`${mutator.chance(0.8) ? peer.role : peer.victimRole} ${type}`)
  if (own === undefined) return undefined
  const { payloads, frames } = own
  const payload = mutator.chance(0.3)
    ? mutator.mutate(mutator.pick(payloads), payloads)
    : mutator.compose(frames, payloads)
  const options: { -readonly [K in keyof PacketOptions]: PacketOptions[K] } = { type }
  const next = peer.nextNumber(type)
  if (mutator.chance(0.05)) options.number = Math.max(0, next - mutator.integer(10))
  else if (mutator.chance(0.03)) options.number = next + mutator.integer(1000)
  if (mutator.chance(0.002)) options.bits = mutator.pick([0x04, 0x08, 0x0c, 0x10, 0x18, 0x20])
  if (type === PacketType.oneRtt && mutator.chance(0.01)) options.generation = mutator.integer(3)
  return peer.build(payload, options)
}

/** Every end is a protocol error, or the peer's, or there is none. */
function judge(connection: Connection, tally: Tally): void {
  const { closeReason } = connection
  let end = 'open'
  if (closeReason?.kind === 'transport') {
    end = `${closeReason.side} ${closeReason.side === 'local' ? transportErrorName(closeReason.code) : 'transport'}`
    if (closeReason.side === 'local' && OURS.includes(closeReason.code)) {
      const { cause } = closeReason
      throw new Error(`INTERNAL_ERROR: ${cause instanceof Error ? cause.stack : closeReason.reason}`, { cause })
    }
  } else if (closeReason !== undefined) end = closeReason.kind
  tally.ends.set(end, (tally.ends.get(end) ?? 0) + 1)
}

/** A qlog of the victim's connections, one after the other, of which every record must be JSON. */
class Log {
  readonly role: Role
  /** Stands for the observer of the present connection. */
  readonly observer: Observer
  /** The first of them that was none. */
  failure: unknown
  #current: Observer = {}

  constructor(role: Role) {
    this.role = role
    this.observer = new Proxy<Observer>(
      {},
      {
        get: (_, name) => {
          const method: unknown = Reflect.get(this.#current, name)
          return typeof method === 'function' ? method.bind(this.#current) : undefined
        },
      },
    )
  }

  begin(): void {
    const onError = (error: unknown) => {
      this.failure ??= error
    }
    const create = qlogTo(() => (record) => JSON.parse(record.slice(1)), { onError })
    this.#current = create(ConnectionId.from(Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)), this.role) ?? {}
  }
}

/** An application at the victim's end, which answers whatever comes. */
class Application {
  readonly #mutator: Mutator
  readonly #into = new Uint8Array(4096)
  readonly #bytes = new Uint8Array(3000)

  constructor(mutator: Mutator) {
    this.#mutator = mutator
  }

  begin(side: Side, connection: Connection): void {
    for (const direction of ['bidirectional', 'unidirectional'] as const) {
      const stream = connection.streams.open(direction)
      if (stream !== undefined) this.#write(stream)
    }
    side.endpoint.wake(connection)
  }

  onEvent(side: Side, connection: Connection, event: ConnectionEvent): void {
    if (connection.closeReason !== undefined) return
    if (event.type === 'stream-opened' || event.type === 'stream-writable') this.#write(event.stream)
    if (event.type === 'stream-readable') this.#read(event.stream)
    if (event.type === 'streams-available') this.begin(side, connection)
  }

  #write({ send }: Stream): void {
    if (send === undefined || !send.isWritable) return
    const draw = this.#mutator.integer(20)
    if (draw === 0) return send.reset(4n)
    send.write(this.#bytes.subarray(0, this.#mutator.integer(this.#bytes.length)))
    if (draw < 8) send.finish()
  }

  #read({ receive }: Stream): void {
    if (receive === undefined || receive.resetCode !== undefined || receive.isStopped) return
    if (this.#mutator.chance(0.05)) return receive.stop(6n)
    while (receive.read(this.#into) > 0);
  }
}
