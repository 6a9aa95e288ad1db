/**
 * Proves: the corpora of other stacks' fuzzers throw nothing and break nothing: as datagrams to either side in every state,
 * from the peer and from a stranger, as they are and addressed to a connection; and as plaintext under valid protection.
 * What each decoder makes of them is tested in `src/wire` and `src/tls`.
 */
import { describe, expect, test } from 'vitest'
import { fromHex } from '../../src/base/bytes.ts'
import { Pair } from '../../src/endpoint/test-pair.fixtures.ts'
import { Traffic } from '../../src/endpoint/traffic.fixtures.ts'
import { LongHeader } from '../../src/wire/long-header.ts'
import { PacketType, type ProtectedPacketType } from '../../src/wire/packet-type.ts'
import { isLongHeader } from '../../src/wire/short-header.ts'
import { TransportErrorCode } from '../../src/wire/transport-error.ts'
import { hasVectors, readVectors } from '../support/vectors.ts'
import { fuzzCrypto, MisbehavingPeer, type Stage, v } from './misbehaving-peer.fixtures.ts'

const FILES = [
  'h3-varint',
  'neqo-address-token',
  'neqo-client-hello',
  'neqo-client-initial',
  'neqo-h3-frame',
  'neqo-h3-settings',
  'neqo-packet',
  'neqo-priority',
  'neqo-qpack',
  'neqo-quic-frame',
  'neqo-server-initial',
  'neqo-transport-parameters',
  'neqo-webtransport-capsule',
  'ngtcp2-decode-frame',
  'quiche-qpack-decode',
  'quiche-recv-client',
  'quiche-recv-server',
]

function inputsOf(name: string): Uint8Array[] {
  return readVectors<{ readonly inputs: readonly string[] }>(`seeds/${name}.json`).inputs.map(fromHex)
}

const all: Uint8Array[] = hasVectors ? FILES.flatMap(inputsOf) : []

type State = 'fresh' | 'handshaking' | 'connected' | 'closing'

/** Two endpoints in a state, and the ids that their datagrams are addressed to, by receiver. */
function pairIn(state: State) {
  const ids: Record<'client' | 'server', Uint8Array> = { client: new Uint8Array(8), server: new Uint8Array(8) }
  const pair = new Pair({
    crypto: fuzzCrypto,
    client: { handshakeTimeout: 600_000 },
    server: { handshakeTimeout: 600_000 },
    tap: (bytes, from) => {
      const header = new LongHeader()
      header.anyFixedBit = true
      if (!isLongHeader(bytes[0] ?? 0)) ids[from === 'client' ? 'server' : 'client'] = bytes.slice(1, 9)
      else if (header.parse(bytes, 0, bytes.length)) {
        ids[from === 'client' ? 'server' : 'client'] = header.destinationId().bytes
        ids[from] = header.sourceId().bytes
      }
      return true
    },
  })
  const traffic = new Traffic(pair)
  const client = pair.connect()
  if (state === 'fresh') pair.settle()
  if (state === 'handshaking') pair.run(() => pair.server.connections.length > 0)
  if (state === 'connected' || state === 'closing') pair.run(() => client.isHandshakeConfirmed)
  return { pair, client, ids, traffic }
}

/** The same datagram with the destination id of the receiver. */
function addressed(bytes: Uint8Array, id: Uint8Array): Uint8Array {
  if (!isLongHeader(bytes[0] ?? 0)) return Uint8Array.of(...bytes.subarray(0, 1), ...id, ...bytes.subarray(9))
  const rest = 6 + (bytes[5] ?? 0)
  return Uint8Array.of(...bytes.subarray(0, 1), 0, 0, 0, 1, id.length, ...id, ...bytes.subarray(rest))
}

