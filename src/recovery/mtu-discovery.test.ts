import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NEVER } from '../base/time.ts'
import { MtuDiscovery } from './mtu-discovery.ts'
import { APP, Scenario } from './recovery.fixtures.ts'

/** The window is large enough for any probe, unless it is given. */
function discovery(
  max?: number,
  initialWindow = 1_000_000,
): { sender: Scenario; mtu: MtuDiscovery; changes: number[] } {
  const sender = new Scenario({ path: { initialWindow } })
  const changes: number[] = []
  const mtu = new MtuDiscovery({
    path: sender.path,
    onChange: (size) => void changes.push(size),
    ...(max === undefined ? {} : { max }),
  })
  return { sender, mtu, changes }
}

/** Searches on a link that carries `link` bytes, but for the probes (counted from 0) that `lost` names; returns the probes. */
function search(mtu: MtuDiscovery, link: number, now = 0, lost: readonly number[] = []): number[] {
  const probes: number[] = []
  for (let size = mtu.probeSize(now); size !== undefined; size = mtu.probeSize(now)) {
    mtu.onProbeSent(size)
    probes.push(size)
    if (size <= link && !lost.includes(probes.length - 1)) mtu.onProbeAcked(size, now)
    else mtu.onProbeLost(size, now)
    if (probes.length > 200) throw new Error('The search does not end')
  }
  return probes
}

