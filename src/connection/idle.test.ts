import { describe, expect, test } from 'vitest'
import { NEVER } from '../base/time.ts'
import { FrameType } from '../wire/frame.ts'
import { PacketType } from '../wire/packet-type.ts'
import { Idle } from './idle.ts'
import { packetFrom } from './owners.fixtures.ts'

interface Options {
  maxIdleTimeout?: number
  keepAlive?: 'auto' | number | false
  pto?: () => number
  connected?: boolean
  peer?: number
}

function idleOf(options: Options = {}): Idle {
  const idle = new Idle({
    maxIdleTimeout: options.maxIdleTimeout ?? 30_000,
    handshakeTimeout: 10_000,
    keepAlive: options.keepAlive ?? false,
    now: 0,
    pto: options.pto ?? (() => 100),
  })
  if (options.peer !== undefined) idle.onPeerParameters(options.peer)
  if (options.connected ?? true) {
    idle.onHandshakeComplete()
    idle.onHandshakeConfirmed(0)
  }
  return idle
}

describe('Idle: timeout', () => {
  test('is the smaller of those that the two sides gave, or the only one, or none', () => {
    expect(idleOf({ maxIdleTimeout: 30_000, peer: 5000 }).timeout).toBe(5000)
    expect(idleOf({ maxIdleTimeout: 4000, peer: 5000 }).timeout).toBe(4000)
    expect(idleOf({ maxIdleTimeout: 0, peer: 5000 }).timeout).toBe(5000)
    expect(idleOf({ maxIdleTimeout: 4000, peer: 0 }).timeout).toBe(4000)
    const none = idleOf({ maxIdleTimeout: 0, peer: 0 })
    expect([none.timeout, none.nextTimeout()]).toEqual([0, NEVER])
    expect(none.onTimeout(1e12)).toBeUndefined()
  })

  test('ends silently, to the millisecond', () => {
    const idle = idleOf({ peer: 5000 })
    expect(idle.nextTimeout()).toBe(5000)
    expect(idle.onTimeout(4999)).toBeUndefined()
    expect(idle.onTimeout(5000)).toBe('idle')
  })

  //= rfc9000#10.1-p4-1
  test('lasts at least three PTOs, as they are now', () => {
    let pto = 100
    const idle = idleOf({ maxIdleTimeout: 200, pto: () => pto })
    expect(idle.nextTimeout()).toBe(300)
    pto = 1000
    expect(idle.onTimeout(2999)).toBeUndefined()
    expect(idle.nextTimeout()).toBe(3000)
  })

  test('begins anew with each packet received', () => {
    const idle = idleOf({ peer: 5000 })
    idle.onPacketReceived(3000)
    expect(idle.nextTimeout()).toBe(8000)
    idle.onPacketReceived(2000)
    expect(idle.nextTimeout()).toBe(8000)
  })

  test('begins anew with the first packet sent after that which asks for an answer, and with no other', () => {
    const idle = idleOf({ peer: 5000 })
    idle.onPacketReceived(1000)
    idle.onPacketSent(false, 2000)
    expect(idle.nextTimeout()).toBe(6000)
    idle.onPacketSent(true, 3000)
    expect(idle.nextTimeout()).toBe(8000)
    idle.onPacketSent(true, 4000)
    expect(idle.nextTimeout()).toBe(8000)
    idle.onPacketReceived(5000)
    idle.onPacketSent(true, 6000)
    expect(idle.nextTimeout()).toBe(11_000)
  })

  test('can be lowered on this side, which the peer then has to be told of', () => {
    const idle = idleOf({ peer: 5000 })
    idle.lowerTimeout(9000)
    expect(idle.onTimeout(5000)).toBe('idle')
    idle.lowerTimeout(2000)
    expect(idle.timeout).toBe(2000)
    expect(idle.onTimeout(2000)).toBe('idle-early')
    idle.lowerTimeout(0)
    expect(idle.timeout).toBe(5000)
  })
})

describe('Idle: handshake', () => {
  test('has its own timeout until it is complete', () => {
    const idle = idleOf({ connected: false })
    expect(idle.nextTimeout()).toBe(10_000)
    idle.onPacketReceived(9000)
    expect(idle.onTimeout(10_000)).toBe('handshake')
    idle.onHandshakeComplete()
    expect(idle.onTimeout(10_000)).toBeUndefined()
    expect(idle.nextTimeout()).toBe(39_000)
  })
})

