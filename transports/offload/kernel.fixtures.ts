/**
 * A kernel for tests: it reads and writes the structures where their addresses say, byte for byte, and moves datagrams between
 * its own sockets. It refuses what a test tells it to. Nothing of it is Linux, so that it runs anywhere.
 */
import {
  Errno,
  IP_RECVTOS,
  IP_TOS,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_RECVTCLASS,
  IPV6_TCLASS,
  type Kernel,
  SOL_UDP,
  UDP_GRO,
  UDP_SEGMENT,
  type Watch,
  type Watcher,
} from './kernel.ts'
import { isMapped } from './socket-name.ts'

/** One call of sendmsg(2), as the kernel understood it. */
export interface SentMessage {
  readonly bytes: Uint8Array
  /** 0: one datagram. */
  readonly segmentSize: number
  readonly ecn: number
  readonly to: Uint8Array
}

interface Queued extends SentMessage {
  readonly from: Uint8Array
}

class FakeSocket implements Watch {
  readonly options = new Map<string, number>()
  readonly queue: Queued[] = []
  name = new Uint8Array(28)
  watcher: Watcher | undefined
  awaitsReading = false
  awaitsRoom = false
  isWatched = false
  readonly #kernel: FakeKernel

  constructor(kernel: FakeKernel) {
    this.#kernel = kernel
  }

  awaitReadable(): void {
    this.awaitsReading = true
    this.#kernel.poll()
  }

  awaitWritable(): void {
    this.awaitsRoom = true
    this.#kernel.poll()
  }

  close(): void {
    this.isWatched = false
  }
}

/** Where the first buffer lies: above 32 bits, as real ones do. */
const FIRST_ADDRESS = 0x7f12_0000_0000
const SPACE = 0x1_0000_0000

/** See the module. */
export class FakeKernel implements Kernel {
  /** Results of the next calls of sendmsg(2) and recvmmsg(2), in place of what they would do; `undefined`: they do it. */
  readonly sendResults: (number | undefined)[] = []
  readonly receiveResults: (number | undefined)[] = []
  /** Options that are not known: `level/name`. */
  readonly unknownOptions: Set<string> = new Set()
  /** Segments are refused with this error. */
  segmentError = 0
  /** Datagrams longer than this are refused. */
  mtu = 65_527
  /** Nothing has room. */
  isFull = false
  /** Watching is refused. */
  cannotWatch = false
  readonly sent: SentMessage[] = []
  /** How many messages each call of recvmmsg(2) asked for. */
  readonly asked: number[] = []
  readonly openSockets: Set<number> = new Set()
  readonly #sockets = new Map<number, FakeSocket>()
  readonly #buffers: ArrayBuffer[] = []
  readonly #tasks: (() => void)[] = []
  readonly #runsAlone: boolean
  #nextPort = 40_000
  #nextFd = 3

  /** @param runsAlone turns of the event loop follow by themselves; else with {@link run} */
  constructor(runsAlone = false) {
    this.#runsAlone = runsAlone
  }

