import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { NEVER } from '../base/time.ts'
import { newReno } from '../recovery/congestion/new-reno.ts'
import { PathRecovery } from '../recovery/path-recovery.ts'
import type { Carrier } from '../transport.ts'
import { FrameType, type PathChallengeFrame, type PathResponseFrame } from '../wire/frame.ts'
import type { Role } from '../wire/stream-id.ts'
import type { ConnectionEvent } from './events.ts'
import { idOf, packetFrom, seededRandom, TestPacket, testCarrier } from './owners.fixtures.ts'
import type { Path } from './path.ts'
import { PathManager } from './path-manager.ts'
import type { ProcessedPacket } from './path-options.ts'
import { PeerIds } from './peer-ids.ts'

const HOME = '203.0.113.7:50000'
const SAME_HOST = '203.0.113.7:50001'
const OTHER_HOST = '198.51.100.9:50000'

/** ms: three times the initial RTT, what a path has without a sample. */
const INITIAL_PTO = 999

interface Setting {
  readonly paths: PathManager
  readonly peerIds: PeerIds
  readonly carrier: Carrier
  readonly events: ConnectionEvent[]
  readonly removed: PathRecovery[]
  readonly validated: Path[]
}

function setUp(options: { role?: Role; spares?: number; carrier?: Carrier; confirmed?: boolean } = {}): Setting {
  const carrier = options.carrier ?? testCarrier()
  const events: ConnectionEvent[] = []
  const removed: PathRecovery[] = []
  const validated: Path[] = []
  const peerIds = new PeerIds({ initial: idOf(0, 0, 0, 0), limit: 8, path: 0 })
  for (let sequence = 1; sequence <= (options.spares ?? 3); sequence++) issue(peerIds, sequence)
  const paths = new PathManager({
    role: options.role ?? 'server',
    carrier,
    remoteAddress: HOME,
    addressValidated: false,
    spinBit: true,
    random: seededRandom(3),
    peerIds,
    createParts: (id) => ({ recovery: new PathRecovery({ id, controller: newReno }), mtu: undefined }),
    pto: (recovery) => recovery.rtt.ptoPeriod(0, 1),
    emit: (event) => void events.push(event),
    onRecoveryDropped: (recovery) => void removed.push(recovery),
    onPathValidated: (path) => void validated.push(path),
  })
  if (options.confirmed ?? true) paths.onHandshakeConfirmed(0)
  return { paths, peerIds, carrier, events, removed, validated }
}

function issue(peerIds: PeerIds, sequenceNumber: number): void {
  peerIds.onNewConnectionId({
    type: FrameType.newConnectionId,
    sequenceNumber,
    retirePriorTo: 0,
    connectionId: Uint8Array.of(0, 0, 0, sequenceNumber),
    statelessResetToken: new Uint8Array(16).fill(sequenceNumber),
  })
}

/** A packet to the id of ours that is four times `id`. */
function packetOf(number: number, probing = false, id = 9): ProcessedPacket {
  return { number, probing, buffer: Uint8Array.of(0x40, id, id, id, id), start: 0, destinationLength: 4 }
}

/** A datagram from `address` with one packet that could be opened. */
function receive(
  { paths, carrier }: Setting,
  address: string,
  packetNumber: number,
  options: { probing?: boolean; size?: number; now?: number; id?: number } = {},
): Path | undefined {
  const now = options.now ?? 0
  const path = paths.onDatagram(address, carrier, options.size ?? 1200, now)
  if (path !== undefined) paths.onPacketProcessed(path, packetOf(packetNumber, options.probing, options.id), now)
  return path
}

/** Sends what the manager owes until it owes no more; the challenges by path id. */
function flush({ paths }: Setting, now = 0): Map<number, PathChallengeFrame> {
  const challenges = new Map<number, PathChallengeFrame>()
  while (paths.wantsToSend) {
    const path = paths.next()
    const packet = packetFrom(paths, { path: path.id, now })
    if (packet.frames.length === 0) throw new Error(`Path ${path.id} owes something and writes nothing`)
    path.onSent(Math.min(packet.isExpanded ? 1200 : 60, path.sendAllowance))
    for (const frame of packet.frames) if (frame.type === FrameType.pathChallenge) challenges.set(path.id, frame)
  }
  return challenges
}

