import { describe, expect, test } from 'vitest'
import { NEVER } from '../base/time.ts'
import { PacketSpace } from '../wire/packet-type.ts'
import { APP, Scenario } from './recovery.fixtures.ts'

const { initial, handshake } = PacketSpace

/** A sender whose RTT is 100, its variation 50: a PTO of 300, plus the peer's 25 for application data. */
function measured(role: 'client' | 'server' = 'server'): Scenario {
  const sender = new Scenario({ role })
  sender.sample(0, 100)
  return sender
}

describe('the period', () => {
  test('is smoothed RTT, four times the variation, and the peer’s delay for application data', () => {
    const sender = measured()
    expect(sender.loss.nextTimeout()).toBe(NEVER)
    sender.send(1000)
    expect(sender.loss.nextTimeout()).toBe(1000 + 100 + 200 + 25)
    sender.loss.maxAckDelay = 60
    expect(sender.loss.nextTimeout()).toBe(1000 + 100 + 200 + 60)
  })

  test('leaves the delay out for Initial and Handshake', () => {
    for (const space of [initial, handshake]) {
      const sender = new Scenario({ role: 'client', confirmed: false })
      sender.send(1000, { space })
      expect(sender.loss.nextTimeout()).toBe(1000 + 999)
    }
  })

  //= rfc9002#6.2.1-p5-1
  test('is at least the granularity', () => {
    const sender = new Scenario()
    sender.loss.maxAckDelay = 0
    for (let i = 0; i < 100; i++) sender.sample(10, 0)
    sender.send(10)
    expect(sender.loss.nextTimeout()).toBe(11)
  })

  //= rfc9002#6.2.1-p8-1
  test('starts anew with every ack-eliciting packet sent, and ends with nothing in flight', () => {
    const sender = measured()
    sender.sendAt(1000, 1200)
    expect(sender.loss.nextTimeout()).toBe(1200 + 325)
    sender.send(1300, { ackEliciting: false })
    sender.send(1300, { padded: true })
    expect(sender.loss.nextTimeout()).toBe(1200 + 325)
    sender.ack(1310, [1, 3])
    expect(sender.loss.nextTimeout()).toBe(NEVER)
  })
})

describe('which spaces have one', () => {
  //= rfc9002#6.2.1-p6-1
  test('the earlier of Initial and Handshake', () => {
    const sender = new Scenario({ role: 'client', confirmed: false })
    sender.send(100, { space: initial })
    sender.send(50, { space: handshake })
    expect(sender.loss.nextTimeout()).toBe(50 + 999)
    sender.fire()
    expect(sender.loss.probes(handshake)).toBe(2)
    expect(sender.loss.probes(initial)).toBe(1)
  })

  //= rfc9002#6.2.1-p7-1
  test('application data has none until the handshake is confirmed', () => {
    const sender = new Scenario({ confirmed: false })
    sender.send(0)
    expect(sender.loss.nextTimeout()).toBe(NEVER)
    sender.loss.handshakeConfirmed = true
    expect(sender.loss.nextTimeout()).toBe(999 + 25)
  })

  test('the handshake has one while nothing of it is in flight, but 1-RTT packets that fill the window', () => {
    const sender = new Scenario({ confirmed: false })
    sender.loss.handshakeKeys = true
    sender.send(10)
    expect(sender.fire()).toBe(10 + 999)
    expect(sender.loss.probes(handshake)).toBe(1)
    sender.send(1009, { space: handshake })
    sender.loss.handshakeConfirmed = true
    sender.loss.discardSpace(handshake, 1010)
    expect(sender.loss.nextTimeout()).toBe(10 + 999 + 25)
  })

  //= rfc9002#6.2.1-p12-1
  test('none while a packet waits for the time threshold', () => {
    const sender = measured()
    sender.sendAt(1000, 1000)
    sender.send(1090, { space: handshake })
    sender.ack(1100, [2, 3])
    expect(sender.loss.nextTimeout()).toBe(1000 + 112.5)
    sender.loss.onTimeout(1112.5)
    expect(sender.loss.ptoCount).toBe(0)
    expect(sender.loss.nextTimeout()).toBeGreaterThan(1200)
  })

  test('probes of another path arm none, which have a timer of their own', () => {
    const sender = measured()
    sender.send(1000, { path: new Scenario().path, isPathProbe: true })
    expect(sender.loss.nextTimeout()).toBe(NEVER)
    sender.send(1010)
    expect(sender.loss.nextTimeout()).toBe(1010 + 325)
  })
})

