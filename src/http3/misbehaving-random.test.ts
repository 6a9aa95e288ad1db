/** Peers that do anything at all, by seed: whatever comes of it, it is a clean end, and nothing is left behind. */
import { describe, expect, test } from 'vitest'
import { concat } from '../base/bytes.ts'
import { TestRandom } from '../endpoint/test-pair.fixtures.ts'
import type { Stream } from '../streams/stream.ts'
import { StreamClosedError } from '../streams/stream-error.ts'
import type { Role } from '../wire/stream-id.ts'
import { encodeDatagram } from './datagram.ts'
import type { Http3Event } from './events.ts'
import { encodeIdFrame, FrameType } from './frames.ts'
import { bytes, frame, GET, header, headers, Misbehaving, SETTINGS } from './misbehaving.fixtures.ts'
import { encodePriorityUpdate } from './priority.ts'
import type { RequestStream } from './request-stream.ts'
import { greaseId, StreamType } from './stream-kinds.ts'

const SEEDS = Array.from({ length: 24 }, (_, index) => index + 1)

/** What mostly stands on request streams. */
const PIECES: readonly Uint8Array[] = [
  headers(...GET),
  headers(...GET, 'content-length: 3'),
  headers(':method: CONNECT', ':protocol: test', ':scheme: https', ':authority: a', ':path: /'),
  headers(':status: 200'),
  headers(':status: 103'),
  headers('x: y'),
  // Refers to the first entry of a dynamic table, which may never be inserted.
  frame(FrameType.headers, bytes(0x02, 0x00, 0x80)),
  frame(FrameType.data, bytes(1, 2, 3)),
  frame(FrameType.data),
  frame(0x21, new Uint8Array(300)),
  header(FrameType.data, 2 ** 40),
  header(FrameType.headers, 2 ** 40),
  bytes(0x40),
]

/** What may stand behind the header section of a message, whatever it is. */
const HARMLESS: readonly Uint8Array[] = [
  frame(FrameType.data, bytes(1, 2, 3)),
  frame(FrameType.data),
  frame(0x21, new Uint8Array(300)),
]

/** What ends a connection at once; rarer, or there would be nothing else. */
const OUTRAGES: readonly Uint8Array[] = [
  frame(FrameType.settings),
  frame(FrameType.pushPromise, bytes(0, 0, 0)),
  frame(FrameType.headers, bytes(0xff, 0xff, 0xff)),
  frame(0x02),
  bytes(0xff, 0xff, 0xff, 0xff),
]

/** What stands on a control stream behind SETTINGS. */
const CONTROL: readonly Uint8Array[] = [
  encodePriorityUpdate(0, { urgency: 1, incremental: true }),
  encodePriorityUpdate(40, { urgency: 1, incremental: true }),
  encodeIdFrame(FrameType.goAway, 400),
  encodeIdFrame(FrameType.maxPushId, 3),
  frame(0x21, bytes(1)),
]

/** Set Dynamic Table Capacity 220, and an insertion with a literal name (RFC 9204 §4.3). */
const INSERTION = bytes(0x3f, 0xbd, 0x01, 0x41, 0x78, 0x01, 0x79)

class Chaos {
  readonly one: Misbehaving
  readonly #random: TestRandom
  /** Peers of even seeds break no rule of the connection, and so go on. */
  readonly #isTame: boolean
  readonly #streams: Stream[] = []
  readonly #known = new Set<RequestStream>()
  #control: Stream | undefined

  constructor(role: Role, seed: number) {
    this.#random = new TestRandom(seed)
    this.#isTame = seed % 2 === 0
    this.one = new Misbehaving(role, {
      http3: { datagrams: true, enableConnectProtocol: true, maxFieldSectionSize: 2_000 },
      pair: { seed, network: { loss: 0.02, jitter: 5 } },
    })
    this.one.onEvent = (event) => this.#onEvent(event)
  }

