/**
 * A peer that has the keys and obeys no rule: a real connection is begun, stopped where the test wants it, and from then on
 * any plaintext can be sent to its other end, in a packet of any type with any number and any header bits, validly protected.
 */
import { fromHex } from '../base/bytes.ts'
import type { Connection } from '../connection/connection.ts'
import type { CloseReason } from '../connection/events.ts'
import type { StoredSession } from '../connection/stored-session.ts'
import { TLS_AES_128_GCM_SHA256 } from '../crypto/suites.ts'
import { initialSecrets } from '../protection/initial-secrets.ts'
import type { PathAddress } from '../transport.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import { type Frame, FrameType } from '../wire/frame.ts'
import { FrameDecoder } from '../wire/frame-decode.ts'
import { LongHeader, longHeaderByte } from '../wire/long-header.ts'
import { PacketType, type ProtectedPacketType } from '../wire/packet-type.ts'
import { isLongHeader } from '../wire/short-header.ts'
import type { Role } from '../wire/stream-id.ts'
import { VERSION_1 } from '../wire/version.ts'
import { Pair, type PairOptions } from './pair.ts'
import { Direction, type Opened, Sealer } from './sealing.ts'
import type { Side } from './side.ts'

/** Where the real peer falls silent. */
export type Stage =
  /** The victim is a client that has heard nothing, or a server that has heard the first flight: Initial keys. */
  | 'initial'
  /** The victim has Handshake keys, and is not done. */
  | 'handshake'
  | 'connected'

/** How a packet is built; what is left out is as a well-behaved peer would do it. */
export interface PacketOptions {
  readonly type?: ProtectedPacketType
  readonly number?: number
  /** Set in the first byte before protection: reserved bits. */
  readonly bits?: number
  /** Of 1-RTT keys. */
  readonly generation?: number
  readonly from?: PathAddress
  readonly destination?: ConnectionId
  readonly source?: ConnectionId
  readonly token?: Uint8Array
  /** Bytes of the datagram of a client's Initial packet. */
  readonly datagramSize?: number
}

/** A packet of either side, opened. */
export interface Recorded extends Opened {
  readonly from: Role
  readonly type: ProtectedPacketType
}

const INITIAL_DATAGRAM = 1200
const NUMBER_LENGTH = 4
const ID_LENGTH = 8
const SECRETS: readonly string[] = ['CLIENT_EARLY', 'CLIENT_HANDSHAKE', 'SERVER_HANDSHAKE', 'CLIENT', 'SERVER']

/**
 * One connection after the other between a real endpoint and a forger: what a stack, or an application on it, makes of a peer
 * that breaks the rules. It speaks version 1 with AES-128-GCM.
 *
 * @example
 * ```ts run
 * import { MisbehavingPeer, varint } from 'isoquic/simulator'
 *
 * // A client that sends on a stream which only the server may open (RFC 9000 §19.8).
 * const peer = new MisbehavingPeer('client').connect('connected')
 * peer.send([0x0a, ...varint(3), 1, 0x61])
 * console.log(peer.closeReason?.kind, peer.closeOnWire()?.errorCode) // transport 5n
 * ```
 */
export class MisbehavingPeer {
  readonly pair: Pair
  /** Whom it plays. */
  readonly role: Role
  readonly victimRole: Role
  readonly victim: Side
  /** Every packet of the present connection that could be opened, while `records`. */
  readonly packets: Recorded[] = []
  records = true
  /** What the client goes on from, with early data. */
  session: StoredSession | undefined = undefined
  /** Called when the client's connection is there, before anything is sent. */
  onConnect: (client: Connection) => void = () => {}
  /** Whether the real peer's datagrams, and those to it, still pass. */
  #passes: (from: Role) => boolean = () => true
  readonly #sealer: Sealer
  readonly #header = new LongHeader()
  readonly #secrets = new Map<string, Uint8Array>()
  readonly #directions = new Map<string, Direction>()
  readonly #numbers = new Map<string, number>()
  #connection: Connection | undefined
  #clientId: ConnectionId | undefined
  #serverId: ConnectionId | undefined
  #originalId: ConnectionId | undefined

  /**
   * @param role whom it plays; the other end is the victim
   * @param options of the pair; default engine: noble
   */
  constructor(role: Role, options: PairOptions = {}) {
    this.role = role
    this.victimRole = role === 'client' ? 'server' : 'client'
    this.#header.anyFixedBit = true
    const keyLog = (line: string) => this.#onKeyLog(line)
    this.pair = new Pair({
      ...options,
      clientTls: { suites: [TLS_AES_128_GCM_SHA256], ...options.clientTls, keyLog },
      serverTls: { suites: [TLS_AES_128_GCM_SHA256], ...options.serverTls, keyLog },
    })
    this.#sealer = new Sealer(this.pair.crypto)
    this.pair.network.tap(({ bytes, from }) => {
      this.#onDatagram(bytes, from as Role)
      return this.#passes(from as Role)
    })
    this.victim = this.pair[this.victimRole]
  }

