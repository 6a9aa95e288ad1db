import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makePair, pattern, type Side, seeded, type TestPacket } from './packets.fixtures.ts'
import type { StreamLimitOptions } from './stream-options.ts'

interface InFlight {
  readonly packet: TestPacket
  readonly from: Side
  readonly to: Side
}

/**
 * Carries packets in random order between both sides: some are lost, some arrive twice, some arrive and their ack is
 * lost, so that they are reported lost and acknowledged later.
 */
class Weather {
  readonly #random: () => number
  readonly #air: InFlight[] = []
  readonly #late: TestPacket[] = []
  now = 0

  constructor(seed: number) {
    this.#random = seeded(seed)
  }

  chance(share: number): boolean {
    return this.#random() < share
  }

  below(bound: number): number {
    return Math.floor(this.#random() * bound)
  }

  collect(from: Side, to: Side): void {
    while (from.set.wantsToSend && this.#air.length < 30) {
      const packet = from.packet(this.now, 40 + this.below(1160))
      if (packet.records.length > 0) this.#air.push({ packet, from, to })
    }
  }

  /** Whether there was anything to carry. */
  blow(): boolean {
    this.now += 1
    if (this.#late.length > 0 && this.chance(0.3))
      this.#late.splice(this.below(this.#late.length), 1)[0]?.acked(this.now)
    const [one] = this.#air.splice(this.below(this.#air.length), 1)
    if (one === undefined) return false
    const { packet, to } = one
    if (this.chance(0.2)) {
      packet.lost(this.now)
      if (this.chance(0.2)) packet.lost(this.now)
      return true
    }
    to.receive(packet, this.now)
    if (this.chance(0.1)) to.receive(packet, this.now)
    if (this.chance(0.1)) {
      packet.lost(this.now)
      this.#late.push(packet)
    } else {
      packet.acked(this.now)
    }
    return true
  }
}

/** Reads a random part of what can be read; returns whether the stream has ended. */
function readSome(side: Side, id: number, got: number[], weather: Weather, streams: Map<number, boolean>): void {
  const receive = side.set.get(id)?.receive
  if (receive === undefined || streams.get(id) === true) return
  const into = new Uint8Array(1 + weather.below(5000))
  const length = receive.read(into)
  if (length > 0) for (const byte of into.subarray(0, length)) got.push(byte)
  if (receive.isFinished) streams.set(id, true)
}

//= rfc9000#2.2-p2-1
//= rfc9000#13.3-p5-1
test('every stream arrives whole and in order, whatever is lost, doubled, reordered or reported wrongly', () => {
  const windows = fc.record({
    initialMaxData: fc.integer({ min: 1, max: 60_000 }),
    initialMaxStreamDataUni: fc.integer({ min: 1, max: 20_000 }),
    maxReceiveWindow: fc.integer({ min: 500, max: 40_000 }),
    maxIncomingUnidirectionalStreams: fc.integer({ min: 1, max: 3 }),
  })
  const sizes = fc.array(fc.integer({ min: 0, max: 30_000 }), { minLength: 1, maxLength: 6 })
  fc.assert(
    fc.property(fc.integer(), windows, sizes, (seed, limits: Partial<StreamLimitOptions>, lengths) => {
      const weather = new Weather(seed)
      const { client, server } = makePair({
        server: limits,
        client: { maxStreamSendBuffer: 4000, maxSendBuffer: 9000 },
      })
      const writers: { id: number; length: number; written: number }[] = []
      const received = new Map<number, number[]>()
      const ended = new Map<number, boolean>()
      let idle = 0
      while (ended.size < lengths.length || client.set.count > 0) {
        const stream = writers.length < lengths.length ? client.set.open('unidirectional') : undefined
        if (stream !== undefined) {
          writers.push({ id: stream.id, length: lengths[writers.length] ?? 0, written: 0 })
          stream.priority = { urgency: weather.below(8), incremental: weather.chance(0.5) }
        }
        for (const writer of writers) {
          const send = client.set.get(writer.id)?.send
          if (send?.isWritable !== true) continue
          writer.written += send.write(pattern(Math.min(writer.length - writer.written, 3000), writer.written))
          if (writer.written === writer.length) send.finish()
        }
        weather.collect(client, server)
        weather.collect(server, client)
        idle = weather.blow() ? 0 : idle + 1
        expect(idle).toBeLessThan(100)
        for (const event of server.takeEvents()) if (event.type === 'stream-opened') received.set(event.stream.id, [])
        for (const [id, got] of received) if (weather.chance(0.5)) readSome(server, id, got, weather, ended)
        client.takeEvents()
        client.set.checkInvariants()
        server.set.checkInvariants()
      }
      for (const { id, length } of writers) expect(Uint8Array.from(received.get(id) ?? [])).toEqual(pattern(length))
      expect([client.set.count, server.set.count, client.set.queuedBytes]).toEqual([0, 0, 0])
    }),
    { numRuns: 25 },
  )
})

test('under resets and stops from either side both agree on the credit that was used', () => {
  fc.assert(
    fc.property(fc.integer(), (seed) => {
      const weather = new Weather(seed)
      const limits = { initialMaxData: 20_000, maxReceiveWindow: 20_000, maxIncomingBidirectionalStreams: 5 }
      const { client, server } = makePair({ client: limits, server: limits })
      let opened = 0
      let idle = 0
      while (opened < 40 || client.set.count > 0 || server.set.count > 0) {
        for (const [side, peer] of [
          [client, server],
          [server, client],
        ] as const) {
          if (opened < 40 && side.set.open('bidirectional') !== undefined) opened++
          for (const { send, receive } of [...side.set.values()]) {
            if (send?.isWritable === true) {
              if (weather.chance(0.5)) send.write(pattern(weather.below(4000), send.bytesWritten))
              if (weather.chance(0.1)) send.finish()
            }
            if (weather.chance(0.03)) send?.reset(1n)
            if (weather.chance(0.03)) receive?.stop(2n)
            if (receive?.isStopped === false && receive.resetCode === undefined) {
              receive.read(new Uint8Array(weather.below(6000)))
            }
          }
          weather.collect(side, peer)
          side.takeEvents()
          if (side.set.nextTimeout() <= weather.now) side.set.onTimeout(weather.now)
        }
        idle = weather.blow() ? 0 : idle + 1
        expect(idle).toBeLessThan(300)
        client.set.checkInvariants()
        server.set.checkInvariants()
      }
    }),
    { numRuns: 25 },
  )
})