function answer({ paths }: Setting, challenge: PathChallengeFrame | undefined, now = 0): void {
  const data = challenge?.data ?? new Uint8Array(8)
  paths.onPathResponse({ type: FrameType.pathResponse, data }, now)
}

const challengeOf = (byte: number): PathChallengeFrame => ({
  type: FrameType.pathChallenge,
  data: new Uint8Array(8).fill(byte),
})

describe('PathManager: answering', () => {
  //= rfc9000#8.2.2-p1-1
  //= rfc9000#8.2.2-p2-1
  //= rfc9000#8.2.2-p3-1
  //= rfc9000#19.17-p7-1
  test('answers a challenge with its data, on its path, in an expanded datagram', () => {
    const setting = setUp()
    const { paths } = setting
    paths.onPathChallenge(challengeOf(5), paths.active)
    expect(paths.wantsToSend).toBe(true)
    expect(packetFrom(paths, { path: 99 }).frames).toEqual([])
    const packet = packetFrom(paths, { path: paths.active.id })
    expect(packet.frames).toEqual([{ type: FrameType.pathResponse, data: new Uint8Array(8).fill(5) }])
    expect(packet.isExpanded).toBe(true)
  })

  //= rfc9000#8.2.2-p4-1
  test('answers each challenge once, lost or not', () => {
    const { paths } = setUp()
    paths.onPathChallenge(challengeOf(5), paths.active)
    const packet = packetFrom(paths)
    packet.lost()
    packet.acked()
    expect(paths.wantsToSend).toBe(false)
  })

  test('keeps a handful of responses in a flood of challenges, the newest', () => {
    const { paths } = setUp()
    for (let count = 0; count < 100_000; count++) paths.onPathChallenge(challengeOf(count & 0xff), paths.active)
    const frames = packetFrom(paths).frames as PathResponseFrame[]
    expect(frames.map((frame) => frame.data[0])).toEqual([156, 157, 158, 159])
    expect(paths.wantsToSend).toBe(false)
  })

  test('keeps what does not fit', () => {
    const { paths } = setUp()
    for (const byte of [1, 2, 3]) paths.onPathChallenge(challengeOf(byte), paths.active)
    const small = packetFrom(paths, { size: 20 })
    expect(small.frames.length).toBe(2)
    expect(packetFrom(paths).frames.length).toBe(1)
    expect(packetFrom(paths, { size: 5 }).isExpanded).toBe(false)
  })
})

describe('PathManager: whom to listen to', () => {
  //= rfc9000#9-p6-1
  //= rfc9000#9.6-p2-1
  test('a client drops what comes from any other address', () => {
    const setting = setUp({ role: 'client' })
    expect(setting.paths.onDatagram(OTHER_HOST, setting.carrier, 1200, 0)).toBeUndefined()
    expect(setting.paths.onDatagram(HOME, testCarrier(), 1200, 0)).toBeUndefined()
    expect(setting.paths.onDatagram(HOME, setting.carrier, 1200, 0)).toBe(setting.paths.active)
  })

  test('nobody is followed before the handshake is confirmed', () => {
    const setting = setUp({ confirmed: false })
    expect(receive(setting, OTHER_HOST, 1)).toBeUndefined()
    setting.paths.onHandshakeConfirmed(0)
    expect(receive(setting, OTHER_HOST, 2)).toBe(setting.paths.active)
  })

  test('datagrams that cannot be opened make no path', () => {
    const setting = setUp()
    for (let port = 1; port < 10_000; port++) {
      expect(setting.paths.onDatagram(`192.0.2.9:${port}`, setting.carrier, 1200, port)).toBeDefined()
    }
    expect(setting.paths.paths.length).toBe(1)
    expect(setting.paths.nextTimeout()).toBe(NEVER)
    expect(flush(setting).size).toBe(0)
  })

  test('a client is not limited by amplification', () => {
    const { paths } = setUp({ role: 'client', confirmed: false })
    expect(paths.active.sendAllowance).toBe(Infinity)
  })

  test('a carrier that proves addresses leaves nothing to validate', () => {
    const setting = setUp({ carrier: testCarrier({ addressValidated: true }), confirmed: false })
    expect(setting.paths.active.isValidated).toBe(true)
    setting.paths.onHandshakeConfirmed(0)
    expect(receive(setting, OTHER_HOST, 1)?.isValidated).toBe(true)
  })
})

