/** Peers that play tricks with paths and ids: nothing that they do amplifies, grows, moves what it should not, or crashes. */
import { describe, expect, test } from 'vitest'
import { ConnectionId } from '../../src/wire/connection-id.ts'
import { FrameType } from '../../src/wire/frame.ts'
import { TransportErrorCode as E } from '../../src/wire/transport-error.ts'
import { MisbehavingPeer, v } from './misbehaving-peer.fixtures.ts'
import { idBytes, newId } from './rules.fixtures.ts'

const PING = 0x01
const challenge = (seed: number): number[] => [0x1a, ...idBytes(seed)]
const response = (seed: number): number[] => [0x1b, ...idBytes(seed)]
const ELSEWHERE = '203.0.113.66:6666'

function against(
  victim: 'client' | 'server',
  options: ConstructorParameters<typeof MisbehavingPeer>[1] = {},
): MisbehavingPeer {
  const peer = new MisbehavingPeer(victim === 'client' ? 'server' : 'client', options)
  peer.connect('connected')
  peer.run(100)
  return peer
}

/** Bytes that the victim sends to each address from now on. */
function counted(victim: 'client' | 'server', options: ConstructorParameters<typeof MisbehavingPeer>[1] = {}) {
  const sent = new Map<string, number>()
  const peer = against(victim, options)
  const { endpoint } = peer.victim
  const poll = endpoint.pollDatagram.bind(endpoint)
  endpoint.pollDatagram = (now) => {
    const flight = poll(now)
    if (flight !== undefined) sent.set(flight.to, (sent.get(flight.to) ?? 0) + flight.bytes.length)
    return flight
  }
  return { peer, sent }
}