describe('expiry', () => {
  //= rfc9002#6.2-p3-1
  //= rfc9002#6.2.4-p1-1
  test('owes probes, gives the oldest frames back, and loses no packet', () => {
    const sender = measured()
    sender.sendAt(1000, 1001, 1002)
    const inFlight = sender.path.bytesInFlight
    expect(sender.fire()).toBe(1002 + 325)
    expect(sender.loss.probes(APP)).toBe(2)
    expect(sender.ledger.lostIn(APP)).toEqual([1, 2])
    expect(sender.path.bytesInFlight).toBe(inFlight)
    expect(sender.loss.packetsLost).toBe(0)
    expect(sender.path.congestionWindow).toBeGreaterThanOrEqual(12000)
    expect(sender.loss.outstanding(APP)).toBe(3)
  })

  test('too early does nothing', () => {
    const sender = measured()
    sender.send(1000)
    sender.loss.onTimeout(1324)
    expect(sender.loss.ptoCount).toBe(0)
    expect(sender.loss.probes(APP)).toBe(0)
  })

  //= rfc9002#6.2.4-p1-2
  //= rfc9002#7.5-p1-2
  test('each ack-eliciting packet takes a probe off and counts as in flight', () => {
    const sender = measured()
    sender.send(1000)
    sender.fire()
    sender.send(1330, { ackEliciting: false })
    expect(sender.loss.probes(APP)).toBe(2)
    sender.send(1330)
    expect(sender.loss.probes(APP)).toBe(1)
    sender.send(1330)
    expect(sender.loss.probes(APP)).toBe(0)
    expect(sender.path.bytesInFlight).toBe(3 * 1200)
  })

  //= rfc9002#6.2.1-p9-1
  test('doubles the period each time, in all spaces, until something is acknowledged', () => {
    const sender = measured()
    sender.send(1000)
    sender.fire()
    expect(sender.loss.ptoCount).toBe(1)
    expect(sender.loss.nextTimeout()).toBe(1000 + 2 * 325)
    sender.send(1330)
    expect(sender.loss.nextTimeout()).toBe(1330 + 2 * 325)
    sender.fire()
    sender.send(2000)
    expect(sender.loss.nextTimeout()).toBe(2000 + 4 * 325)
    sender.send(2000, { space: handshake })
    expect(sender.loss.nextTimeout()).toBe(2000 + 4 * 300)
    sender.ack(2050, [2, 3])
    expect(sender.loss.ptoCount).toBe(0)
  })

  //= rfc9002#6.2.4-p5-1
  test('frames given back are not given back again, and not when their packet is lost after all', () => {
    const sender = measured()
    sender.sendAt(1000, 1000, 1000, 1000)
    sender.fire()
    expect(sender.ledger.lostIn(APP)).toEqual([1, 2])
    sender.fire()
    expect(sender.ledger.lostIn(APP)).toEqual([1, 2, 3, 4])
    sender.fire()
    expect(sender.ledger.lost).toHaveLength(4)
    expect(sender.loss.probes(APP)).toBe(2)
    const probe = sender.send(5000)
    sender.ack(5050, [probe, probe + 1])
    expect(sender.loss.packetsLost).toBe(4)
    expect(sender.ledger.lost).toHaveLength(4)
  })

  test('an acknowledgement of a packet whose frames were given back is told to their owners', () => {
    const sender = measured()
    sender.send(1000)
    sender.fire()
    sender.ack(1400, [1, 2])
    expect(sender.ledger.ackedIn(APP)).toEqual([0, 1])
  })

  test('a probe of the MTU is not given back, but does arm the timer', () => {
    const sender = measured()
    sender.send(1000, { isMtuProbe: true, size: 1452 })
    expect(sender.fire()).toBe(1325)
    expect(sender.loss.probes(APP)).toBe(2)
    expect(sender.ledger.lost).toEqual([])
  })

  //= rfc9002#6.2.4-p2-1
  test('other spaces with data in flight owe a packet as well', () => {
    const sender = new Scenario({ role: 'client', confirmed: false })
    sender.loss.handshakeKeys = true
    sender.send(0, { space: handshake })
    sender.send(1)
    sender.fire()
    expect(sender.loss.probes(initial)).toBe(0)
    expect(sender.loss.probes(handshake)).toBe(2)
    expect(sender.loss.probes(APP)).toBe(1)
    expect(sender.ledger.lostIn(handshake)).toEqual([0])
  })
})