describe('PathManager: following a peer', () => {
  //= rfc9000#9.3-p2-1
  //= rfc9000#9-p4-1
  //= rfc9000#9.3.3-p4-1
  //= rfc9000#8.2.1-p4-1
  //= rfc9000#8.2.1-p5-1
  test('sends to the new address, validates it, and validates the old one', () => {
    const setting = setUp()
    const { paths, events } = setting
    const old = paths.active
    const path = receive(setting, OTHER_HOST, 1)
    expect(paths.active).toBe(path)
    expect(path?.isValidated).toBe(false)
    expect(events).toEqual([{ type: 'path-changed', localAddress: '192.0.2.1:443', remoteAddress: OTHER_HOST }])
    const challenges = flush(setting)
    expect([...challenges.keys()].sort()).toEqual([old.id, path?.id])
    expect(challenges.get(old.id)?.data).not.toEqual(challenges.get(path?.id ?? -1)?.data)
    answer(setting, challenges.get(path?.id ?? -1))
    expect(path?.isValidated).toBe(true)
    expect(setting.validated).toEqual([path])
  })

  //= rfc9000#9.3-p4-1
  test('sends at most three times what came from an address that is not validated', () => {
    const setting = setUp()
    const path = receive(setting, OTHER_HOST, 1, { size: 50 })
    expect(path?.sendAllowance).toBe(150)
    expect(setting.paths.active).toBe(path)
  })

  test('waits with a challenge until what came allows for it', () => {
    const setting = setUp()
    const path = receive(setting, OTHER_HOST, 1, { size: 21 })
    expect(path?.sendAllowance).toBe(63)
    expect(flush(setting).has(path?.id ?? -1)).toBe(false)
    receive(setting, OTHER_HOST, 2, { size: 21 })
    expect(flush(setting).has(path?.id ?? -1)).toBe(true)
  })

  test('is moved by nothing but the highest-numbered non-probing packet', () => {
    const setting = setUp()
    const home = setting.paths.active
    receive(setting, HOME, 10)
    receive(setting, OTHER_HOST, 9)
    expect(setting.paths.active).toBe(home)
    expect(setting.paths.paths.length).toBe(1)
    const probed = receive(setting, OTHER_HOST, 11, { probing: true })
    expect(setting.paths.active).toBe(home)
    expect(setting.paths.paths).toContain(probed)
    receive(setting, OTHER_HOST, 12)
    expect(setting.paths.active).toBe(probed)
    receive(setting, HOME, 11)
    expect(setting.paths.active).toBe(probed)
    receive(setting, HOME, 13)
    expect(setting.paths.active).toBe(home)
  })

  //= rfc9000#9.4-p1-1
  //= rfc9000#9.4-p2-1
  test('begins congestion control and RTT anew at another host', () => {
    const setting = setUp()
    const before = setting.paths.active.recovery
    before.rtt.onSample(40, 0, true, 25)
    receive(setting, OTHER_HOST, 1)
    expect(setting.paths.active.recovery).not.toBe(before)
    expect(setting.paths.active.recovery.rtt.hasSample).toBe(false)
  })

  test('goes on with congestion control and RTT where only the port is another', () => {
    const setting = setUp()
    const before = setting.paths.active.recovery
    receive(setting, SAME_HOST, 1)
    expect(setting.paths.active.recovery).toBe(before)
    const challenges = flush(setting)
    answer(setting, challenges.get(setting.paths.active.id))
    answer(setting, challenges.get(0))
    expect(setting.paths.paths).toEqual([setting.paths.active])
    expect(setting.removed).toEqual([])
  })

  //= rfc9000#9.5-p4-1
  test('addresses the new path with an id that was not used on another', () => {
    const setting = setUp()
    receive(setting, OTHER_HOST, 1)
    expect(setting.peerIds.idOf(setting.paths.active.id)?.bytes[3]).toBe(1)
    expect(setting.peerIds.idOf(0)?.bytes[3]).toBe(0)
  })

  test('goes on with the id in use when a rebound peer left no spare', () => {
    const setting = setUp({ spares: 0 })
    receive(setting, SAME_HOST, 1)
    expect(setting.peerIds.idOf(setting.paths.active.id)?.bytes[3]).toBe(0)
    expect(flush(setting).size).toBe(2)
  })

  test('sends nothing on a path that is only probed and has no id, until there is one', () => {
    const setting = setUp({ spares: 0 })
    const path = setting.paths.onDatagram(OTHER_HOST, setting.carrier, 1200, 0)
    if (path === undefined) throw new Error('The datagram was dropped')
    setting.paths.onPathChallenge(challengeOf(1), path)
    setting.paths.onPacketProcessed(path, packetOf(1, true), 0)
    expect(setting.paths.wantsToSend).toBe(false)
    issue(setting.peerIds, 1)
    expect(setting.paths.next()).toBe(path)
    expect(flush(setting).size).toBe(1)
  })

  //= rfc9000#5.1.2-p3-1
  test('lets the old path go, and its id, once the new one is validated and the old one has answered or failed', () => {
    const setting = setUp()
    const old = setting.paths.active
    const path = receive(setting, OTHER_HOST, 1)
    const challenges = flush(setting)
    answer(setting, challenges.get(path?.id ?? -1))
    expect(setting.paths.paths.length).toBe(2)
    setting.paths.onTimeout(3 * INITIAL_PTO)
    expect(setting.paths.paths).toEqual([path])
    expect(setting.removed).toEqual([old.recovery])
    expect(packetFrom(setting.peerIds).frames).toEqual([{ type: FrameType.retireConnectionId, sequenceNumber: 0 }])
    expect(setting.paths.nextTimeout()).toBe(NEVER)
  })
})