describe('A server', () => {
  //= rfc9000#8-p2-1
  //= rfc9000#9.3-p4-1
  test('sends no address more than three times what came from there, however many a client pretends to have', () => {
    const { peer, sent } = counted('server')
    const received = new Map<string, number>()
    for (let count = 0; count < 300; count++) {
      const from = `203.0.113.${count % 97}:${1000 + count}`
      const datagram = peer.build(count % 3 === 0 ? challenge(count) : [PING, 0, 0, ...challenge(count)])
      received.set(from, (received.get(from) ?? 0) + datagram.length)
      peer.pair.inject(datagram, 'server', from)
      peer.run(count % 7 === 0 ? 400 : 1)
    }
    peer.run(5000)
    for (const [address, bytes] of received) expect(sent.get(address) ?? 0).toBeLessThanOrEqual(3 * bytes)
    expect(peer.connection.paths.paths.length).toBeLessThanOrEqual(4)
    expect(peer.closeReason).toBeUndefined()
    peer.connection.checkInvariants()
  })

  //= rfc9000#8.2.2-p4-1
  test('answers a flood of challenges with a handful of responses, and keeps no more', () => {
    const { peer, sent } = counted('server')
    for (let count = 0; count < 20; count++) {
      const many = Array.from({ length: 60 }, (_, index) => challenge(count * 60 + index)).flat()
      peer.pair.inject(peer.build(many), 'server', count % 2 === 0 ? ELSEWHERE : peer.pair.client.address)
    }
    peer.run(0)
    const answers = peer.framesOfVictim().filter(({ type }) => type === FrameType.pathResponse)
    expect(answers.length).toBeLessThanOrEqual(8)
    expect(sent.size).toBeGreaterThan(0)
    expect(peer.closeReason).toBeUndefined()
  })

  //= rfc9000#9.3.2-p2-1
  test('goes back to where a client was that answers no challenge at its new address, whatever else it answers', () => {
    const peer = against('server')
    const home = peer.connection.paths.active.remoteAddress
    peer.send([PING], { from: ELSEWHERE })
    expect(peer.connection.paths.active.remoteAddress).toBe(ELSEWHERE)
    for (let count = 0; count < 200; count++) peer.send(response(count), { from: ELSEWHERE })
    expect(peer.connection.paths.active.isValidated).toBe(false)
    peer.run(10_000)
    expect(peer.connection.paths.active.remoteAddress).toBe(home)
    expect(peer.closeReason).toBeUndefined()
  })

  test('believes no response that was made for another path or came before', () => {
    const peer = against('server')
    peer.send([PING], { from: ELSEWHERE })
    const asked = peer.framesOfVictim().filter(({ type }) => type === FrameType.pathChallenge)
    const [one] = asked
    if (one?.type !== FrameType.pathChallenge) throw new Error('There is no challenge')
    expect(asked.length).toBeGreaterThanOrEqual(1)
    const flipped = Uint8Array.from(one.data)
    flipped[7] = (flipped[7] ?? 0) ^ 1
    peer.send([0x1b, ...flipped], { from: ELSEWHERE })
    expect(peer.connection.paths.active.isValidated).toBe(false)
    for (const each of asked) if (each.type === FrameType.pathChallenge) peer.send([0x1b, ...each.data])
    peer.run(50)
    expect(peer.connection.paths.paths.some((path) => path.remoteAddress === ELSEWHERE && path.isValidated)).toBe(true)
  })

  //= rfc9000#9-p3-2
  test('lets a client move that it asked not to, and neither closes nor resets', () => {
    const peer = against('server', { server: { disableActiveMigration: true } })
    peer.send([PING], { from: ELSEWHERE })
    expect(peer.connection.paths.active.remoteAddress).toBe(ELSEWHERE)
    expect(peer.closeReason).toBeUndefined()
  })

  test('drops what comes to an id that the client has retired', () => {
    const peer = against('server')
    const old = peer.victimId
    const issued = peer.framesOfVictim().filter(({ type }) => type === FrameType.newConnectionId)
    const [next] = issued
    if (next?.type !== FrameType.newConnectionId) throw new Error('There is no other id')
    const destination = ConnectionId.from(next.connectionId)
    peer.send([0x19, 0], { destination })
    const before = peer.connection.stats().packetsReceived
    peer.send([PING], { destination: old })
    expect(peer.connection.stats().packetsReceived).toBe(before)
    peer.send([PING], { destination })
    expect(peer.connection.stats().packetsReceived).toBe(before + 1)
    expect(peer.closeReason).toBeUndefined()
  })

  //= rfc9000#9.5-p4-1
  test('sends nothing to a client that moved on purpose and left it no id, until it does', () => {
    const { peer, sent } = counted('server', { client: { activeConnectionIdLimit: 2 } })
    const issued = peer.framesOfVictim().find(({ type }) => type === FrameType.newConnectionId)
    if (issued?.type !== FrameType.newConnectionId) throw new Error('There is no other id')
    const destination = ConnectionId.from(issued.connectionId)
    // All ids of the client's but the one in use are taken back.
    peer.send([PING, ...newId(9, 9, idBytes(9))])
    peer.run(200)
    sent.clear()
    peer.send([PING], { destination, from: ELSEWHERE })
    peer.run(500)
    expect(sent.get(ELSEWHERE) ?? 0).toBe(0)
    peer.send([PING, ...newId(10, 9, idBytes(10))], { destination, from: ELSEWHERE })
    peer.run(50)
    expect(sent.get(ELSEWHERE) ?? 0).toBeGreaterThan(0)
    expect(peer.closeReason).toBeUndefined()
  })
})

