import { describe, expect, test } from 'vitest'
import { randomInteger } from '../base/random.ts'
import { NEVER } from '../base/time.ts'
import { seededRandom } from '../crypto/aead-suite.fixtures.ts'
import { noblePackets } from '../crypto/noble/packets.ts'
import { type CipherSuite, PacketStatus } from '../crypto/provider.ts'
import { TLS_AES_128_GCM_SHA256, TLS_CHACHA20_POLY1305_SHA256 } from '../crypto/suites.ts'
import { TransportError, TransportErrorCode } from '../wire/transport-error.ts'
import { VERSION_1, VERSION_2 } from '../wire/version.ts'
import { KeyPhases } from './key-phases.ts'
import { PacketBatchBuffer } from './packet-batch.ts'
import { IntegrityCounter } from './packet-keys.ts'

const PTO = 100
const SUITE = TLS_CHACHA20_POLY1305_SHA256
const PAYLOAD = 24

/** A sealed packet on its way. */
interface Sealed {
  readonly bytes: Uint8Array
  readonly number: number
  readonly generation: number
}

/** One end of a connection, as far as 1-RTT keys are concerned. */
class End {
  readonly keys: KeyPhases
  readonly integrity = new IntegrityCounter()
  /** Keys and secrets derived so far: each derivation asks for the hash. */
  derived = 0
  #next = 0
  #largest = -1
  readonly #batch: PacketBatchBuffer

  constructor(own: number, peer: number, suite: CipherSuite = SUITE, version = VERSION_1, updateAfter?: number) {
    const inner = noblePackets.createEngine(16_384)
    const end = this
    const counted: CipherSuite = {
      ...suite,
      get hash() {
        end.derived += 1
        return suite.hash
      },
    }
    this.keys = new KeyPhases({
      engine: inner,
      suite: counted,
      version,
      integrity: this.integrity,
      ...(updateAfter === undefined ? {} : { updateAfter }),
    })
    this.keys.installWrite(new Uint8Array(32).fill(own))
    this.keys.installRead(new Uint8Array(32).fill(peer))
    this.keys.setPto(PTO)
    this.#batch = new PacketBatchBuffer(inner.arena, 32)
  }

