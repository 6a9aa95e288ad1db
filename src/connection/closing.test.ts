import { describe, expect, test } from 'vitest'
import { NEVER } from '../base/time.ts'
import { FrameType, type TransportCloseFrame } from '../wire/frame.ts'
import { PacketType, type ProtectedPacketType } from '../wire/packet-type.ts'
import { TransportErrorCode } from '../wire/transport-error.ts'
import { Closing } from './closing.ts'
import type { CloseReason, ConnectionEvent } from './events.ts'
import { packetFrom } from './owners.fixtures.ts'

const PTO = 100

const APPLICATION: CloseReason = { kind: 'application', side: 'local', code: 0x1234n, reason: 'enough' }
const VIOLATION: CloseReason = {
  kind: 'transport',
  side: 'local',
  code: TransportErrorCode.FLOW_CONTROL_ERROR,
  frameType: 0x08n,
  reason: 'too much',
}
const PEERS: TransportCloseFrame = {
  type: FrameType.connectionCloseTransport,
  errorCode: TransportErrorCode.INTERNAL_ERROR,
  frameType: 0n,
  reason: 'sorry',
}

function setUp() {
  const events: ConnectionEvent[] = []
  return { events, closing: new Closing({ emit: (event) => void events.push(event) }) }
}

const TYPES: readonly ProtectedPacketType[] = [
  PacketType.initial,
  PacketType.zeroRtt,
  PacketType.handshake,
  PacketType.oneRtt,
]

/** The types of packets that carry the close. */
function typesOf(closing: Closing, confirmed: boolean): ProtectedPacketType[] {
  return TYPES.filter((type) => closing.isFor(type, confirmed))
}