describe('A server with a preferred address', () => {
  const PREFERRED = '192.0.2.20:1'

  //= rfc9000#9.6.2-p2-1
  //= rfc9000#9.6.2-p3-1
  test('sends nothing but probes from there to a client that comes without having asked', () => {
    const sent: { via: string; frames: number[] }[] = []
    const peer = against('server', {
      preferredAddress: { ipv4: PREFERRED },
      client: { preferredAddressPolicy: 'ignore' },
      observer: (_id, role) =>
        role === 'client'
          ? undefined
          : {
              packetSent: ({ path }, frames) =>
                void sent.push({ via: path.carrier.localAddress, frames: frames.map(({ type }) => type) }),
            },
    })
    const { connection, pair } = peer
    const preferred = pair.addPort('server', { address: PREFERRED })
    connection.streams.open('unidirectional')?.send?.write(new Uint8Array(5000))
    pair.inject(peer.build([PING]), 'server', pair.client.address, preferred)
    pair.server.endpoint.wake(connection)
    peer.run(50)
    expect(connection.paths.active.carrier).toBe(pair.server.port)
    const there = sent.filter(({ via }) => via === PREFERRED)
    expect(there.map(({ frames }) => frames)).toEqual([[FrameType.pathChallenge]])
    // The first challenge was too small to prove the MTU as well.
    for (let round = 0; round < 2; round++) {
      expect(connection.paths.active.carrier).toBe(pair.server.port)
      const asked = peer.framesOfVictim().findLast(({ type }) => type === FrameType.pathChallenge)
      if (asked?.type !== FrameType.pathChallenge) throw new Error('There is no challenge')
      pair.inject(peer.build([0x1b, ...asked.data]), 'server', pair.client.address, preferred)
      peer.run(50)
    }
    expect(connection.paths.active.carrier.localAddress).toBe(PREFERRED)
    expect(peer.closeReason).toBeUndefined()
  })

  test('stays where the client speaks, if that is not where it came last', () => {
    const peer = against('server', {
      preferredAddress: { ipv4: PREFERRED },
      client: { preferredAddressPolicy: 'ignore' },
    })
    const { connection, pair } = peer
    const preferred = pair.addPort('server', { address: PREFERRED })
    pair.inject(peer.build([PING]), 'server', pair.client.address, preferred)
    peer.run(10)
    peer.send([PING])
    for (let round = 0; round < 2; round++) {
      const asked = peer.framesOfVictim().findLast(({ type }) => type === FrameType.pathChallenge)
      if (asked?.type !== FrameType.pathChallenge) throw new Error('There is no challenge')
      pair.inject(peer.build([0x1b, ...asked.data]), 'server', pair.client.address, preferred)
      peer.run(50)
    }
    expect(connection.paths.paths.find(({ carrier }) => carrier !== pair.server.port)?.isValidated).toBe(true)
    expect(connection.paths.active.carrier).toBe(pair.server.port)
  })
})

describe('A client', () => {
  //= rfc9000#9-p6-1
  test('hears nothing from an address that it does not talk to, and sends nothing there', () => {
    const { peer, sent } = counted('client')
    const { packetsReceived } = peer.connection.stats()
    for (let count = 0; count < 50; count++) peer.send([PING, ...challenge(count)], { from: ELSEWHERE })
    peer.run(1000)
    expect(peer.connection.stats().packetsReceived).toBe(packetsReceived)
    expect(sent.has(ELSEWHERE)).toBe(false)
  })

  test('ends with a server whose preferred id has another content in NEW_CONNECTION_ID', () => {
    const peer = against('client', {
      preferredAddress: { ipv4: '192.0.2.20:1' },
      client: { preferredAddressPolicy: 'ignore' },
    })
    peer.send(newId(1, 0, idBytes(77)))
    expect(peer.closeReason).toMatchObject({ kind: 'transport', code: E.PROTOCOL_VIOLATION })
  })

  //= rfc9000#5.1.1-p5-1
  test('counts the preferred id among those that it takes', () => {
    const peer = against('client', {
      preferredAddress: { ipv4: '192.0.2.20:1' },
      client: { preferredAddressPolicy: 'ignore', activeConnectionIdLimit: 4 },
    })
    // 0 and 1 came with the handshake, 2 and 3 after it.
    peer.send(newId(4, 0, idBytes(4)))
    expect(peer.closeReason).toMatchObject({ kind: 'transport', code: E.CONNECTION_ID_LIMIT_ERROR })
  })

  test('whose server takes back the ids of a path that it is trying goes on with another, or stays', () => {
    const peer = against('client', { server: { activeConnectionIdLimit: 8 } })
    const { connection, pair } = peer
    const id = connection.openPath(
      { carrier: pair.addPort('client', { address: ELSEWHERE }), purpose: 'move' },
      pair.now,
    )
    pair.client.endpoint.wake(connection)
    peer.run(10)
    peer.send(newId(40, 40, idBytes(40)), { from: pair.server.address })
    peer.run(20_000)
    expect(pair.client.of('path-failed')).toMatchObject([{ path: id, failure: 'timeout' }])
    expect(connection.paths.paths.length).toBe(1)
    expect(peer.closeReason).toBeUndefined()
  })

  test('moves for no response that it did not ask for', () => {
    const peer = against('client')
    const { connection, pair } = peer
    connection.openPath(
      { carrier: pair.addPort('client', { address: ELSEWHERE }), purpose: 'move', timeout: 2000 },
      pair.now,
    )
    pair.client.endpoint.wake(connection)
    for (let count = 0; count < 300; count++) peer.send([...response(count), PING, ...v(0)])
    expect(connection.paths.active.carrier).toBe(pair.client.port)
  })
})
