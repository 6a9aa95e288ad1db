import { describe, expect, test } from 'vitest'
import { qlogTo } from '../qlog/qlog-to.ts'
import { Bulk } from './bulk.ts'
import { PacketNumberLedger } from './ledger.ts'
import { Pair, type PairOptions } from './pair.ts'
import { forSeeds } from './seeds.ts'

/** A link on which everything goes wrong now and then. */
const ROUGH = {
  delay: 15,
  jitter: 5,
  bandwidth: 20_000_000,
  queue: { bytes: 60_000 },
  loss: 0.02,
  burst: { enter: 0.005, leave: 0.3 },
  reorder: { probability: 0.01, delay: 4 },
  duplicate: 0.01,
  corrupt: 0.01,
}

/** A pair after a handshake, a transfer there, and a clean end. */
function transfer(options: PairOptions, bytes: number): { pair: Pair; duration: number } {
  const pair = new Pair(options)
  const { client, server } = pair.handshake()
  const sent = new Bulk(pair).send(client, server, bytes)
  expect(pair.run(() => sent.isComplete)).toBe(true)
  expect(sent.received).toBe(bytes)
  client.close({ code: 0n, reason: 'that was all' }, pair.now)
  pair.client.wake(client)
  pair.run()
  expect([client.state, server.state]).toEqual(['closed', 'closed'])
  return { pair, duration: sent.duration ?? Number.NaN }
}