describe('the search', () => {
  //= rfc9000#14.3-p2-1
  //= rfc9000#14.2-p2-2
  test('begins at 1200 and not before it is started', () => {
    const { mtu, sender } = discovery()
    expect(mtu.current).toBe(1200)
    expect(sender.path.maxDatagramSize).toBe(1200)
    expect(mtu.probeSize(0)).toBeUndefined()
    mtu.start()
    expect(mtu.probeSize(0)).toBe(1452)
    expect(mtu.isSearching).toBe(true)
  })

  test('one probe suffices on a common link', () => {
    const { mtu, sender, changes } = discovery()
    mtu.start()
    expect(search(mtu, 1452)).toEqual([1452])
    expect(mtu.current).toBe(1452)
    expect(changes).toEqual([1452])
    expect(sender.path.maxDatagramSize).toBe(1452)
    expect(mtu.isSearching).toBe(false)
    expect(mtu.nextTimeout()).toBe(NEVER)
  })

  test('one probe at a time', () => {
    const { mtu } = discovery()
    mtu.start()
    mtu.onProbeSent(1452)
    expect(mtu.probeSize(10)).toBeUndefined()
    mtu.onProbeLost(1452, 20)
    expect(mtu.probeSize(20)).toBe(1326)
  })

  test('a loss turns it to less; where it ends, the size above counts as too large after three', () => {
    const { mtu } = discovery()
    mtu.start()
    expect(search(mtu, 1399)).toEqual([1452, 1326, 1389, 1420, 1404, 1404, 1404])
    expect(mtu.current).toBe(1389)
  })

  test('whichever probes chance takes, the size is found', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1452, max: 65_527 }), fc.array(fc.nat(30), { maxLength: 2 }), (max, lost) => {
        const { mtu } = discovery(max)
        mtu.start()
        search(mtu, 65_527, 0, lost)
        expect(mtu.current).toBe(max)
      }),
    )
  })

  test('of large sizes the common ones come first, and a gain of a sixty-fourth is not worth a probe', () => {
    const found = (link: number): [number, number[]] => {
      const { mtu } = discovery(65_527)
      mtu.start()
      const probes = search(mtu, link)
      return [mtu.current, probes]
    }
    expect(found(65_527)).toEqual([65_527, [65_527]])
    expect(found(65_507)).toEqual([65_507, [65_527, 65_507, 65_527, 65_527]])
    expect(found(8972)[0]).toBe(8972)
    expect(found(8972)[1].slice(0, 3)).toEqual([65_527, 65_507, 8972])
    expect(found(8972)[1].length).toBeLessThan(16)
    expect(found(1472)[1].slice(0, 5)).toEqual([65_527, 65_507, 8972, 8952, 1472])
    expect(found(1452)[0]).toBe(1452)
  })

  test('a probe leaves room in the window for two datagrams; what does not fit is approached by steps to twice as much at least', () => {
    const { mtu, sender } = discovery(65_527, 12_000)
    mtu.start()
    expect(search(mtu, 65_527)).toEqual([8972])
    expect(sender.path.congestionWindow).toBe(2 * 8972)
    expect(mtu.isSearching).toBe(true)
    for (const { at, window, probe } of [
      { at: 100, window: 35_000, probe: undefined },
      { at: 200, window: 36_000, probe: 36_000 - 2 * 8972 },
      { at: 300, window: 200_000, probe: 65_527 },
    ]) {
      const missing = window - sender.path.congestionWindow
      const sent = sender.send(at, { size: missing })
      sender.ack(at + 50, [sent, sent + 1])
      expect(sender.path.congestionWindow).toBe(window)
      expect(mtu.probeSize(at + 50)).toBe(probe)
    }
  })

  test('the smallest of windows has room for a probe of common size', () => {
    for (const [window, max, probe] of [
      [2400, 1452, 1452],
      [2400, 65_527, 1472],
    ] as const) {
      const { mtu } = discovery(max, window)
      mtu.start()
      expect(mtu.probeSize(0)).toBe(probe)
      expect(mtu.isSearching).toBe(true)
    }
  })

  //= rfc9000#14.2-p2-1
  test('finds every link to within 16 bytes or a sixty-fourth, in 17 probes, and never more than it carries', () => {
    const size = fc.oneof(fc.integer({ min: 1200, max: 9000 }), fc.integer({ min: 1200, max: 65_527 }))
    fc.assert(
      fc.property(size, size, (link, max) => {
        const { mtu } = discovery(max)
        mtu.start()
        const probes = search(mtu, link)
        const best = Math.min(link, max)
        expect(mtu.current).toBeLessThanOrEqual(best)
        expect(mtu.current).toBeGreaterThanOrEqual(best - Math.max(16, best / 64))
        expect(probes.length).toBeLessThanOrEqual(17)
      }),
    )
  })

  test('is taken up again after 600 seconds', () => {
    const { mtu } = discovery()
    mtu.start()
    search(mtu, 1300, 1000)
    expect(mtu.nextTimeout()).toBe(601_000)
    mtu.onTimeout(600_999)
    expect(mtu.probeSize(600_999)).toBeUndefined()
    mtu.onTimeout(601_000)
    expect(mtu.nextTimeout()).toBe(NEVER)
    search(mtu, 1452, 601_000)
    expect(mtu.current).toBe(1452)
  })

  test('a probe that arrives after it was given up raises the size all the same', () => {
    const { mtu } = discovery()
    mtu.start()
    search(mtu, 1300)
    mtu.onProbeAcked(1452, 10)
    expect(mtu.current).toBe(1452)
  })

  test('a limit of the peer lowers what is tried and what is used, never below 1200', () => {
    const { mtu, sender } = discovery(9000)
    mtu.start()
    mtu.setLimit(1500)
    expect(mtu.probeSize(0)).toBe(1500)
    search(mtu, 9000)
    mtu.setLimit(1350)
    expect(mtu.current).toBe(1350)
    expect(sender.path.maxDatagramSize).toBe(1350)
    mtu.setLimit(100)
    expect(mtu.current).toBe(1200)
    mtu.setLimit(65527)
    expect(mtu.max).toBe(1200)
  })

  test('a maximum that QUIC does not allow is refused', () => {
    for (const max of [1199, 65528, 1300.5, NaN]) expect(() => discovery(max)).toThrow(RangeError)
  })
})

