/**
 * Sockets of their own for the few peers that most datagrams go to: on the port of the socket of all, and connected. The kernel
 * then looks up neither route nor address for each datagram, and gives that peer's datagrams to that socket alone.
 *
 * Whatever the kernel does, each datagram for the port arrives in one of the sockets and is told with the address it came from:
 * also those of others that come before a new socket is connected. So nothing depends on a connected socket, and nothing is lost
 * with it: a peer that moves is heard by the socket of all, and where a connected socket falls silent or fails, as when its
 * route is gone, that one sends again.
 */
import type { SocketAddress, UdpSocket, UdpSocketListener } from './udp-socket.ts'

/** A remote end that datagrams are sent to. */
export interface Peer extends SocketAddress {
  /** The socket that sends to it. */
  socket: UdpSocket
  /** Datagrams sent since `since`. */
  sent: number
  /** ms, of the clock `performance.now` */
  since: number
  /** How often a socket of its own has failed. */
  failures: number
}

/** A socket that can be connected, and so be turned to another peer. */
export interface ConnectableSocket extends UdpSocket {
  /** Whether it owes an `onDrain`. */
  readonly isBlocked: boolean
  /** Connects it, also if it is connected already. `false`: the system refuses. */
  connect(to: SocketAddress): boolean
}

/** The socket of one peer. */
interface OwnSocket {
  readonly peer: Peer
  readonly socket: ConnectableSocket
  /** Datagrams received. */
  heard: number
  /** The same, when the last period ended. */
  heardBefore: number
  /** Periods in a row that brought next to nothing. */
  quietPeriods: number
  /** It sends no more, and is closed once it is empty. */
  isLeaving: boolean
}

/** ms in which busy peers are told from others. */
const PERIOD = 1_000
/** Datagrams sent in a period that earn a peer a socket. It saves 0.2 to 0.6 µs for each, and costs 0.2 ms to make. */
const BUSY = 1_000
/** Datagrams sent in a period that let it keep the socket. */
const IDLE = 100
/** Periods of silence after which it is taken away: a probe timeout or two have passed in vain (RFC 9002 §6.2). */
const QUIET_PERIODS = 2
/** Failures after which a peer has no socket of its own any more. Each has cost a datagram. */
const MAX_FAILURES = 3
/** Datagrams that libuv reads from one socket before it turns to the next one. */
const READ_AT_ONCE = 32
/** The port of the discard service (RFC 863), from which nothing comes. */
const DISCARD = 9

/** Who is busy. */
export interface BusyPeersSettings {
  /** Connected sockets at the same time. */
  readonly limit: number
  /** ms in which busy peers are told from others; 1,000 by default. */
  readonly period?: number
  /** Datagrams sent in a period that earn a peer a socket; 1,000 by default. */
  readonly busy?: number
}

/** The connected sockets beside one that is not. */
export class BusyPeers {
  readonly #main: UdpSocket
  readonly #open: () => ConnectableSocket | undefined
  readonly #listener: UdpSocketListener
  readonly #limit: number
  readonly #period: number
  readonly #busy: number
  readonly #own = new Set<OwnSocket>()
  /** The peer that is about to have a socket. */
  #next: Peer | undefined
  /** Datagrams received by the main socket. */
  #heard = 0
  #timer: ReturnType<typeof setInterval> | undefined
  #isClosed = false

  /**
   * @param main the socket of all peers
   * @param open binds a socket to the same port, at once; `undefined` where the system refuses
   * @param listener hears the datagrams and drains of the connected sockets as if they were the main one's
   */
  constructor(
    main: UdpSocket,
    open: () => ConnectableSocket | undefined,
    listener: UdpSocketListener,
    { limit, period = PERIOD, busy = BUSY }: BusyPeersSettings,
  ) {
    this.#main = main
    this.#open = open
    this.#listener = listener
    this.#limit = limit
    this.#period = period
    this.#busy = busy
  }