  /** Seals `count` packets with the keys of now. */
  send(count: number): Sealed[] {
    const { arena } = this.#batch
    this.#batch.clear(0)
    for (let i = 0; i < count; i++) {
      const at = 128 * i
      arena.fill(0xab, at, at + 3 + PAYLOAD)
      arena[at] = 0x41 | (this.keys.writePhase << 2)
      arena[at + 1] = this.#next >> 8
      arena[at + 2] = this.#next
      this.#batch.append(at, at + 1, at + 3 + PAYLOAD, this.#next++)
    }
    this.keys.seal(this.#batch, 0, count)
    const generation = this.keys.writeGeneration
    return Array.from({ length: count }, (_, i) => ({
      bytes: arena.slice(128 * i, 128 * i + 3 + PAYLOAD + 16),
      number: this.#next - count + i,
      generation,
    }))
  }

  /** Opens and processes packets as one batch; says for each whether it opened. */
  receive(packets: readonly Sealed[], now: number): boolean[] {
    const batch = this.#batch
    batch.clear(0)
    packets.forEach(({ bytes }, i) => {
      batch.arena.set(bytes, 128 * i)
      batch.append(128 * i, 128 * i + 1, 128 * i + bytes.length, this.#largest)
    })
    this.keys.open(batch, 0, packets.length, now)
    return packets.map((packet, i) => {
      if (batch.status[i] !== PacketStatus.done) return false
      expect(batch.packetNumber[i]).toBe(packet.number)
      expect(batch.generation[i]).toBe(packet.generation)
      this.keys.onPacketProcessed(batch.generation[i] ?? -1, packet.number, now)
      this.#largest = Math.max(this.#largest, packet.number)
      return true
    })
  }
}

function pair(suite?: CipherSuite, version?: number): [End, End] {
  return [new End(1, 2, suite, version), new End(2, 1, suite, version)]
}

/** Lets `to` receive a packet of `from` and `from` the acknowledgement of it. */
function exchange(from: End, to: End, now: number): void {
  const [packet] = from.send(1)
  if (packet === undefined) throw new RangeError('Nothing was sent')
  expect(to.receive([packet], now)).toEqual([true])
  expect(from.receive(to.send(1), now)).toEqual([true])
  from.keys.onAcked(packet.generation, now, to.keys.writeGeneration)
}

function codeOf(run: () => void): bigint | undefined {
  try {
    run()
    return undefined
  } catch (error) {
    return error instanceof TransportError ? error.code : -1n
  }
}

const { KEY_UPDATE_ERROR, AEAD_LIMIT_REACHED } = TransportErrorCode

describe('an update', () => {
  for (const suite of [SUITE, TLS_AES_128_GCM_SHA256]) {
    for (const version of [VERSION_1, VERSION_2]) {
      //= rfc9001#6.2-p2-1
      //= rfc9001#6.2-p2-2
      test(`moves both ends, both directions, many times (${suite.name}, version ${version.toString(16)})`, () => {
        const [client, server] = pair(suite, version)
        let now = 0
        for (let generation = 0; generation < 6; generation++) {
          const [first, second] = generation % 2 === 0 ? [client, server] : [server, client]
          exchange(first, second, now)
          exchange(second, first, now)
          expect(first.keys.writeGeneration).toBe(generation)
          expect(first.keys.writePhase).toBe(generation & 1)
          now += 4 * PTO
          first.keys.onTimeout(now)
          second.keys.onTimeout(now)
          first.keys.update(now)
          const [packet] = first.send(1)
          expect(second.receive(packet === undefined ? [] : [packet], now)).toEqual([true])
          // The responder's keys have followed before it answers.
          expect(second.keys.writeGeneration).toBe(generation + 1)
        }
      })
    }
  }

  test('is committed once, however many packets of a batch carry it', () => {
    const [client, server] = pair()
    exchange(client, server, 0)
    const old = client.send(2)
    client.keys.update(1)
    expect(server.receive([...old, ...client.send(3)], 1)).toEqual([true, true, true, true, true])
    expect(server.keys.writeGeneration).toBe(1)
    expect(client.receive(server.send(2), 2)).toEqual([true, true])
    expect(client.keys.writeGeneration).toBe(1)
  })

  test('by both ends at once is one update', () => {
    const [client, server] = pair()
    exchange(client, server, 0)
    exchange(server, client, 0)
    client.keys.update(1)
    server.keys.update(1)
    const fromServer = server.send(1)
    expect(server.receive(client.send(1), 2)).toEqual([true])
    expect(client.receive(fromServer, 2)).toEqual([true])
    expect([client.keys.writeGeneration, server.keys.writeGeneration]).toEqual([1, 1])
  })

  //= rfc9001#6.1-p5-2
  test('is refused until a packet of this generation was acknowledged', () => {
    const [client, server] = pair()
    expect(client.keys.canUpdate(0)).toBe(false)
    expect(() => client.keys.update(0)).toThrow('Key generation 0 must be confirmed before the keys are updated again')
    exchange(client, server, 0)
    expect(client.keys.canUpdate(0)).toBe(true)
    client.keys.update(0)
    expect(client.keys.canUpdate(10 * PTO)).toBe(false)
    // An acknowledgement of the generation before confirms nothing.
    client.keys.onAcked(0, 1)
    expect(client.keys.canUpdate(10 * PTO)).toBe(false)
  })

  //= rfc9001#6.5-p6-1
  test('waits three probe timeouts after the one before was confirmed', () => {
    const [client, server] = pair()
    exchange(client, server, 0)
    client.keys.update(0)
    exchange(client, server, 50)
    expect(client.keys.canUpdate(50 + 3 * PTO - 1)).toBe(false)
    expect(client.keys.canUpdate(50 + 3 * PTO)).toBe(true)
    expect(client.keys.nextTimeout()).toBe(50 + 3 * PTO)
  })

  //= rfc9001#5.3-p9-1
  //= rfc9001#6.6-p4-3
  //= rfc9001#6.6-p4-5
  test('is wanted long before the limit, and the limit holds', () => {
    const suite: CipherSuite = { ...TLS_AES_128_GCM_SHA256, confidentialityLimit: 20 }
    const [client, server] = pair(suite)
    exchange(client, server, 0)
    client.send(8)
    expect(client.keys.wantsUpdate).toBe(false)
    client.send(1)
    expect(client.keys.wantsUpdate).toBe(true)
    client.send(10)
    expect(codeOf(() => client.send(1))).toBe(AEAD_LIMIT_REACHED)
    client.keys.update(1)
    expect(client.keys.wantsUpdate).toBe(false)
    expect(client.keys.sealed).toBe(0)
    expect(client.send(1).length).toBe(1)
  })

  test('is wanted when the caller says, and never for ChaCha20 otherwise', () => {
    const eager = new End(1, 2, SUITE, VERSION_1, 3)
    eager.send(3)
    expect(eager.keys.wantsUpdate).toBe(true)
    const [client] = pair()
    for (let i = 0; i < 100; i++) client.send(20)
    expect(client.keys.wantsUpdate).toBe(false)
  })
})

describe('old read keys', () => {
  //= rfc9001#6.1-p8-1
  test('stay until the peer has followed our update, however long that takes', () => {
    const [client, server] = pair()
    exchange(client, server, 0)
    client.keys.update(0)
    expect(client.keys.nextTimeout()).toBe(NEVER)
    client.keys.onTimeout(1e9)
    // The server has not seen the update yet.
    expect(client.receive(server.send(2), 1e9)).toEqual([true, true])
  })

  //= rfc9001#6.1-p8-2
  test('open delayed packets after the update', () => {
    const [client, server] = pair()
    exchange(client, server, 0)
    const delayed = client.send(3)
    client.keys.update(1)
    expect(server.receive(client.send(2), 1)).toEqual([true, true])
    expect(server.receive(delayed, 2 * PTO)).toEqual([true, true, true])
    expect(server.keys.writeGeneration).toBe(1)
  })

  //= rfc9001#6.5-p7-1
  //= rfc9001#6.5-p7-2
  test('are dropped three probe timeouts after the first packet with new keys', () => {
    const [client, server] = pair()
    exchange(client, server, 0)
    const delayed = client.send(3)
    client.keys.update(1)
    server.receive(client.send(1), 10)
    expect(server.keys.nextTimeout()).toBe(10 + 3 * PTO)
    expect(server.receive(delayed.slice(0, 1), 9 + 3 * PTO)).toEqual([true])
    server.keys.onTimeout(10 + 3 * PTO)
    expect(server.keys.nextTimeout()).toBe(NEVER)
    expect(server.receive(delayed.slice(1), 11 + 3 * PTO)).toEqual([false, false])
  })

  test('are dropped in time even if the timer is late', () => {
    const [client, server] = pair()
    exchange(client, server, 0)
    const delayed = client.send(1)
    client.keys.update(1)
    server.receive(client.send(1), 10)
    expect(server.receive(delayed, 10 + 3 * PTO)).toEqual([false])
  })

  //= rfc9001#5.5-p1-1
  //= rfc9001#5.5-p1-2
  test('of a packet that a forger marked with the other phase are no way in', () => {
    const [client, server] = pair()
    exchange(client, server, 0)
    const [packet] = client.send(1)
    if (packet === undefined) throw new RangeError('Nothing was sent')
    const forged = packet.bytes.slice()
    forged[0] = (forged[0] ?? 0) ^ 4
    expect(server.receive([{ ...packet, bytes: forged }], 1)).toEqual([false])
    expect(server.keys.writeGeneration).toBe(0)
    expect(server.integrity.failed).toBe(1)
    expect(server.receive([packet], 1)).toEqual([true])
  })
})

describe('what a peer must not do', () => {
  test('update again before the last update was confirmed', () => {
    const [client, server] = pair()
    exchange(client, server, 0)
    client.keys.update(1)
    server.receive(client.send(1), 1)
    // The client claims a confirmation that it cannot have: the server has not sent anything since.
    client.keys.onAcked(1, 1)
    client.keys.update(1 + 3 * PTO)
    expect(codeOf(() => server.receive(client.send(1), 2))).toBe(KEY_UPDATE_ERROR)
  })

  //= rfc9001#6.4-p2-1
  //= rfc9001#6.4-p2-2
  test('use old keys on a packet numbered above one with new keys', () => {
    const [client, server] = pair()
    exchange(client, server, 0)
    // Number 1 with new keys, number 2 with old ones: a twin of the client that has not updated seals the second.
    const twin = new End(1, 2)
    twin.send(2)
    client.keys.update(1)
    const updated = client.send(1)
    const late = twin.send(1)
    expect(codeOf(() => server.receive([...updated, ...late], 1))).toBe(KEY_UPDATE_ERROR)
  })

  test('use old keys on a packet numbered above one with new keys, the other way round', () => {
    const [client, server] = pair()
    exchange(client, server, 0)
    const twin = new End(1, 2)
    twin.send(2)
    client.keys.update(1)
    const updated = client.send(1)
    expect(codeOf(() => server.receive([...twin.send(1), ...updated], 1))).toBe(KEY_UPDATE_ERROR)
  })

  test('use old keys on a packet between two with new keys, in a later batch', () => {
    const [client, server] = pair()
    exchange(client, server, 0)
    const twin = new End(1, 2)
    twin.send(2)
    client.keys.update(1)
    const updated = client.send(3)
    expect(server.receive(updated, 1)).toEqual([true, true, true])
    expect(codeOf(() => server.receive(twin.send(1), 2))).toBe(KEY_UPDATE_ERROR)
  })

  test('acknowledge an updated packet with old keys', () => {
    const [client, server] = pair()
    exchange(client, server, 0)
    client.keys.update(1)
    client.send(1)
    expect(codeOf(() => client.keys.onAcked(1, 2, 0))).toBe(KEY_UPDATE_ERROR)
  })

  //= rfc9001#6.6-p6-2
  test('forge without end', () => {
    const suite: CipherSuite = { ...SUITE, integrityLimit: 3 }
    const [client, server] = pair(suite)
    const packets = client
      .send(4)
      .map((packet) => ({ ...packet, bytes: packet.bytes.map((byte, i) => (i < 20 ? byte : byte ^ 1)) }))
    expect(server.receive(packets.slice(0, 3), 0)).toEqual([false, false, false])
    expect(codeOf(() => server.receive(packets.slice(3), 0))).toBe(AEAD_LIMIT_REACHED)
  })
})

describe('time tells nothing', () => {
  //= rfc9001#6.3-p1-1
  //= rfc9001#6.3-p4-1
  //= rfc9001#6.3-p5-1
  //= rfc9001#9.5-p1-1
  //= rfc9001#9.5-p3-1
  test('no keys are derived while packets are opened and processed, updates and forgeries among them', () => {
    const [client, server] = pair()
    exchange(client, server, 0)
    const { derived } = server
    client.keys.update(1)
    const [packet] = client.send(1)
    if (packet === undefined) throw new RangeError('Nothing was sent')
    const forged = packet.bytes.slice()
    forged[0] = (forged[0] ?? 0) ^ 4
    server.receive([{ ...packet, bytes: forged }], 1)
    server.receive([packet], 1)
    expect(server.keys.writeGeneration).toBe(1)
    expect(server.derived).toBe(derived)
    // Those of the generation after the next are derived by the timer.
    server.keys.onTimeout(1 + 3 * PTO)
    expect(server.derived).toBeGreaterThan(derived)
  })

  test('a peer that updates faster than the timer is followed all the same', () => {
    const [client, server] = pair()
    let now = 0
    client.keys.setPto(0)
    for (let generation = 0; generation < 5; generation++) {
      exchange(client, server, now)
      client.keys.update(now)
      now += 1
    }
    exchange(client, server, now)
    expect(server.keys.writeGeneration).toBe(5)
  })
})

/** A packet under way, and the newest generation that its sender has received so far, which it acknowledges. */
interface Flying {
  readonly packet: Sealed
  readonly to: End
  readonly from: End
  readonly arrival: number
  readonly acknowledged: number
}

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
  test(`every packet that comes within its time opens, whoever updates whenever it may (seed ${seed})`, () => {
    const random = seededRandom(seed)
    const [client, server] = pair()
    const newest = new Map([
      [client, -1],
      [server, -1],
    ])
    let flying: Flying[] = []
    let now = 0
    for (let step = 0; step < 400; step++) {
      now += randomInteger(random, 30)
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        from.keys.onTimeout(now)
        if (from.keys.canUpdate(now) && randomInteger(random, 3) === 0) from.keys.update(now)
        for (const packet of from.send(randomInteger(random, 3))) {
          const arrival = now + randomInteger(random, 2.5 * PTO)
          flying.push({ packet, from, to, arrival, acknowledged: newest.get(from) ?? -1 })
        }
        const due = flying.filter((each) => each.to === to && each.arrival <= now)
        flying = flying.filter((each) => !due.includes(each))
        const opened = to.receive(
          due.map(({ packet }) => packet),
          now,
        )
        expect(opened).toEqual(due.map(() => true))
        for (const { packet, acknowledged } of due) {
          newest.set(to, Math.max(newest.get(to) ?? -1, packet.generation))
          if (acknowledged >= 0) to.keys.onAcked(acknowledged, now, packet.generation)
        }
      }
    }
    expect(client.keys.writeGeneration).toBeGreaterThan(5)
    expect(Math.abs(client.keys.writeGeneration - server.keys.writeGeneration)).toBeLessThan(2)
  })
}

test('keys are there when they are installed, each direction by itself, and gone when discarded', () => {
  const engine = noblePackets.createEngine(1024)
  const keys = new KeyPhases({ engine, suite: SUITE, version: VERSION_1, integrity: new IntegrityCounter() })
  const batch = new PacketBatchBuffer(engine.arena, 1)
  expect([keys.hasRead, keys.hasWrite]).toEqual([false, false])
  expect(() => keys.open(batch, 0, 0, 0)).toThrow(RangeError)
  expect(() => keys.seal(batch, 0, 0)).toThrow(RangeError)
  keys.installWrite(new Uint8Array(32))
  expect([keys.hasRead, keys.hasWrite]).toEqual([false, true])
  keys.onAcked(0, 0)
  expect(keys.canUpdate(0)).toBe(false)
  keys.installRead(new Uint8Array(32))
  expect([keys.hasRead, keys.hasWrite]).toEqual([true, true])
  expect(keys.canUpdate(0)).toBe(true)
  keys.discard()
  keys.discard()
  expect([keys.hasRead, keys.hasWrite]).toEqual([false, false])
})
