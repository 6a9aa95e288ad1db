import { describe, expect, test } from 'vitest'
import { Pair } from './test-pair.fixtures.ts'

/** A connection in the middle of its handshake, and the first bytes of what its server would hear from it. */
function handshaking(): { pair: Pair; shortHeader: (size: number) => Uint8Array } {
  const seen: Uint8Array[] = []
  const pair = new Pair({
    tap: (bytes, from) => {
      seen.push(bytes.slice())
      // The client's Finished never arrives, so the server stays short of completion.
      return !(from === 'client' && seen.filter((each) => ((each[0] ?? 0) & 0xf0) === 0xe0).length > 0)
    },
  })
  pair.connect()
  pair.run(() => pair.server.connections.length > 0, 1000)
  pair.run(() => false, 30)
  const long = seen.find((each) => (each[0] ?? 0) >= 0xc0 && each !== seen[0])
  const idLength = long?.[5] ?? 0
  const sourceStart = 6 + idLength + 1
  const id = long?.slice(sourceStart, sourceStart + (long[6 + idLength] ?? 0)) ?? new Uint8Array(8)
  return {
    pair,
    shortHeader: (size) => {
      const bytes = new Uint8Array(size).fill(0x5a)
      bytes[0] = 0x40
      bytes.set(id, 1)
      return bytes
    },
  }
}

describe('Packets that must not be looked at', () => {
  test('a flood of short-header packets before the handshake is complete is bounded and harmless', () => {
    const { pair, shortHeader } = handshaking()
    const server = pair.server.connections[0]
    for (let count = 0; count < 500; count++) {
      pair.server.endpoint.receiveDatagram(
        shortHeader(30 + (count % 20)),
        pair.client.address,
        pair.server.carrier,
        0,
        pair.now,
      )
    }
    pair.run(() => server?.isHandshakeConfirmed === true, 20_000)
    expect(server?.state === 'connected' || server?.state === 'connecting').toBe(true)
  })

  //= rfc9000#14.1-p4-1
  test('a server drops an Initial packet in a datagram below 1,200 bytes, also of a connection that it knows', () => {
    const small: Uint8Array[] = []
    const pair = new Pair({
      tap: (bytes, from) => {
        if (from === 'client' && small.length === 0) small.push(bytes.slice())
        return true
      },
    })
    const client = pair.connect()
    pair.run(() => pair.server.connections.length > 0, 1000)
    const server = pair.server.connections[0]
    const before = server?.stats().packetsReceived
    const [first] = small
    // Cut to its Initial packet, the padding of the datagram left off: the Length field still fits a shorter datagram.
    if (first !== undefined) {
      pair.server.endpoint.receiveDatagram(
        first.subarray(0, 1199),
        pair.client.address,
        pair.server.carrier,
        0,
        pair.now,
      )
    }
    pair.settle()
    expect(server?.stats().packetsReceived).toBe(before)
    pair.run(() => client.isHandshakeConfirmed, 5000)
    expect(client.state).toBe('connected')
  })

  //= rfc9000#17.3.1-p4.4-1
  test('a short header without the fixed bit is dropped, if we do not say that we take it', () => {
    const pair = new Pair({
      server: { greaseQuicBit: false },
      tap: (bytes, from) => {
        if (from !== 'client' || (bytes[0] ?? 0) >= 0x80) return true
        const copy = bytes.slice()
        copy[0] = (copy[0] ?? 0) & ~0x40
        return copy
      },
    })
    const client = pair.connect()
    pair.run(() => client.isHandshakeConfirmed, 3000)
    const server = pair.server.connections[0]
    const stream = client.streams.open('unidirectional')
    stream?.send?.write(new Uint8Array(10))
    pair.client.endpoint.wake(client)
    pair.run(() => false, 500)
    expect(server?.streams.count).toBe(0)
    expect(server?.stats().packetsDropped).toBeGreaterThan(0)
  })
})
