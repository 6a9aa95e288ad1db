import { describe, expect, test } from 'vitest'
import { bbr } from '../recovery/congestion/bbr/bbr.ts'
import type { CongestionController, ControllerFactory } from '../recovery/congestion/controller.ts'
import { gentle } from '../recovery/congestion/gentle.fixtures.ts'
import { TransportErrorCode } from '../wire/transport-error.ts'
import { Bulk } from './bulk.ts'
import { Pair, type PairOptions } from './pair.ts'

const LINK = { delay: 20, bandwidth: 20_000_000, queue: { bytes: 100_000 }, loss: 0.01 }

function pairWith(factory: ControllerFactory, options: PairOptions = {}): Pair {
  return new Pair({ link: LINK, protection: 'checksum', client: { congestionControl: factory }, ...options })
}

/** Controllers of a user's, of which `spoil` may exchange members. */
function spoilt(spoil: (controller: CongestionController, made: number) => void): ControllerFactory {
  let made = 0
  return (options) => {
    const controller = gentle(options)
    spoil(controller, made++)
    return controller
  }
}

test("a user's controller carries a transfer over a path with losses, from start to end", () => {
  const pair = pairWith(gentle, { checkInvariants: true })
  const { client, server } = pair.handshake()
  const transfer = new Bulk(pair).send(client, server, 1_000_000)
  expect(pair.run(() => transfer.isComplete, 60_000)).toBe(true)
  expect(client.stats().packetsLost).toBeGreaterThan(0)
})

describe('a controller that fails closes the connection with INTERNAL_ERROR', () => {
  const fail = (): never => {
    throw new Error('A mistake of the user')
  }
  test.each<[string, ControllerFactory]>([
    ['as a packet is sent', spoilt((controller) => (controller.onPacketSent = after(30, fail)))],
    ['as one is acknowledged', spoilt((controller) => (controller.onPacketsAcked = after(10, fail)))],
    ['as one is lost', spoilt((controller) => (controller.onPacketLost = fail))],
    [
      'in its numbers',
      spoilt((controller) => (controller.onPacketLost = () => Object.assign(controller, { congestionWindow: NaN }))),
    ],
    ['at the very first packet', spoilt((controller) => (controller.onPacketSent = fail))],
  ])('%s', (_, factory) => {
    const pair = pairWith(factory, { link: { ...LINK, loss: 0.02 } })
    const client = pair.connect()
    const bulk = new Bulk(pair)
    pair.run(() => client.isHandshakeConfirmed || client.state !== 'connecting', 5000)
    const server = pair.server.connections[0]
    if (client.state === 'connected' && server !== undefined) bulk.send(client, server)
    pair.run(() => client.state === 'closed', 60_000)
    expect(client.closeReason).toMatchObject({
      kind: 'transport',
      side: 'local',
      code: TransportErrorCode.INTERNAL_ERROR,
    })
    expect(String(Reflect.get(client.closeReason ?? {}, 'cause'))).toContain('The congestion controller failed')
    // The peer hears of it, but not what it was.
    if (server !== undefined) {
      expect(server.closeReason).toMatchObject({ side: 'remote', code: TransportErrorCode.INTERNAL_ERROR })
      expect(JSON.stringify(Reflect.get(server.closeReason ?? {}, 'reason'))).not.toContain('mistake')
    }
  })

  test('at a server, which serves others as before', () => {
    const factory = spoilt((controller, made) => {
      if (made === 0) controller.onPacketsAcked = after(3, fail)
    })
    const pair = new Pair({
      link: { ...LINK, loss: 0 },
      protection: 'checksum',
      server: { congestionControl: factory },
    })
    const first = pair.connect()
    pair.run(() => first.state === 'closed', 60_000)
    expect(first.closeReason).toMatchObject({ side: 'remote', code: TransportErrorCode.INTERNAL_ERROR })
    const { client, server } = pair.handshake()
    const transfer = new Bulk(pair).send(server, client, 100_000)
    expect(pair.run(() => transfer.isComplete, 60_000)).toBe(true)
  })

  test('a factory that fails fails the attempt alone', () => {
    const pair = pairWith(() => ({}) as CongestionController)
    let caught: unknown
    try {
      const client = pair.connect()
      pair.run(() => client.state === 'closed', 20_000)
      caught = Reflect.get(client.closeReason ?? {}, 'cause')
    } catch (error) {
      caught = error
    }
    expect(String(caught)).toContain('must have the method onPacketSent')
  })
})

describe('a switch on a live connection', () => {
  test.each<[string, 'newreno' | 'cubic' | ControllerFactory, 'newreno' | 'cubic' | ControllerFactory]>([
    ['CUBIC to BBR', 'cubic', bbr],
    ['BBR to NewReno', bbr, 'newreno'],
    ["NewReno to a user's", 'newreno', gentle],
    ["a user's to CUBIC", gentle, 'cubic'],
  ])('%s: what is in flight and the RTT stay, the window is no larger, the transfer goes on', (_, from, to) => {
    const pair = new Pair({
      link: { ...LINK, loss: 0 },
      protection: 'checksum',
      client: { congestionControl: from },
      checkInvariants: true,
    })
    const { client, server } = pair.handshake()
    const transfer = new Bulk(pair).send(client, server, 3_000_000)
    pair.run(() => transfer.received > 1_000_000)
    const { recovery } = client.paths.active
    const before = { flight: recovery.bytesInFlight, rtt: recovery.rtt, window: recovery.congestionWindow }
    client.configure({ congestionControl: to }, pair.now)
    expect(recovery.bytesInFlight).toBe(before.flight)
    expect(recovery.rtt).toBe(before.rtt)
    expect(recovery.congestionWindow).toBeLessThanOrEqual(before.window)
    expect(recovery.congestionWindow).toBeGreaterThan(before.window / 2)
    const at = pair.now
    expect(pair.run(() => transfer.isComplete, 20_000)).toBe(true)
    // Two more megabytes at 20 Mbit/s take 0.8 s.
    expect(pair.now - at).toBeLessThan(1600)
  })

  test('to a controller that is none is refused, and nothing has changed', () => {
    const pair = pairWith(gentle)
    const { client } = pair.handshake()
    const { controller } = client.paths.active.recovery
    expect(() => client.configure({ congestionControl: () => ({}) as CongestionController }, pair.now)).toThrow(
      TypeError,
    )
    expect(client.paths.active.recovery.controller).toBe(controller)
  })
})

/** Does nothing for the first calls. */
function after(calls: number, then: () => never): () => void {
  let left = calls
  return () => {
    left -= 1
    if (left < 0) then()
  }
}