  /** Begins a connection and lets the real peer fall silent at `stage`. Earlier connections are forgotten. */
  connect(stage: Stage): this {
    this.#forget()
    const { pair } = this
    const client = pair.connect({ session: this.session })
    this.onConnect(client)
    if (stage === 'initial' && this.victimRole === 'client') this.#passes = () => false
    // The server's first flight leaves, and nobody hears it.
    else if (this.victimRole === 'server' && stage !== 'connected') this.#passes = (from) => from === 'client'
    pair.run(() => this.#isAt(stage, client), 60_000)
    this.#passes = () => false
    this.#connection = this.victimRole === 'client' ? client : pair.server.connections[0]
    if (!this.#isAt(stage, client)) throw new Error(`The connection did not come to the stage ${stage}`)
    return this
  }

  /** The victim's end. */
  get connection(): Connection {
    if (this.#connection === undefined) throw new Error('There is no connection yet')
    return this.#connection
  }

  /** Sends one packet with this plaintext, and lets the victim answer. */
  send(payload: Uint8Array | readonly number[], options: PacketOptions = {}): void {
    this.pair.inject(this.build(payload, options), this.victimRole, options.from ?? this.pair[this.role].address)
    this.run(0)
  }

  /** A datagram with one packet. */
  build(payload: Uint8Array | readonly number[], options: PacketOptions = {}): Uint8Array {
    const { type = PacketType.oneRtt } = options
    const number = options.number ?? this.nextNumber(type)
    const key = `${this.role} ${type}`
    this.#numbers.set(key, Math.max(number, this.#numbers.get(key) ?? -1))
    const bytes = Uint8Array.from(payload)
    const generation = options.generation ?? 0
    const bits = (options.bits ?? 0) | (NUMBER_LENGTH - 1)
    const destination = options.destination ?? this.victimId
    const header =
      type === PacketType.oneRtt
        ? [0x40 | ((generation & 1) << 2) | bits, ...destination.bytes]
        : this.#longHeader(type, bits, destination, bytes.length, options)
    const numberOffset = header.length
    header.push((number >>> 24) & 0xff, (number >>> 16) & 0xff, (number >>> 8) & 0xff, number & 0xff)
    const keys = this.#direction(this.role, type)
    if (keys === undefined) throw new Error(`There are no keys for packets of type ${type}`)
    const packet = this.#sealer.seal(keys.of(generation), Uint8Array.from(header), numberOffset, number, bytes)
    const least = type === PacketType.initial && this.role === 'client' ? INITIAL_DATAGRAM : 0
    const datagram = new Uint8Array(Math.max(packet.length, options.datagramSize ?? least))
    datagram.set(packet)
    return datagram
  }

  /** Whether there are keys for packets of a type, and they have not been wiped at the victim's end for want of use. */
  canSeal(type: ProtectedPacketType): boolean {
    return this.#direction(this.role, type) !== undefined
  }

  /** The number of the next packet of a type. */
  nextNumber(type: ProtectedPacketType): number {
    return (this.#numbers.get(`${this.role} ${type}`) ?? -1) + 1
  }

  /** The largest number that the victim has used in packets of a type; -1: none. */
  largestOfVictim(type: ProtectedPacketType): number {
    return this.#numbers.get(`${this.victimRole} ${type}`) ?? -1
  }

  /** The id by which the victim is addressed. */
  get victimId(): ConnectionId {
    const id = this.victimRole === 'client' ? this.#clientId : (this.#serverId ?? this.#originalId)
    if (id === undefined) throw new Error('The id of the victim is not known yet')
    return id
  }

  /** The id that the victim addresses this peer by. */
  get ownId(): ConnectionId {
    const id = this.role === 'client' ? this.#clientId : this.#serverId
    return id ?? ConnectionId.from(new Uint8Array(ID_LENGTH).fill(0x5e))
  }

  /** Lets virtual time pass, from now for `limit` ms. */
  run(limit: number): void {
    const { pair } = this
    // Datagrams that were injected arrive at once.
    pair.run(() => false, limit)
  }

  /** Why the victim's connection ended. */
  get closeReason(): CloseReason | undefined {
    return this.connection.closeReason
  }

  /** The frames of the victim, all packets, in order. */
  framesOfVictim(): Frame[] {
    const frames: Frame[] = []
    for (const { from, type, payload } of this.packets) {
      if (from !== this.victimRole) continue
      const decoder = new FrameDecoder()
      decoder.reset(payload, 0, payload.length, type)
      // STREAM, CRYPTO, ACK and PADDING objects are used again: the others are what tests ask for.
      for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) frames.push({ ...frame })
    }
    return frames
  }

  /** The CONNECTION_CLOSE that the victim put on the wire. */
  closeOnWire(): { errorCode: bigint; frameType: bigint | undefined } | undefined {
    for (const frame of this.framesOfVictim()) {
      if (frame.type === FrameType.connectionCloseTransport) {
        return { errorCode: frame.errorCode, frameType: frame.frameType }
      }
      if (frame.type === FrameType.connectionCloseApplication) {
        return { errorCode: frame.errorCode, frameType: undefined }
      }
    }
    return undefined
  }

  #isAt(stage: Stage, client: Connection): boolean {
    if (this.victimRole === 'client') {
      if (stage === 'initial') return this.#clientId !== undefined
      return stage === 'handshake' ? client.state === 'connected' : client.isHandshakeConfirmed
    }
    const server = this.pair.server.connections[0]
    if (stage !== 'connected') return server !== undefined && this.#serverId !== undefined
    return server?.isHandshakeConfirmed === true && client.isHandshakeConfirmed
  }

  #forget(): void {
    const { pair } = this
    this.#passes = () => true
    for (const side of [pair.client, pair.server]) side.endpoint.onCarrierClosed(side.port, pair.now)
    pair.run(() => false, 50)
    for (const side of [pair.client, pair.server]) {
      side.events.length = 0
      side.connections.length = 0
    }
    this.packets.length = 0
    this.#secrets.clear()
    this.#directions.clear()
    this.#numbers.clear()
    this.#clientId = this.#serverId = this.#originalId = this.#connection = undefined
  }

  #longHeader(
    type: 0 | 1 | 2,
    bits: number,
    destination: ConnectionId,
    payloadLength: number,
    options: PacketOptions,
  ): number[] {
    const source = options.source ?? this.ownId
    const header = [longHeaderByte(VERSION_1, type) | bits, 0, 0, 0, 1]
    header.push(destination.length, ...destination.bytes, source.length, ...source.bytes)
    if (type === PacketType.initial) header.push(options.token?.length ?? 0, ...(options.token ?? []))
    const length = NUMBER_LENGTH + payloadLength + 16
    header.push(0x40 | (length >> 8), length & 0xff)
    return header
  }