  /** Runs turns until nothing is left to do. */
  run(): void {
    for (let task = this.#tasks.shift(); task !== undefined; task = this.#tasks.shift()) task()
  }

  /** Runs the tasks of one turn. */
  turn(): void {
    for (const task of this.#tasks.splice(0)) task()
  }

  /** There is room again. */
  makeRoom(): void {
    this.isFull = false
    this.poll()
  }

  option(fd: number, level: number, name: number): number | undefined {
    return this.#socket(fd).options.get(`${level}/${name}`)
  }

  socket(): number {
    const fd = this.#nextFd++
    this.#sockets.set(fd, new FakeSocket(this))
    this.openSockets.add(fd)
    return fd
  }

  setOption(fd: number, level: number, name: number, value: number): number {
    if (this.unknownOptions.has(`${level}/${name}`)) return -92
    this.#socket(fd).options.set(`${level}/${name}`, value)
    return 0
  }

  bind(fd: number, address: Uint8Array): number {
    const name = Uint8Array.from(address)
    const view = new DataView(name.buffer)
    if (view.getUint16(2) === 0) view.setUint16(2, this.#nextPort++)
    const port = view.getUint16(2)
    for (const other of this.#sockets.values()) if (portOf(other.name) === port) return -98
    this.#socket(fd).name = name
    return 0
  }

  localName(fd: number, into: Uint8Array): number {
    into.set(this.#socket(fd).name)
    return 0
  }

  send(fd: number, message: Uint8Array): number {
    const forced = this.sendResults.shift()
    if (forced !== undefined) return forced
    if (this.isFull) return -Errno.EAGAIN
    const socket = this.#socket(fd)
    const sent = this.#parse(message)
    if (sent.segmentSize > 0 && this.segmentError > 0) return -this.segmentError
    if ((sent.segmentSize || sent.bytes.length) > this.mtu) return -Errno.EMSGSIZE
    const isRun = sent.segmentSize > 0
    if (isRun && (sent.bytes.length > 65_507 || sent.bytes.length > sent.segmentSize * 64)) return -Errno.EINVAL
    this.sent.push(sent)
    const target = [...this.#sockets.values()].find((other) => reaches(sent.to, other.name))
    if (target !== undefined) this.#queue(target, { ...sent, from: socket.name })
    this.poll()
    return sent.bytes.length
  }

  receive(fd: number, messages: Uint8Array, count: number): number {
    this.asked.push(count)
    const forced = this.receiveResults.shift()
    if (forced !== undefined) return forced
    const socket = this.#socket(fd)
    let done = 0
    while (done < count) {
      const next = socket.queue.shift()
      if (next === undefined) break
      this.#fill(messages, done++, socket, next)
    }
    return done === 0 ? -Errno.EAGAIN : done
  }

  close(fd: number): void {
    if (!this.openSockets.delete(fd)) throw new Error(`Socket ${fd} is closed twice`)
    this.#sockets.delete(fd)
  }

  addressOf(buffer: ArrayBuffer): number {
    let index = this.#buffers.indexOf(buffer)
    if (index < 0) index = this.#buffers.push(buffer) - 1
    return FIRST_ADDRESS + index * SPACE + 64
  }

  watch(fd: number, watcher: Watcher): Watch {
    if (this.cannotWatch) throw new Error('Nothing is watched')
    const socket = this.#socket(fd)
    socket.watcher = watcher
    socket.isWatched = true
    return socket
  }

  defer(task: () => void): void {
    this.#tasks.push(task)
    if (this.#runsAlone) setTimeout(() => this.#tasks.shift()?.(), 0)
  }

  /** Tells those who wait. */
  poll(): void {
    for (const socket of this.#sockets.values()) {
      const { watcher } = socket
      if (!socket.isWatched || watcher === undefined) continue
      if (socket.awaitsReading && (socket.queue.length > 0 || this.receiveResults.length > 0)) {
        socket.awaitsReading = false
        this.defer(() => socket.isWatched && watcher.onReadable())
      }
      if (socket.awaitsRoom && !this.isFull) {
        socket.awaitsRoom = false
        this.defer(() => socket.isWatched && watcher.onWritable())
      }
    }
  }

  #socket(fd: number): FakeSocket {
    const socket = this.#sockets.get(fd)
    if (socket === undefined) throw new Error(`There is no socket ${fd}`)
    return socket
  }

  /** The `length` bytes at an address. */
  #memory(view: DataView, at: number, length: number): Uint8Array {
    const address = Number(view.getBigUint64(at, true)) - FIRST_ADDRESS - 64
    const buffer = this.#buffers[Math.floor(address / SPACE)]
    if (buffer === undefined) throw new Error(`There is nothing at ${address}`)
    return new Uint8Array(buffer, address % SPACE, length)
  }

  #parse(message: Uint8Array): SentMessage {
    const view = new DataView(message.buffer, message.byteOffset)
    const length = (at: number): number => Number(view.getBigUint64(at, true))
    const to = Uint8Array.from(this.#memory(view, 0, view.getUint32(8, true)))
    if (length(24) !== 1) throw new Error(`${length(24)} vectors`)
    const vector = this.#memory(view, 16, 16)
    const vectorView = new DataView(vector.buffer, vector.byteOffset)
    const bytes = Uint8Array.from(this.#memory(vectorView, 0, Number(vectorView.getBigUint64(8, true))))
    const controlLength = length(40)
    let [segmentSize, ecn] = [0, 0]
    if (controlLength > 0) {
      const control = this.#memory(view, 32, controlLength)
      const controlView = new DataView(control.buffer, control.byteOffset, controlLength)
      for (let at = 0; at < controlLength; at += (controlView.getUint32(at, true) + 7) & ~7) {
        const key = `${controlView.getInt32(at + 8, true)}/${controlView.getInt32(at + 12, true)}`
        const isIpv4 = to.length === 16 || isMapped(to)
        if (key === `${SOL_UDP}/${UDP_SEGMENT}`) segmentSize = controlView.getUint16(at + 16, true)
        else if (key === (isIpv4 ? `${IPPROTO_IP}/${IP_TOS}` : `${IPPROTO_IPV6}/${IPV6_TCLASS}`)) {
          ecn = controlView.getInt32(at + 16, true)
        } else throw new Error(`Control message ${key}`)
      }
    }
    return { bytes, segmentSize, ecn, to }
  }

  #queue(target: FakeSocket, message: Queued): void {
    const { bytes, segmentSize } = message
    if (segmentSize === 0 || target.options.get(`${SOL_UDP}/${UDP_GRO}`) === 1) return void target.queue.push(message)
    for (let at = 0; at < bytes.length; at += segmentSize) {
      target.queue.push({ ...message, bytes: bytes.subarray(at, at + segmentSize), segmentSize: 0 })
    }
  }

  #fill(messages: Uint8Array, index: number, socket: FakeSocket, queued: Queued): void {
    const view = new DataView(messages.buffer, messages.byteOffset + index * 64)
    const [nameLength, controlLength] = [view.getUint32(8, true), Number(view.getBigUint64(40, true))]
    const from = seenBy(socket.name, queued.from)
    this.#memory(view, 0, nameLength).set(from)
    view.setUint32(8, from.length, true)
    const vector = this.#memory(view, 16, 16)
    const vectorView = new DataView(vector.buffer, vector.byteOffset)
    const room = Number(vectorView.getBigUint64(8, true))
    this.#memory(vectorView, 0, room).set(queued.bytes.subarray(0, room))
    view.setUint32(56, Math.min(queued.bytes.length, room), true)
    const control = this.#memory(view, 32, controlLength)
    const controlView = new DataView(control.buffer, control.byteOffset, controlLength)
    let at = 0
    const add = (level: number, type: number, length: number, write: (at: number) => void): void => {
      controlView.setBigUint64(at, BigInt(16 + length), true)
      controlView.setInt32(at + 8, level, true)
      controlView.setInt32(at + 12, type, true)
      write(at + 16)
      at += 16 + ((length + 7) & ~7)
    }
    const isIpv4 = from.length === 16 || isMapped(from)
    const { ecn, segmentSize } = queued
    // The rest of the byte is the traffic class, which is nobody's business.
    if (isIpv4 && socket.options.get(`${IPPROTO_IP}/${IP_RECVTOS}`) === 1)
      add(IPPROTO_IP, IP_TOS, 1, (to) => controlView.setUint8(to, 0xb8 | ecn))
    if (!isIpv4 && socket.options.get(`${IPPROTO_IPV6}/${IPV6_RECVTCLASS}`) === 1)
      add(IPPROTO_IPV6, IPV6_TCLASS, 4, (to) => controlView.setInt32(to, 0xb8 | ecn, true))
    if (segmentSize > 0) add(SOL_UDP, UDP_GRO, 4, (to) => controlView.setInt32(to, segmentSize, true))
    view.setBigUint64(40, BigInt(at), true)
    view.setUint32(48, queued.bytes.length > room ? 0x20 : 0, true)
  }
}

function portOf(name: Uint8Array): number {
  return ((name[2] ?? 0) << 8) | (name[3] ?? 0)
}

/** Whether what is sent to one name arrives at a socket of the other; all hosts are one. */
function reaches(to: Uint8Array, name: Uint8Array): boolean {
  return portOf(to) === portOf(name)
}

/** How a socket names a sender of the other family. */
function seenBy(own: Uint8Array, sender: Uint8Array): Uint8Array {
  if (own.length === sender.length) return sender
  if (own.length === 16) return Uint8Array.of(2, 0, ...sender.subarray(2, 4), 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0)
  const name = new Uint8Array(28)
  name.set([10, 0, ...sender.subarray(2, 4)])
  name.set([0xff, 0xff, ...sender.subarray(4, 8)], 18)
  return name
}