describe('a pair', () => {
  test.each(['real', 'checksum'] as const)(
    'carries a transfer through a rough network with %s protection',
    (protection) => {
      const { pair } = transfer({ seed: 5, link: ROUGH, protection, checkInvariants: true }, 300_000)
      expect(pair.link.there.stats.dropped).toBeGreaterThan(3)
      expect(pair.link.there.stats.corrupted).toBeGreaterThan(0)
      expect(pair.client.of('closed')[0]?.reason).toMatchObject({ kind: 'application', side: 'local' })
    },
  )

  test.each(['real', 'checksum'] as const)(
    'writes the same qlog, byte for byte, from the same seed: %s',
    (protection) => {
      const logs = (seed: number): string => {
        const records: string[] = []
        const observer = qlogTo((trace) => (record) => void records.push(`${trace.role} ${record}`))
        transfer({ seed, link: ROUGH, protection, observer, trace: 10 }, 100_000)
        return records.join('')
      }
      const first = logs(3)
      expect(first.length).toBeGreaterThan(50_000)
      expect(logs(3) === first).toBe(true)
      expect(logs(4) === first).toBe(false)
    },
  )

  test('moves as fast as the bandwidth allows, and not faster', () => {
    const link = { delay: 10, bandwidth: 8_000_000, queue: { bytes: 40_000 } }
    const { duration } = transfer({ link, protection: 'checksum' }, 1_000_000)
    expect(duration).toBeGreaterThan(1000)
    expect(duration).toBeLessThan(1300)
  })

  test('goes on through a NAT rebinding, and the server follows', () => {
    const pair = new Pair({ protection: 'checksum', checkInvariants: true })
    const { client, server } = pair.handshake()
    const bulk = new Bulk(pair)
    const sent = bulk.send(client, server, 500_000)
    pair.network.at(pair.now + 30, () => void pair.client.port.rebind())
    expect(pair.run(() => sent.isComplete)).toBe(true)
    expect(pair.server.of('path-changed').at(-1)?.remoteAddress).toBe('192.0.2.1:1001')
    expect(server.paths.active.remoteAddress).toBe(pair.client.address)
  })

  test('survives the death of a path that lives again, and not that of one that does not', () => {
    const pair = new Pair({ protection: 'checksum', client: { maxIdleTimeout: 5000 } })
    const { client, server } = pair.handshake()
    const sent = new Bulk(pair).send(client, server, 3_000_000)
    pair.network.at(pair.now + 50, () => pair.link.down())
    pair.network.at(pair.now + 2050, () => pair.link.up())
    expect(pair.run(() => sent.isComplete)).toBe(true)
    pair.network.partition(['client'], ['server'])
    pair.run()
    expect(client.closeReason).toMatchObject({ kind: 'idle-timeout' })
    expect(server.closeReason).toMatchObject({ kind: 'idle-timeout' })
  })

  test('speaks over several ports of a node, each to its own connection', () => {
    const pair = new Pair({ protection: 'checksum' })
    const spare = pair.addPort('client')
    pair.network.connect(spare, pair.server.port, { delay: 50 })
    const first = pair.handshake().client
    const second = pair.handshake({ from: spare }).client
    expect([first.paths.active.carrier, second.paths.active.carrier]).toEqual([pair.client.port, spare])
    pair.client.closePort(spare, pair.now, undefined)
    pair.run(() => second.state === 'closed')
    expect([first.state, second.closeReason?.kind]).toEqual(['connected', 'carrier-closed'])
  })

  test('waits where a reliable carrier is full, and loses nothing', () => {
    const properties = { reliable: true, ordered: true, congestionControlled: true, addressValidated: true }
    const { pair, duration } = transfer(
      {
        link: { delay: 20, bandwidth: 8_000_000, queue: { bytes: 20_000 }, loss: 0.01 },
        clientPort: { properties },
        serverPort: { properties },
        protection: 'checksum',
      },
      500_000,
    )
    expect(pair.link.there.stats.drops).toEqual({})
    expect(duration).toBeGreaterThan(500)
  })

  test('keeps a timeline that names packets, frames, losses and what endpoints dropped', () => {
    const pair = new Pair({ trace: true, protection: 'checksum' })
    pair.network.drop({ from: 'client', type: 'handshake', nth: 1 })
    pair.network.tap(({ bytes, now }) => {
      if (now < 1000 || bytes.length !== 31) return true
      const copy = bytes.slice()
      copy[20] = (copy[20] ?? 0) ^ 1
      return copy
    })
    const { client, server } = pair.handshake()
    const sent = new Bulk(pair).send(client, server, 3000)
    pair.run(() => sent.isComplete && pair.now > 1500)
    const lines = pair.network.trace?.toString().split('\n') ?? []
    const shown = (pattern: RegExp): boolean => lines.some((line) => pattern.test(line))
    expect(lines[0]).toMatch(
      /^ {3}1000\.000 {2}client -> server {2}1200 bytes, arrives 1010\.000: initial 0 \[crypto 0\+\d+, padding \d+\]$/,
    )
    expect(shown(/server -> client .*: initial 0 \[ack 0, crypto 0\+\d+\] \+ handshake 0 \[crypto 0\+\d+\]/)).toBe(true)
    expect(shown(/client -x server .*, lost: scripted: .*handshake 0/)).toBe(true)
    expect(shown(/: 1RTT \d+ \[stream 2 0\+\d+\]/)).toBe(true)
    expect(shown(/stream 2 \d+\+\d+ fin/)).toBe(true)
    expect(shown(/(client|server) dropped a packet of type 1RTT: payload_decrypt_error, 31 bytes/)).toBe(true)
    expect(pair.network.trace?.toString(2).split('\n')).toHaveLength(2)
  })

  test('has timers that are late: on a grid, as those of a hidden page', () => {
    const pair = new Pair({ protection: 'checksum', link: { delay: 10 } })
    pair.client.timerGrid = 1000
    pair.network.drop({ from: 'client', nth: 1 })
    const { client } = pair.handshake()
    // Instead of 999 ms after the start, which is at 1,000.
    expect(pair.now).toBeGreaterThan(2000)
    expect(client.state).toBe('connected')
  })

  test('names the seed and the time of what goes wrong', () => {
    const pair = new Pair({ seed: 77, protection: 'checksum' })
    pair.onEvent = (_side, _connection, event) => {
      if (event.type === 'connected') throw new Error('broken application')
    }
    expect(() => pair.handshake()).toThrow(/^With ISOQUIC_SEED=77 at 1020\.000 ms: broken application$/)
    const lonely = new Pair({ seed: 78, protection: 'checksum' })
    lonely.link.down()
    expect(() => lonely.handshake()).toThrow(/^With ISOQUIC_SEED=78: No handshake, the client says .*handshake-timeout/)
  })

  test('refuses an engine beside the checksum', () => {
    expect(() => new Pair({ protection: 'checksum', crypto: {} as never })).toThrow(TypeError)
  })
})

describe('the ledger of packet numbers', () => {
  test('finds a number that is used twice in one space', () => {
    const ledger = new PacketNumberLedger()
    const observer = ledger.observe()({} as never, 'client')
    const send = (type: 0 | 1 | 2 | 4, packetNumber: number): void =>
      observer?.packetSent?.({ type, packetNumber } as never, [], 0, 0)
    send(0, 0)
    send(2, 0)
    send(1, 5)
    send(4, 6)
    ledger.checkInvariants()
    send(4, 5)
    expect(() => ledger.checkInvariants()).toThrow('The client used the number 5 of a packet of type 1RTT before')
  })
})

describe('seeds', () => {
  test('a failure names its seed once', () => {
    const run = (): void =>
      forSeeds(3, (seed) => {
        if (seed === 2) new Pair({ seed, protection: 'checksum', link: { loss: 1 } }).handshake()
      })
    expect(run).toThrow(/^With ISOQUIC_SEED=2: No handshake/)
  })
})