describe('Idle: keep-alive', () => {
  test('is off unless asked for', () => {
    const idle = idleOf({ peer: 5000 })
    idle.onTimeout(4999)
    expect(idle.wantsToSend).toBe(false)
  })

  test('sends a PING a third of the timeout after the last sign of life', () => {
    const idle = idleOf({ peer: 6000, keepAlive: 'auto' })
    expect(idle.nextTimeout()).toBe(2000)
    idle.onPacketReceived(1000)
    idle.onTimeout(2000)
    expect(idle.wantsToSend).toBe(false)
    idle.onTimeout(3000)
    expect(idle.wantsToSend).toBe(true)
    expect(idle.nextTimeout()).toBe(7000)
    expect(packetFrom(idle, { type: PacketType.handshake }).frames).toEqual([])
    expect(packetFrom(idle, { size: 0 }).frames).toEqual([])
    expect(packetFrom(idle).frames).toEqual([{ type: FrameType.ping }])
    idle.onPacketSent(true, 3000)
    expect(idle.wantsToSend).toBe(false)
    expect(idle.nextTimeout()).toBe(5000)
  })

  test('does not keep a connection to a dead peer', () => {
    const idle = idleOf({ peer: 5000, keepAlive: 1000 })
    let now = 0
    let pings = 0
    for (; idle.onTimeout(now) !== 'idle'; now = idle.nextTimeout()) {
      if (packetFrom(idle).frames.length === 0) continue
      pings += 1
      idle.onPacketSent(true, now)
    }
    expect(now).toBe(6000)
    expect(pings).toBe(5)
  })

  test('waits for the handshake to be confirmed', () => {
    const idle = idleOf({ connected: false, keepAlive: 100 })
    expect(idle.nextTimeout()).toBe(10_000)
    idle.onHandshakeComplete()
    idle.onHandshakeConfirmed(500)
    expect(idle.nextTimeout()).toBe(600)
  })

  test('can be changed while the connection runs', () => {
    const idle = idleOf({ peer: 5000 })
    idle.setKeepAlive(100)
    idle.onTimeout(100)
    expect(idle.wantsToSend).toBe(true)
    idle.setKeepAlive(false)
    expect(idle.wantsToSend).toBe(false)
    expect(idle.nextTimeout()).toBe(5000)
  })

  test('has no rhythm where there is no idle timeout to divide', () => {
    expect(idleOf({ maxIdleTimeout: 0, peer: 0, keepAlive: 'auto' }).nextTimeout()).toBe(NEVER)
  })
})

describe('Idle: a host that slept', () => {
  test('asks the peer before it is given up, for three PTOs, once until it answers', () => {
    const idle = idleOf({ peer: 5000 })
    idle.onAwake(60_000)
    expect(idle.wantsToSend).toBe(true)
    expect(idle.onTimeout(60_299)).toBeUndefined()
    idle.onPacketSent(true, 60_001)
    idle.onAwake(60_290)
    expect(idle.onTimeout(60_300)).toBe('idle')
  })

  test('goes on when it answers, and may be asked again', () => {
    const idle = idleOf({ peer: 5000 })
    idle.onAwake(60_000)
    idle.onPacketReceived(60_200)
    expect(idle.nextTimeout()).toBe(65_200)
    idle.onAwake(90_000)
    expect(idle.onTimeout(90_299)).toBeUndefined()
  })

  test('changes nothing where the end is far off, before the handshake is confirmed, and without a timeout', () => {
    const idle = idleOf({ peer: 5000 })
    idle.onAwake(4000)
    expect([idle.wantsToSend, idle.nextTimeout()]).toEqual([false, 5000])
    const early = idleOf({ connected: false })
    early.onAwake(60_000)
    expect([early.wantsToSend, early.onTimeout(60_000)]).toEqual([false, 'handshake'])
    const none = idleOf({ maxIdleTimeout: 0 })
    none.onAwake(60_000)
    expect([none.wantsToSend, none.nextTimeout()]).toEqual([false, NEVER])
  })
})