describe('a client that the server may not have validated', () => {
  //= rfc9002#6.2.2.1-p3-1
  //= rfc9002#6.2.2.1-p3-2
  test('has a PTO with nothing in flight, in Initial and, once it has keys, in Handshake', () => {
    const sender = new Scenario({ role: 'client', confirmed: false })
    sender.send(0, { space: initial })
    sender.ackIn(initial, 100, 0, [0, 1])
    expect(sender.loss.nextTimeout()).toBe(100 + 300)
    sender.fire()
    expect(sender.loss.probes(initial)).toBe(1)
    sender.loss.handshakeKeys = true
    expect(sender.loss.nextTimeout()).toBe(400 + 600)
    sender.fire()
    expect(sender.loss.probes(handshake)).toBe(1)
  })

  test('has it even where 0-RTT data alone is in flight', () => {
    const sender = new Scenario({ role: 'client', confirmed: false })
    sender.send(0, { space: initial })
    sender.send(1)
    sender.ackIn(initial, 100, 0, [0, 1])
    expect(sender.loss.nextTimeout()).toBe(400)
    sender.fire()
    expect(sender.loss.probes(initial)).toBe(1)
  })

  test('keeps the back-off on Initial acknowledgements, and drops it on one for Handshake', () => {
    const sender = new Scenario({ role: 'client', confirmed: false })
    sender.send(0, { space: initial })
    sender.fire()
    sender.send(1000, { space: initial })
    sender.ackIn(initial, 1100, 0, [0, 2])
    expect(sender.loss.ptoCount).toBe(1)
    sender.loss.handshakeKeys = true
    sender.send(1110, { space: handshake })
    sender.ackIn(handshake, 1200, 0, [0, 1])
    expect(sender.loss.ptoCount).toBe(0)
    expect(sender.loss.peerValidatedAddress).toBe(true)
    expect(sender.loss.nextTimeout()).toBe(NEVER)
  })

  test('has none before it has sent anything, nor once it is validated', () => {
    const sender = new Scenario({ role: 'client', confirmed: false })
    expect(sender.loss.nextTimeout()).toBe(NEVER)
    sender.send(0, { space: initial })
    sender.ackIn(initial, 100, 0, [0, 1])
    sender.loss.peerValidatedAddress = true
    expect(sender.loss.nextTimeout()).toBe(NEVER)
  })
})

describe('a server at the amplification limit', () => {
  //= rfc9002#6.2.2.1-p1-1
  test('has no PTO, and one in the past as soon as it may send again', () => {
    const sender = new Scenario({ confirmed: false })
    sender.send(0, { space: initial })
    sender.loss.amplificationLimited = true
    expect(sender.loss.nextTimeout()).toBe(NEVER)
    sender.loss.onTimeout(5000)
    expect(sender.loss.ptoCount).toBe(0)
    sender.loss.amplificationLimited = false
    expect(sender.loss.nextTimeout()).toBe(999)
    sender.loss.onTimeout(5000)
    expect(sender.loss.probes(initial)).toBe(2)
  })

  test('still declares losses', () => {
    const sender = new Scenario({ confirmed: false })
    sender.send(0, { space: initial })
    sender.send(0, { space: initial })
    sender.loss.amplificationLimited = true
    sender.ackIn(initial, 80, 0, [1, 2])
    expect(sender.fire()).toBe(90)
    expect(sender.ledger.lostIn(initial)).toEqual([0])
  })
})

describe('when keys or packets are of no more use', () => {
  //= rfc9002#6.4-p1-1
  //= rfc9002#6.2.2-p3-1
  test('discarded keys take packets, timers, probes and back-off with them, and tell nobody', () => {
    const sender = new Scenario({ role: 'client', confirmed: false })
    sender.loss.handshakeKeys = true
    sender.send(0, { space: initial })
    sender.fire()
    sender.send(999, { space: initial })
    sender.send(1000, { space: handshake })
    sender.loss.discardSpace(initial, 1001)
    sender.loss.checkInvariants()
    expect(sender.loss.ptoCount).toBe(0)
    expect(sender.loss.probes(initial)).toBe(0)
    expect(sender.path.bytesInFlight).toBe(1200)
    expect(sender.loss.outstanding(initial)).toBe(0)
    expect(sender.ledger.lostIn(initial)).toEqual([0])
    expect(sender.loss.nextTimeout()).toBe(1000 + 999)
    expect(sender.ackIn(initial, 1010, 0, [0, 2])).toBe(false)
    expect(sender.ledger.acked).toEqual([])
    sender.loss.discardSpace(initial, 1020)
    expect(sender.loss.nextTimeout()).toBe(1000 + 999)
    expect(() => sender.loss.beginPacket(initial, sender.path)).toThrow('Packet number space 0 is discarded')
  })

  test('after a Retry each outstanding frame is lost to its owner, the window stays, numbers go on', () => {
    const sender = new Scenario({ role: 'client', confirmed: false })
    sender.send(0, { space: initial })
    sender.fire()
    sender.send(1000, { space: initial })
    sender.loss.resendSpace(initial, 1010)
    sender.loss.checkInvariants()
    expect(new Set(sender.ledger.lostIn(initial))).toEqual(new Set([0, 1]))
    expect(sender.path.bytesInFlight).toBe(0)
    expect(sender.path.congestionWindow).toBe(12000)
    expect(sender.path.totalLost).toBe(0)
    expect(sender.loss.ptoCount).toBe(0)
    expect(sender.send(1011, { space: initial })).toBe(2)
    sender.ackIn(initial, 1100, 0, [0, 3])
    expect(sender.ledger.ackedIn(initial)).toEqual([2])
  })
})