  #onKeyLog(line: string): void {
    const [label, , secret] = line.split(' ')
    if (label === undefined || secret === undefined) return
    const name = label.replace('_TRAFFIC_SECRET', '').replace('_0', '')
    if (SECRETS.includes(name)) this.#secrets.set(name, fromHex(secret))
  }

  #direction(role: Role, type: ProtectedPacketType): Direction | undefined {
    const key = `${role} ${type}`
    const known = this.#directions.get(key)
    if (known !== undefined) return known
    const secret = this.#secret(role, type)
    if (secret === undefined) return undefined
    const direction = new Direction(this.#sealer.engine, TLS_AES_128_GCM_SHA256, secret)
    this.#directions.set(key, direction)
    return direction
  }

  #secret(role: Role, type: ProtectedPacketType): Uint8Array | undefined {
    if (type === PacketType.initial) {
      return this.#originalId === undefined ? undefined : initialSecrets(VERSION_1, this.#originalId.bytes)[role]
    }
    // Servers have no such keys; who pretends to be one takes those of the client.
    if (type === PacketType.zeroRtt) return this.#secrets.get('CLIENT_EARLY')
    const who = role === 'client' ? 'CLIENT' : 'SERVER'
    return this.#secrets.get(type === PacketType.handshake ? `${who}_HANDSHAKE` : who)
  }

  #onDatagram(bytes: Uint8Array, from: Role): void {
    for (let at = 0; at < bytes.length; ) {
      if (!isLongHeader(bytes[at] ?? 0)) {
        this.#record(from, PacketType.oneRtt, bytes.subarray(at), 1 + ID_LENGTH)
        return
      }
      const header = this.#header
      if (!header.parse(bytes, at, bytes.length) || header.type === undefined || header.type > PacketType.handshake)
        return
      if (from === 'client') {
        this.#clientId ??= header.sourceId()
        this.#originalId ??= header.destinationId()
      } else this.#serverId ??= header.sourceId()
      const type = header.type as ProtectedPacketType
      this.#record(from, type, bytes.subarray(at, header.packetEnd), header.numberOffset - at)
      at = header.packetEnd
    }
  }

  #record(from: Role, type: ProtectedPacketType, packet: Uint8Array, numberOffset: number): void {
    const keys = this.#direction(from, type)
    if (!this.records || keys === undefined) return
    const key = `${from} ${type}`
    const largest = this.#numbers.get(key) ?? -1
    const phase = [0, 1, 2]
    for (const generation of type === PacketType.oneRtt ? phase : [0]) {
      const opened = this.#sealer.open(keys.of(generation), packet, numberOffset, largest)
      if (opened === undefined) continue
      this.#numbers.set(key, Math.max(largest, opened.number))
      this.packets.push({ ...opened, from, type })
      return
    }
  }
}

/** The bytes of a varint (RFC 9000 §16) in its shortest form, or in `size` bytes. */
export function varint(value: number | bigint, size?: 1 | 2 | 4 | 8): number[] {
  const big = BigInt(value)
  const bytes = size ?? (big < 0x40n ? 1 : big < 0x4000n ? 2 : big < 0x4000_0000n ? 4 : 8)
  const out: number[] = []
  for (let index = bytes - 1; index >= 0; index--) out.push(Number((big >> BigInt(8 * index)) & 0xffn))
  out[0] = (out[0] ?? 0) | (Math.log2(bytes) << 6)
  return out
}