describe('PathManager: validation', () => {
  //= rfc9000#9.3.2-p2-1
  //= rfc9000#8.2.4-p2-1
  //= rfc9000#8.2.4-p2-2
  test('goes back to the last validated address when the new one does not answer', () => {
    const setting = setUp()
    const home = setting.paths.active
    receive(setting, OTHER_HOST, 1)
    const challenges = flush(setting)
    answer(setting, challenges.get(home.id))
    expect(setting.paths.active).not.toBe(home)
    const deadline = 3 * INITIAL_PTO
    let now = 0
    while (setting.paths.active !== home) {
      now = setting.paths.nextTimeout()
      expect(now).toBeLessThanOrEqual(deadline)
      setting.paths.onTimeout(now)
      flush(setting, now)
    }
    expect(now).toBe(deadline)
    expect(setting.paths.paths).toEqual([home])
    expect(setting.events.at(-1)).toMatchObject({ type: 'path-changed', remoteAddress: HOME })
    expect(setting.validated).toEqual([])
  })

  test('goes back even if the old path has not answered either', () => {
    const setting = setUp()
    const home = setting.paths.active
    receive(setting, OTHER_HOST, 1)
    setting.paths.onTimeout(10 * INITIAL_PTO)
    expect(setting.paths.active).toBe(home)
    expect(setting.paths.paths).toEqual([home])
  })

  //= rfc9000#9.4-p5-1
  //= rfc9000#8.2.1-p3-1
  test('repeats the challenge with other data after each PTO, twice as long each time', () => {
    const setting = setUp()
    setting.paths.active.recovery.rtt.onSample(20, 0, true, 25)
    const pto = setting.paths.active.recovery.rtt.ptoPeriod(0, 1)
    receive(setting, SAME_HOST, 1, { size: 12_000 })
    const seen = new Set<string>()
    const times: number[] = []
    const active = setting.paths.active.id
    for (let now = 0; now < 900; now = setting.paths.nextTimeout()) {
      setting.paths.onTimeout(now)
      const data = flush(setting, now).get(active)?.data
      if (data === undefined) continue
      times.push(now)
      seen.add(String(data))
    }
    expect(times).toEqual([0, pto, 3 * pto, 7 * pto])
    expect(seen.size).toBe(4)
  })

  //= rfc9000#8.2.1-p2-1
  test('puts one challenge into a packet', () => {
    const setting = setUp()
    receive(setting, OTHER_HOST, 1)
    const packet = new TestPacket({ path: setting.paths.active.id })
    setting.paths.writeFrames(packet, 0)
    setting.paths.writeFrames(packet, 0)
    expect(packet.frames.length).toBe(1)
    expect(packet.isExpanded).toBe(true)
  })

  //= rfc9000#8.2.1-p6-1
  //= rfc9000#8.2.3-p2-1
  test('validates once more with 1,200 bytes where the first challenge was too small for it', () => {
    const setting = setUp()
    const home = setting.paths.active
    const path = receive(setting, OTHER_HOST, 1, { size: 100 })
    answer(setting, flush(setting).get(path?.id ?? -1))
    expect(path?.isValidated).toBe(true)
    expect(setting.validated).toEqual([path])
    const second = flush(setting).get(path?.id ?? -1)
    expect(second).toBeDefined()
    answer(setting, second)
    setting.paths.onTimeout(3 * INITIAL_PTO)
    expect(setting.paths.active).toBe(path)
    expect(setting.paths.paths).not.toContain(home)
    expect(setting.validated).toEqual([path])
  })

  test('gives up a path that cannot carry 1,200 bytes', () => {
    const setting = setUp()
    const home = setting.paths.active
    const path = receive(setting, OTHER_HOST, 1, { size: 100 })
    answer(setting, flush(setting).get(path?.id ?? -1))
    setting.paths.onTimeout(3 * INITIAL_PTO)
    expect(setting.paths.active).toBe(home)
  })

  //= rfc9000#8.2.2-p2-2
  test('takes a response wherever it comes in, but not a wrong one', () => {
    const setting = setUp()
    const path = receive(setting, OTHER_HOST, 1)
    const challenge = flush(setting).get(path?.id ?? -1)
    answer(setting, undefined)
    expect(path?.isValidated).toBe(false)
    receive(setting, HOME, 2, { probing: true })
    answer(setting, challenge)
    expect(path?.isValidated).toBe(true)
  })

  test('an acknowledgement of a challenge validates nothing', () => {
    const setting = setUp()
    const path = receive(setting, OTHER_HOST, 1)
    const packet = packetFrom(setting.paths, { path: path?.id ?? -1 })
    packet.acked()
    expect(path?.isValidated).toBe(false)
  })

  //= rfc9000#9.6.3-p4-1
  test('validates a path that is only probed, so that a later migration finds it proven', () => {
    const setting = setUp()
    const probed = receive(setting, OTHER_HOST, 1, { probing: true })
    answer(setting, flush(setting).get(probed?.id ?? -1))
    expect(probed?.isValidated).toBe(true)
    receive(setting, OTHER_HOST, 2)
    expect(setting.paths.active).toBe(probed)
    expect(flush(setting).has(probed?.id ?? -1)).toBe(false)
  })

  test('keeps few paths, the active and the last validated one among them, however often the peer moves', () => {
    const setting = setUp()
    const home = setting.paths.active
    for (let port = 1; port < 200; port++) {
      issueAgain(setting, port + 10)
      receive(setting, `198.51.100.${port % 250}:${port}`, port, { now: port })
      flush(setting, port)
      packetFrom(setting.peerIds).acked()
      expect(setting.paths.paths.length).toBeLessThanOrEqual(4)
      expect(setting.paths.paths).toContain(home)
      expect(setting.paths.paths).toContain(setting.paths.active)
    }
  })

  test('keeps its books whatever happens', () => {
    const addresses = [HOME, SAME_HOST, OTHER_HOST, '198.51.100.9:6', '198.51.100.10:6']
    const step = fc.record({
      kind: fc.constantFrom('packet', 'probe', 'time', 'answer', 'challenge'),
      address: fc.constantFrom(...addresses),
      wait: fc.nat(1500),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const setting = setUp({ spares: 2 })
        let now = 0
        let number = 0
        let challenges = new Map<number, PathChallengeFrame>()
        for (const { kind, address, wait } of steps) {
          number += 1
          if (kind === 'packet') receive(setting, address, number, { now })
          else if (kind === 'probe') receive(setting, address, number, { probing: true, now, size: 40 })
          else if (kind === 'answer') for (const challenge of challenges.values()) answer(setting, challenge, now)
          else if (kind === 'challenge') setting.paths.onPathChallenge(challengeOf(1), setting.paths.active)
          else now += wait
          setting.paths.onTimeout(now)
          challenges = flush(setting, now)
          const { paths, active } = setting.paths
          expect(paths).toContain(active)
          expect(paths.length).toBeLessThanOrEqual(4)
          expect(new Set(paths.map((path) => path.id)).size).toBe(paths.length)
          for (const path of paths) expect(path.isValidated || path.bytesSent <= 3 * path.bytesReceived).toBe(true)
          expect(setting.paths.nextTimeout()).toBeGreaterThan(now)
        }
      }),
    )
  })
})

function issueAgain({ peerIds }: Setting, sequenceNumber: number): void {
  if (peerIds.hasSpare) return
  issue(peerIds, sequenceNumber)
}