  /** Does something. */
  step(): void {
    const { one } = this
    const dice = this.#random.next()
    if (dice < 0.1) this.#openSomething()
    else if (dice < 0.3) this.#openRequest()
    else if (dice < 0.6) this.#onSome((stream) => stream.send?.isWritable && one.write(stream, this.#piece()))
    else if (dice < 0.7) this.#onSome((stream) => stream.send?.isWritable && stream.send.finish())
    else if (dice < 0.75) this.#onSome((stream) => stream.send?.reset(BigInt(this.#below(300))))
    else if (dice < 0.8) this.#onSome((stream) => stream.receive?.stop(BigInt(this.#below(300))))
    else if (dice < 0.85) one.datagram(encodeDatagram(4 * this.#below(20), bytes(1)))
    else one.run(this.#below(60))
  }

  /** Both sides give up every request. */
  end(): void {
    for (const stream of this.#streams) if (stream.direction === 'bidirectional') stream.abort(0n)
    for (const request of this.#known) request.abort()
    this.one.run(3_000)
  }

  #onEvent(event: Http3Event): void {
    if (!('stream' in event) || event.type === 'session-stream') return
    const { stream } = event
    this.#known.add(stream)
    try {
      if (event.type === 'request' && this.#random.next() < 0.7) this.#answer(stream)
      else if (event.type === 'body') this.#read(stream)
      else if (event.type === 'failed' && this.#random.next() < 0.5) stream.reset()
      else if (event.type === 'datagram') stream.readDatagram()
    } catch (error) {
      // What the application did came too late.
      if (!(error instanceof StreamClosedError)) throw error
    }
  }

  #answer(stream: RequestStream): void {
    stream.sendFields([{ name: ':status', value: '200' }])
    stream.writeBody(new Uint8Array(this.#below(3_000)))
    if (this.#random.next() < 0.7) stream.finish()
  }

  #read(stream: RequestStream): void {
    const into = new Uint8Array(500)
    while (stream.readBody(into) > 0);
  }

  #openRequest(): void {
    const { one } = this
    if (one.role === 'server') {
      const stream = one.peer.streams.open('bidirectional')
      if (stream === undefined) return
      this.#streams.push(stream)
      one.write(stream, this.#isTame ? this.#pick(PIECES.slice(0, 3)) : this.#piece(), this.#piece())
      return
    }
    if (!one.http3.takesRequests) return
    const request = one.http3.request([
      { name: ':method', value: 'POST' },
      ...[':scheme', ':authority', ':path'].map((name, at) => ({ name, value: ['https', 'a', '/'][at] ?? '' })),
    ])
    if (request === undefined) return
    this.#known.add(request)
    one.run(40)
    const stream = one.peer.streams.get(request.id)
    if (stream === undefined) return
    this.#streams.push(stream)
    if (this.#isTame && stream.send?.isWritable) one.write(stream, headers(':status: 200'))
  }

  #openSomething(): void {
    const { one } = this
    const kinds = [StreamType.control, greaseId(this.#random), StreamType.qpackEncoder, StreamType.qpackDecoder]
    const type = this.#pick(this.#isTame ? kinds.slice(0, 2) : kinds)
    if (type === StreamType.control) {
      if (this.#control === undefined) this.#control = one.openKind(type, SETTINGS)
      else if (this.#control.send?.isWritable)
        one.write(this.#control, this.#pick(this.#isTame ? CONTROL.slice(-1) : CONTROL))
      return
    }
    const stream = one.peer.streams.open('unidirectional')
    if (stream === undefined) return
    one.write(stream, header(type, 0).subarray(0, -1), type === StreamType.qpackEncoder ? INSERTION : bytes())
    if (type > StreamType.qpackDecoder) this.#streams.push(stream)
  }

  #piece(): Uint8Array {
    if (this.#isTame) return this.#pick(HARMLESS)
    const whole = this.#random.next() < 0.02 ? this.#pick(OUTRAGES) : this.#pick(PIECES)
    return this.#random.next() < 0.1 ? concat(whole.subarray(0, this.#below(whole.length + 1))) : whole
  }

  #onSome(act: (stream: Stream) => unknown): void {
    if (this.one.peer.state !== 'connected' || this.#streams.length === 0) return
    act(this.#pick(this.#streams))
  }

  #below(bound: number): number {
    return Math.floor(this.#random.next() * bound)
  }

  #pick<T>(from: readonly T[]): T {
    const picked = from[this.#below(from.length)]
    if (picked === undefined) throw new Error('There is nothing to pick from')
    return picked
  }
}

describe.each(['client', 'server'] as const)('a %s', (role) => {
  test.each(SEEDS)('comes clean out of what peer %i does', (seed) => {
    const chaos = new Chaos(role, seed)
    const { one } = chaos
    for (let turn = 0; turn < 60 && one.victim.closeReason === undefined; turn++) chaos.step()
    chaos.end()
    const code = one.closed()
    if (code !== undefined) expect(code).toMatch(/^(H3|QPACK)_[A-Z_]+$/)
    expect(code).not.toBe('H3_INTERNAL_ERROR')
    expect(one.http3.requests).toBe(0)
    if (code === undefined) one.peer.close({ code: 0n, reason: '' }, one.pair.now)
    one.run(60_000)
    expect(one.victim.streams.count).toBe(0)
    one.victim.checkInvariants()
  })

  test('meets enough of them that both ends are seen', () => {
    const codes = SEEDS.slice(0, 12).map((seed) => {
      const chaos = new Chaos(role, seed)
      for (let turn = 0; turn < 60 && chaos.one.victim.closeReason === undefined; turn++) chaos.step()
      return chaos.one.closed()
    })
    expect(new Set(codes).size).toBeGreaterThan(2)
    expect(codes).toContain(undefined)
  })
})