describe('Closing', () => {
  //= rfc9000#11.1-p1-1
  //= rfc9000#10.2-p5-1
  //= rfc9000#10.2-p7-1
  test('sends CONNECTION_CLOSE, waits three PTOs and is gone', () => {
    const { closing, events } = setUp()
    closing.begin(VIOLATION, 1000, PTO)
    expect([closing.state, closing.isOpen, closing.wantsToSend]).toEqual(['closing', false, true])
    expect(packetFrom(closing).frames).toEqual([
      {
        type: FrameType.connectionCloseTransport,
        errorCode: TransportErrorCode.FLOW_CONTROL_ERROR,
        frameType: 0x08n,
        reason: 'too much',
      },
    ])
    closing.onSent()
    expect(closing.wantsToSend).toBe(false)
    expect(closing.nextTimeout()).toBe(1300)
    closing.onTimeout(1299)
    expect(closing.state).toBe('closing')
    closing.onTimeout(1300)
    expect([closing.state, closing.nextTimeout()]).toEqual(['closed', NEVER])
    expect(events).toEqual([
      { type: 'closing', reason: VIOLATION },
      { type: 'closed', reason: VIOLATION },
    ])
  })

  test('keeps the first reason', () => {
    const { closing, events } = setUp()
    closing.begin(APPLICATION, 0, PTO)
    closing.begin(VIOLATION, 10, PTO)
    expect(closing.reason).toBe(APPLICATION)
    expect(closing.nextTimeout()).toBe(300)
    expect(events.length).toBe(1)
  })

  //= rfc9000#10.2.1-p3-1
  //= rfc9000#11.1-p3-1
  test('answers the 1st, 2nd, 4th, 8th … packet that comes while closing', () => {
    const { closing } = setUp()
    closing.begin(VIOLATION, 0, PTO)
    closing.onSent()
    const answered: number[] = []
    for (let count = 1; count <= 40; count++) {
      closing.onPacketReceived()
      if (closing.wantsToSend) answered.push(count)
      closing.onSent()
    }
    expect(answered).toEqual([1, 2, 4, 8, 16, 32])
  })

  test('answers a burst once, and then what comes after it', () => {
    const { closing } = setUp()
    closing.begin(VIOLATION, 0, PTO)
    closing.onSent()
    for (let count = 0; count < 100; count++) closing.onPacketReceived()
    expect(closing.wantsToSend).toBe(true)
    closing.onSent()
    closing.onPacketReceived()
    expect(closing.wantsToSend).toBe(true)
  })

  //= rfc9000#10.2.3-p1-1
  test('uses 1-RTT packets alone once the handshake is confirmed', () => {
    const { closing } = setUp()
    closing.begin(VIOLATION, 0, PTO)
    expect(typesOf(closing, true)).toEqual([PacketType.oneRtt])
  })

  //= rfc9000#10.2.3-p2.1-1
  //= rfc9000#10.2.3-p2.3-1
  //= rfc9000#10.2.3-p2.3-2
  test('uses every level before that, but for 0-RTT', () => {
    const { closing } = setUp()
    closing.begin(VIOLATION, 0, PTO)
    expect(typesOf(closing, false)).toEqual([PacketType.initial, PacketType.handshake, PacketType.oneRtt])
  })

  //= rfc9000#10.2.3-p3-1
  //= rfc9000#10.2.3-p3-2
  //= rfc9000#12.5-p2.2-1
  test('tells nothing of the application in Initial and Handshake packets', () => {
    const { closing } = setUp()
    closing.begin(APPLICATION, 0, PTO)
    for (const type of [PacketType.initial, PacketType.handshake]) {
      expect(packetFrom(closing, { type }).frames).toEqual([
        {
          type: FrameType.connectionCloseTransport,
          errorCode: TransportErrorCode.APPLICATION_ERROR,
          frameType: 0n,
          reason: '',
        },
      ])
    }
    expect(packetFrom(closing).frames).toEqual([
      { type: FrameType.connectionCloseApplication, errorCode: 0x1234n, reason: 'enough' },
    ])
  })

  //= rfc9000#19.19-p6.8-1
  test('shortens a reason to what fits, between characters', () => {
    const { closing } = setUp()
    closing.begin({ ...APPLICATION, reason: 'é'.repeat(1000) }, 0, PTO)
    const [whole] = packetFrom(closing).frames
    expect(whole).toMatchObject({ reason: 'é'.repeat(256) })
    for (let size = 4; size < 200; size++) {
      const [frame] = packetFrom(closing, { size }).frames
      expect(frame).toMatchObject({ reason: expect.stringMatching(/^é*$/) })
    }
    expect(packetFrom(closing, { size: 3 }).frames).toEqual([])
  })

  //= rfc9000#10.2.2-p1-1
  //= rfc9000#10.2.2-p2-1
  test('answers the close of a peer once, in a packet of the same type, and then is silent', () => {
    const { closing, events } = setUp()
    closing.onConnectionClose(PEERS, PacketType.handshake, 0, PTO)
    expect(closing.state).toBe('draining')
    expect(typesOf(closing, false)).toEqual([PacketType.handshake])
    expect(packetFrom(closing, { type: PacketType.handshake }).frames).toEqual([
      { type: FrameType.connectionCloseTransport, errorCode: TransportErrorCode.NO_ERROR, frameType: 0n, reason: '' },
    ])
    closing.onSent()
    for (let count = 0; count < 10; count++) closing.onPacketReceived()
    closing.onConnectionClose(PEERS, PacketType.handshake, 50, PTO)
    closing.begin(VIOLATION, 60, PTO)
    expect(closing.wantsToSend).toBe(false)
    expect(closing.nextTimeout()).toBe(300)
    const reason = { kind: 'transport', side: 'remote', code: 1n, frameType: 0n, reason: 'sorry' }
    expect(events).toEqual([{ type: 'closing', reason }, { type: 'draining' }])
  })

  test('goes from closing to draining when the peer closes too, with the same end', () => {
    const { closing, events } = setUp()
    closing.begin(APPLICATION, 0, PTO)
    closing.onConnectionClose(PEERS, PacketType.oneRtt, 200, PTO)
    expect([closing.state, closing.wantsToSend, closing.nextTimeout()]).toEqual(['draining', false, 300])
    expect(closing.reason).toBe(APPLICATION)
    expect(events.map((event) => event.type)).toEqual(['closing', 'draining'])
  })

  test('reports the application code of a peer', () => {
    const { closing } = setUp()
    const frame = { type: FrameType.connectionCloseApplication, errorCode: 7n, reason: 'bye' } as const
    closing.onConnectionClose(frame, PacketType.oneRtt, 0, PTO)
    expect(closing.reason).toEqual({ kind: 'application', side: 'remote', code: 7n, reason: 'bye' })
  })

  //= rfc9000#10.3.1-p5-1
  test('sends nothing after a stateless reset', () => {
    const { closing, events } = setUp()
    closing.onStatelessReset(0, PTO)
    expect([closing.state, closing.wantsToSend]).toEqual(['draining', false])
    expect(events.map((event) => event.type)).toEqual(['closing', 'draining'])
    const other = setUp()
    other.closing.begin(VIOLATION, 0, PTO)
    other.closing.onStatelessReset(0, PTO)
    expect([other.closing.state, other.closing.wantsToSend]).toEqual(['draining', false])
  })

  test('can end at once, from any state, and says so once', () => {
    const { closing, events } = setUp()
    const reason: CloseReason = { kind: 'idle-timeout', after: 30_000 }
    closing.end(reason)
    closing.end(reason)
    closing.begin(VIOLATION, 0, PTO)
    closing.onStatelessReset(0, PTO)
    closing.onConnectionClose(PEERS, PacketType.oneRtt, 0, PTO)
    expect([closing.state, closing.wantsToSend]).toEqual(['closed', false])
    expect(events).toEqual([
      { type: 'closing', reason },
      { type: 'closed', reason },
    ])
    const late = setUp()
    late.closing.begin(VIOLATION, 0, PTO)
    late.closing.end(reason)
    expect(late.events.at(-1)).toEqual({ type: 'closed', reason: VIOLATION })
  })

  test('a handshake that took too long ends with NO_ERROR', () => {
    const { closing } = setUp()
    closing.begin({ kind: 'handshake-timeout', after: 10_000 }, 0, PTO)
    expect(packetFrom(closing, { type: PacketType.initial }).frames).toMatchObject([
      { errorCode: TransportErrorCode.NO_ERROR, reason: 'handshake timeout' },
    ])
  })
})