describe.skipIf(!hasVectors)('All seeds as datagrams', () => {
  for (const state of ['fresh', 'handshaking', 'connected', 'closing'] as const) {
    for (const where of ['the peer', 'a stranger'] as const) {
      test(`to endpoints that are ${state}, from ${where}`, () => {
        const { pair, client, ids, traffic } = pairIn(state)
        if (state === 'closing') {
          for (const side of [pair.client, pair.server]) {
            for (const connection of side.connections) {
              connection.close({ code: 1n, reason: '' }, pair.now)
              side.endpoint.wake(connection)
            }
          }
        }
        const sent = pair.datagrams
        for (const bytes of all) {
          for (const to of ['client', 'server'] as const) {
            const from = where === 'the peer' ? pair[to === 'client' ? 'server' : 'client'].address : '203.0.113.3:3'
            const { endpoint, carrier } = pair[to]
            for (const datagram of [bytes, addressed(bytes, ids[to]), padded(bytes)]) {
              endpoint.receiveDatagram(datagram, from, carrier, 0, pair.now)
            }
          }
          pair.settle()
        }
        // An answer to noise is rare, and never more than what came.
        expect(pair.datagrams - sent).toBeLessThan(3 * all.length)
        if (state === 'closing') {
          pair.run(() => false, 60_000)
          expect([pair.client.endpoint.connectionCount, pair.server.endpoint.connectionCount]).toEqual([0, 0])
          return
        }
        pair.run(() => client.isHandshakeConfirmed || client.state === 'closed', 30_000)
        expect([client.closeReason, client.state]).toEqual([undefined, 'connected'])
        traffic.send(client, 'bidirectional', 5000, 50_000)
        pair.run(() => traffic.completed('client') === 1, 30_000)
        expect(traffic.received('client')).toBe(50_000)
        expect(pair.server.endpoint.connectionCount).toBe(1)
      })
    }
  }
})

function padded(bytes: Uint8Array): Uint8Array {
  const datagram = new Uint8Array(Math.max(1200, bytes.length))
  datagram.set(bytes)
  return datagram
}

const WHERE: readonly (readonly [Stage, ProtectedPacketType])[] = [
  ['initial', PacketType.initial],
  ['handshake', PacketType.handshake],
  ['connected', PacketType.oneRtt],
]
/** Bytes of a packet's plaintext. */
const MAX_PAYLOAD = 1300

/** Seeds as a packet's plaintext, as CRYPTO data, and as STREAM data. */
function payloadsOf(name: string): Uint8Array[] {
  return inputsOf(name).flatMap((input) => {
    const bytes = input.subarray(0, MAX_PAYLOAD)
    const crypto = Uint8Array.of(0x06, 0, ...v(bytes.length), ...bytes)
    const { length } = bytes
    const hello = Uint8Array.of(
      0x06,
      0,
      ...v(length + 4),
      1,
      length >>> 16,
      (length >>> 8) & 0xff,
      length & 0xff,
      ...bytes,
    )
    return [bytes, crypto, hello]
  })
}

describe.skipIf(!hasVectors)('Seeds of frames and handshakes under valid protection', () => {
  for (const role of ['client', 'server'] as const) {
    test(`from a ${role} end in protocol errors alone`, () => {
      const names = [
        'neqo-quic-frame',
        'ngtcp2-decode-frame',
        'neqo-client-initial',
        'neqo-server-initial',
        'neqo-client-hello',
      ]
      const payloads = [...names, 'neqo-transport-parameters'].flatMap(payloadsOf)
      const peer = new MisbehavingPeer(role)
      let connections = 0
      for (const [stage, type] of WHERE) {
        let isNew = true
        for (const payload of payloads) {
          if (isNew) {
            peer.connect(stage)
            connections += 1
          }
          peer.send(payload, { type })
          const { closeReason } = peer
          isNew = closeReason !== undefined
          if (closeReason?.kind === 'transport' && closeReason.side === 'local') {
            expect(closeReason.code, closeReason.reason).not.toBe(TransportErrorCode.INTERNAL_ERROR)
          }
        }
      }
      expect(connections).toBeGreaterThan(100)
    })

    if (role === 'server') continue
    test('as tokens of Initial packets open a connection, or nothing', () => {
      for (const token of inputsOf('neqo-address-token')) {
        const pair = new Pair({ crypto: fuzzCrypto, listen: { retry: 'always' } })
        const client = pair.connect({ token })
        pair.run(() => client.isHandshakeConfirmed || client.state === 'closed', 20_000)
        expect(client.state).toBe('connected')
      }
    })
  }
})
