/** What a peer with the keys may do, and what it gets for more: small datagrams that probe a path, and an error that comes late in a packet. */
import { describe, expect, test } from 'vitest'
import { FrameType } from '../../src/wire/frame.ts'
import { TransportErrorCode } from '../../src/wire/transport-error.ts'
import { MisbehavingPeer, v } from './misbehaving-peer.fixtures.ts'

const CHALLENGE = [0x1a, 1, 2, 3, 4, 5, 6, 7, 8]
const ELSEWHERE = '203.0.113.9:999'

/** Datagrams of the victim's from now on: where they go, and how large they are. */
function outgoing(peer: MisbehavingPeer): { readonly to: string; readonly size: number; readonly at: number }[] {
  const sent: { to: string; size: number; at: number }[] = []
  const { endpoint } = peer.victim
  const poll = endpoint.pollDatagram.bind(endpoint)
  endpoint.pollDatagram = (now) => {
    const flight = poll(now)
    if (flight !== undefined) sent.push({ to: flight.to, size: flight.bytes.length, at: now })
    return flight
  }
  return sent
}

describe.each(['client', 'server'] as const)('PATH_CHALLENGE of a %s', (role) => {
  //= rfc9000#8.2.1-p7-1
  //= rfc9000#8.2.2-p1-2
  //= rfc9000#8.2.2-p3-1
  test('in a small datagram is answered at once, in a large one', () => {
    const peer = new MisbehavingPeer(role).connect('connected')
    const sent = outgoing(peer)
    const begin = peer.pair.now
    peer.send(CHALLENGE)
    expect(sent.map(({ at }) => at)).toEqual([begin])
    expect(sent[0]?.size).toBeGreaterThanOrEqual(1200)
    const answers = peer.framesOfVictim().filter(({ type }) => type === FrameType.pathResponse)
    expect(answers).toEqual([{ type: FrameType.pathResponse, data: Uint8Array.from(CHALLENGE.slice(1)) }])
  })
})

//= rfc9000#8.2.2-p3-2
test('PATH_CHALLENGE from elsewhere, in a small datagram, draws at most three times its size', () => {
  const peer = new MisbehavingPeer('client').connect('connected')
  const sent = outgoing(peer)
  let received = 0
  for (let count = 0; count < 3; count++) {
    received += peer.build(CHALLENGE).length
    peer.send(CHALLENGE, { from: ELSEWHERE })
    peer.run(2000)
    const drawn = sent.filter(({ to }) => to === ELSEWHERE).reduce((sum, { size }) => sum + size, 0)
    expect(drawn).toBeGreaterThan(0)
    expect(drawn).toBeLessThanOrEqual(3 * received)
  }
})

describe.each(['client', 'server'] as const)('A packet of a %s that begins well and ends badly', (role) => {
  const stream = role === 'client' ? 0 : 1
  // STREAM with eight bytes, then a frame of no known type.
  const payload = [0x0a, ...v(stream), 8, 1, 2, 3, 4, 5, 6, 7, 8, 0x21]

  //= rfc9000#5.2-p6-1
  //= rfc9000#10.3-p2-1
  //= rfc9000#11-p3-1
  test('ends the connection by CONNECTION_CLOSE, never by a stateless reset, also when asked again', () => {
    const peer = new MisbehavingPeer(role).connect('connected')
    const sent = outgoing(peer)
    const before = peer.packets.length
    peer.send(payload)
    expect(peer.closeOnWire()).toEqual({ errorCode: TransportErrorCode.FRAME_ENCODING_ERROR, frameType: 0x21n })
    for (let count = 0; count < 20; count++) peer.send([0x01])
    // Every datagram is a packet that opens, and CONNECTION_CLOSE is all that it holds.
    const packets = peer.packets.slice(before).filter(({ from }) => from === peer.victimRole)
    expect(packets.length).toBe(sent.length)
    expect(sent.length).toBeGreaterThan(1)
    expect(packets.every((packet) => packet.payload[0] === FrameType.connectionCloseTransport)).toBe(true)
  })
})
