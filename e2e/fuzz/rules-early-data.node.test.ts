/** Proves: 0-RTT packets that break a rule end the connection with the code of RFC 9000 and RFC 9001; what answers them wrongly does, too. */
import { describe, expect, test } from 'vitest'
import type { ConnectionOptions } from '../../src/connection/config.ts'
import { firstVisit, ticketTerms } from '../../src/endpoint/early-data.fixtures.ts'
import type { PairOptions } from '../../src/endpoint/test-pair.fixtures.ts'
import { PacketType } from '../../src/wire/packet-type.ts'
import { TransportErrorCode as E, transportErrorName } from '../../src/wire/transport-error.ts'
import { fuzzCrypto, MisbehavingPeer, v } from './misbehaving-peer.fixtures.ts'
import { stream } from './rules.fixtures.ts'

const SUITES = fuzzCrypto.suites.filter(({ name }) => name === 'TLS_AES_128_GCM_SHA256')

/** A forger in place of a client that came back, at a server that has answered its first flight. */
function earlyClient(options: PairOptions = {}): MisbehavingPeer {
  const tls = { clientTls: { suites: SUITES } }
  const session = firstVisit({ ...options, ...tls, crypto: fuzzCrypto })
  const peer = new MisbehavingPeer('client', { tickets: ticketTerms(), ...options })
  peer.session = session
  return peer.connect('handshake')
}

interface EarlyRule {
  readonly name: string
  readonly payload: readonly number[]
  readonly bits?: number
  readonly code: bigint
  readonly config?: ConnectionOptions
}

const ID = [0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]
const RULES: readonly EarlyRule[] = [
  { name: 'ACK', payload: [0x02, 0, 0, 0, 0], code: E.PROTOCOL_VIOLATION },
  { name: 'ACK with ECN counts', payload: [0x03, 0, 0, 0, 0, 0, 0, 0], code: E.PROTOCOL_VIOLATION },
  //= rfc9001#8.3-p2-2
  { name: 'CRYPTO', payload: [0x06, 0, 4, 5, 0, 0, 0], code: E.PROTOCOL_VIOLATION },
  { name: 'NEW_TOKEN', payload: [0x07, 1, 1], code: E.PROTOCOL_VIOLATION },
  { name: 'RETIRE_CONNECTION_ID', payload: [0x19, 0], code: E.PROTOCOL_VIOLATION },
  { name: 'PATH_RESPONSE', payload: [0x1b, 1, 2, 3, 4, 5, 6, 7, 8], code: E.PROTOCOL_VIOLATION },
  { name: 'HANDSHAKE_DONE', payload: [0x1e], code: E.PROTOCOL_VIOLATION },
  { name: 'a packet without frames', payload: [], code: E.PROTOCOL_VIOLATION },
  { name: 'reserved bits', payload: [0x01, 0, 0, 0], bits: 0x0c, code: E.PROTOCOL_VIOLATION },
  {
    //= rfc9000#17.2.3-p8-1
    name: 'more than the remembered credit of a stream',
    payload: stream(0, 600, 1),
    config: { initialMaxStreamDataBidiRemote: 600 },
    code: E.FLOW_CONTROL_ERROR,
  },
  {
    name: 'more than the remembered credit of the connection',
    payload: [...stream(0, 0, 400), ...stream(4, 0, 201)],
    config: { initialMaxData: 600 },
    code: E.FLOW_CONTROL_ERROR,
  },
  {
    name: 'more streams than were remembered',
    payload: stream(8, 0, 1),
    config: { maxIncomingBidirectionalStreams: 2 },
    code: E.STREAM_LIMIT_ERROR,
  },
  { name: 'an unknown frame', payload: [...v(0x3333)], code: E.FRAME_ENCODING_ERROR },
]

describe('a server that accepts early data closes for', () => {
  test.each(RULES)('$name', ({ payload, bits = 0, code, config = {} }) => {
    const peer = earlyClient({ server: config })
    // RFC 9001 §5.4.2: the shortest packet has four bytes behind its number.
    peer.send(payload, { type: PacketType.zeroRtt, number: 5, bits })
    expect(transportErrorName((peer.closeReason as { code?: bigint } | undefined)?.code ?? -1n)).toBe(
      transportErrorName(code),
    )
  })

  test('nothing that may be there', () => {
    const peer = earlyClient()
    const frames = [0x01, ...stream(0, 0, 3), 0x04, 4, 9, 0, 0x05, 0, 7, 0x10, 50, 0x14, 50, 0x18, 1, ...ID.slice(1)]
    peer.send([...frames, ...new Array<number>(16).fill(9), 0x1a, 1, 2, 3, 4, 5, 6, 7, 8], {
      type: PacketType.zeroRtt,
      number: 5,
    })
    expect(peer.closeReason).toBeUndefined()
    expect(peer.connection.streams.count).toBeGreaterThan(0)
  })
})

describe('a server', () => {
  test('drops 0-RTT packets when it has refused them', () => {
    const peer = earlyClient({ tickets: ticketTerms({ acceptEarlyData: () => false }) })
    peer.send(stream(0, 0, 10), { type: PacketType.zeroRtt, number: 5 })
    expect(peer.connection.streams.count).toBe(0)
    // Even what would be a violation.
    peer.send([0x06, 0, 4, 5, 0, 0, 0], { type: PacketType.zeroRtt, number: 6 })
    expect(peer.closeReason).toBeUndefined()
  })

  test('reads 0-RTT packets that come late, and after three probe timeouts no more', () => {
    const peer = new MisbehavingPeer('client', { tickets: ticketTerms() })
    peer.session = firstVisit({ crypto: fuzzCrypto, clientTls: { suites: SUITES } })
    peer.connect('connected')
    peer.send(stream(0, 0, 10), { type: PacketType.zeroRtt, number: 100 })
    expect(peer.connection.streams.count).toBe(1)
    peer.run(2_000)
    peer.send(stream(4, 0, 10), { type: PacketType.zeroRtt, number: 101 })
    expect(peer.connection.streams.count).toBe(1)
    expect(peer.closeReason).toBeUndefined()
  })
})

describe('a client', () => {
  const returning = (tickets = ticketTerms()): MisbehavingPeer => {
    const peer = new MisbehavingPeer('server', { tickets })
    peer.session = firstVisit({ crypto: fuzzCrypto, clientTls: { suites: SUITES } })
    peer.onConnect = (client) => client.streams.open('bidirectional')?.send?.write(new Uint8Array(500))
    return peer
  }

  //= rfc9001#4.6.2-p2-2
  test('closes for an acknowledgement of 0-RTT packets that were refused', () => {
    const peer = returning(ticketTerms({ acceptEarlyData: () => false })).connect('connected')
    peer.send([0x02, 0, 0, 0, 0])
    expect(peer.closeReason).toMatchObject({
      kind: 'transport',
      side: 'local',
      code: E.PROTOCOL_VIOLATION,
      frameType: 2n,
    })
  })

  test('takes an acknowledgement of those that were accepted', () => {
    const peer = returning().connect('connected')
    peer.send([0x02, 0, 0, 0, 0])
    expect(peer.closeReason).toBeUndefined()
  })

  //= rfc9001#5.6-p8-2
  test('drops 0-RTT packets from a server', () => {
    const peer = returning().connect('connected')
    const dropped = peer.connection.stats().packetsDropped
    peer.send([0x06, 0, 4, 5, 0, 0, 0], { type: PacketType.zeroRtt, number: 500 })
    expect(peer.closeReason).toBeUndefined()
    expect(peer.connection.stats().packetsDropped).toBe(dropped + 1)
  })
})