  /** Connected sockets that send. */
  get size(): number {
    let size = 0
    for (const { isLeaving } of this.#own) if (!isLeaving) size += 1
    return size
  }

  /** Datagrams were sent to `peer`. */
  onSent(peer: Peer, datagrams: number): void {
    peer.sent += datagrams
    if (peer.sent >= this.#busy && peer.socket === this.#main) this.#weigh(peer)
  }

  /** The main socket has received a datagram. */
  onHeard(): void {
    this.#heard += 1
  }

  /** Closes all connected sockets. */
  close(): void {
    this.#isClosed = true
    clearInterval(this.#timer)
    for (const { socket } of this.#own) socket.close()
    this.#own.clear()
  }

  #weigh(peer: Peer): void {
    const now = performance.now()
    const isBusy = now - peer.since <= this.#period
    startPeriod(peer, now)
    if (!isBusy || peer.failures >= MAX_FAILURES || this.#next !== undefined || this.#own.size >= this.#limit) return
    this.#next = peer
    this.#openWhenCalm(peer, -Infinity)
  }

  /** Opens a socket once the main one is empty: what waits there would be overtaken by what comes to the new one. */
  #openWhenCalm(peer: Peer, heard: number): void {
    // Between two immediates each socket is read once.
    setImmediate(() => {
      if (this.#isClosed) return
      if (this.#heard - heard >= READ_AT_ONCE) return this.#openWhenCalm(peer, this.#heard)
      this.#next = undefined
      this.#openFor(peer)
    })
  }

  #openFor(peer: Peer): void {
    const socket = this.#open()
    if (socket === undefined) {
      peer.failures = MAX_FAILURES
      return
    }
    const own: OwnSocket = { peer, socket, heard: 0, heardBefore: 0, quietPeriods: 0, isLeaving: false }
    const listener = this.#listener
    socket.listen({
      onMessage(bytes, from, segmentSize) {
        own.heard += 1
        listener.onMessage(bytes, from, segmentSize)
      },
      onDrain: () => {
        if (own.isLeaving) this.#closeWhenEmpty(own, -1)
        listener.onDrain()
      },
      onError: () => {
        // A datagram was lost with it, be it for an ICMP message that anybody may have sent.
        if (!own.isLeaving) peer.failures += 1
        this.#retire(own)
      },
      onClose() {},
    })
    this.#own.add(own)
    if (!socket.connect(peer)) {
      peer.failures = MAX_FAILURES
      return this.#retire(own)
    }
    peer.socket = socket
    startPeriod(peer, performance.now())
    this.#timer ??= setInterval(() => this.#review(), this.#period).unref()
  }

  /** A period is over. */
  #review(): void {
    const now = performance.now()
    for (const own of this.#own) {
      const isQuiet = own.heard === own.heardBefore || own.peer.sent < IDLE
      own.quietPeriods = isQuiet ? own.quietPeriods + 1 : 0
      own.heardBefore = own.heard
      startPeriod(own.peer, now)
      if (own.quietPeriods >= QUIET_PERIODS) this.#retire(own)
    }
    if (this.#own.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #retire(own: OwnSocket): void {
    if (own.isLeaving) return
    const { peer, socket } = own
    own.isLeaving = true
    peer.socket = this.#main
    // What comes from now on goes to the main socket; what has come stays.
    socket.connect(nowhere(peer))
    if (!socket.isBlocked) this.#closeWhenEmpty(own, -1)
  }

  /** Closes the socket after a turn in which it was read and had nothing. */
  #closeWhenEmpty(own: OwnSocket, heard: number): void {
    setImmediate(() => {
      if (own.heard !== heard) return this.#closeWhenEmpty(own, own.heard)
      own.socket.close()
      this.#own.delete(own)
    })
  }
}

function startPeriod(peer: Peer, now: number): void {
  peer.since = now
  peer.sent = 0
}

/** Where a socket that sends to `peer` can be connected to in order to hear nobody. */
function nowhere({ address }: SocketAddress): SocketAddress {
  const isIpv4 = address.includes('.')
  const host = address.includes(':') ? (isIpv4 ? '::ffff:127.0.0.1' : '::1') : '127.0.0.1'
  return { address: host, port: DISCARD }
}