describe('with the loss detector', () => {
  //= rfc9000#14.4-p2-1
  test('a lost probe reduces no window and starts no recovery', () => {
    const { mtu, sender } = discovery()
    mtu.start()
    sender.send(0, { isMtuProbe: true, size: 1452 })
    mtu.onProbeSent(1452)
    sender.sendAt(1, 1, 1)
    const window = sender.path.congestionWindow
    sender.ack(50, [1, 4])
    expect(sender.loss.packetsLost).toBe(0)
    expect(sender.path.congestionWindow).toBeGreaterThanOrEqual(window)
    expect(sender.path.isInRecovery).toBe(false)
    expect(sender.path.bytesInFlight).toBe(0)
    expect(sender.ledger.lostIn(APP)).toEqual([0])
    expect(mtu.probeSize(50)).toBe(1326)
  })

  test('an acknowledged probe raises the size of the path and of its controller', () => {
    const { mtu, sender } = discovery()
    mtu.start()
    sender.send(0, { isMtuProbe: true, size: 1452 })
    mtu.onProbeSent(1452)
    sender.ack(50, [0, 1])
    expect(mtu.current).toBe(1452)
    expect(sender.path.maxDatagramSize).toBe(1452)
    expect(sender.path.congestionWindow).toBeGreaterThanOrEqual(14520)
  })
})

describe('black holes', () => {
  function found(): ReturnType<typeof discovery> {
    const all = discovery()
    all.mtu.start()
    search(all.mtu, 1452)
    all.sender.sample(0, 50)
    return all
  }

  test('three rounds in which large packets are lost and none arrives lead back to 1200, and to a search for less', () => {
    const { mtu, sender } = found()
    for (let round = 1; round <= 3; round++) {
      const now = 1000 * round
      expect(mtu.current).toBe(1452)
      const first = sender.send(now, { size: 1452 })
      for (let i = 0; i < 3; i++) sender.send(now, { size: 200 })
      sender.ack(now + 50, [first + 1, first + 4])
    }
    expect(mtu.current).toBe(1200)
    expect(sender.path.maxDatagramSize).toBe(1200)
    expect(search(mtu, 1300, 5000)[0]).toBe(1326)
    expect(mtu.current).toBeGreaterThan(1284)
  })

  test('congestion is none: much is lost at a time, but large packets arrive in between', () => {
    const { mtu, sender } = found()
    for (let round = 1; round <= 20; round++) {
      const now = 1000 * round
      const first = sender.send(now, { size: 1452 })
      for (let i = 0; i < 8; i++) sender.send(now, { size: 1452 })
      sender.ack(now + 50, [first + 8, first + 9])
    }
    expect(sender.loss.packetsLost).toBeGreaterThan(100)
    expect(mtu.current).toBe(1452)
  })

  test('losses that become known one after the other are one round, if all had left before the first was known', () => {
    const { mtu, sender } = found()
    const first = sender.send(1000, { size: 1452 })
    for (let i = 1; i < 8; i++) sender.send(1000 + i, { size: 1452 })
    const last = sender.send(1009, { size: 200 })
    // The time threshold passes for one packet after the other, without an acknowledgement in between.
    sender.ack(1059, [last, last + 1])
    while (sender.loss.outstanding(APP) > 0) sender.fire()
    expect(sender.ledger.lostIn(APP)).toContain(first)
    expect(mtu.current).toBe(1452)
  })

  test('losses of small packets say nothing', () => {
    const { mtu, sender } = found()
    for (let round = 1; round <= 10; round++) {
      const first = sender.send(1000 * round, { size: 1200 })
      for (let i = 0; i < 3; i++) sender.send(1000 * round, { size: 200 })
      sender.ack(1000 * round + 50, [first + 1, first + 4])
    }
    expect(mtu.current).toBe(1452)
  })

  test('where no acknowledgement comes at all, the third PTO in a row does it; probes wait until something arrives', () => {
    const { mtu, sender } = found()
    sender.send(1000, { size: 1452 })
    sender.fire()
    sender.fire()
    expect(mtu.current).toBe(1452)
    sender.fire()
    expect(mtu.current).toBe(1200)
    expect(mtu.probeSize(2000)).toBeUndefined()
    const probe = sender.send(3000, { size: 1200 })
    sender.ack(3050, [probe, probe + 1])
    expect(mtu.probeSize(3050)).toBe(1326)
    // It was an outage: what was lost in it is not too large.
    search(mtu, 1452, 4000)
    expect(mtu.current).toBe(1452)
  })
})
