import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Frame, FrameType, type MaxDataFrame } from '../wire/frame.ts'
import { Latest, Once } from './delivery.ts'
import { TestPacket } from './recovery.fixtures.ts'

const maxData = (maximum: number): MaxDataFrame => ({ type: FrameType.maxData, maximum })

function written(sender: Once<Frame> | Latest<Frame>, room = 1200): Frame[] {
  const packet = new TestPacket(room, () => 10)
  sender.writeFrames(packet, 0)
  return packet.frames
}

describe('Once', () => {
  //= rfc9000#13.3-p3.16-1
  test('sends until acknowledged', () => {
    const once = new Once<Frame>()
    const frame = { type: FrameType.handshakeDone } as const
    expect(once.wantsToSend).toBe(false)
    once.send(frame)
    expect(written(once)).toEqual([frame])
    expect(once.wantsToSend).toBe(false)
    expect(once.isPending).toBe(true)
    once.onLost(frame, 1)
    expect(written(once)).toEqual([frame])
    once.onAcked(frame, 2)
    expect(once.isAcked).toBe(true)
    expect(once.isPending).toBe(false)
    once.onLost(frame, 3)
    expect(once.wantsToSend).toBe(false)
  })

  test('a frame that does not fit stays queued', () => {
    const once = new Once<Frame>()
    once.send({ type: FrameType.handshakeDone })
    expect(written(once, 5)).toEqual([])
    expect(once.wantsToSend).toBe(true)
  })

  //= rfc9000#13.3-p3.4-1
  test('what was given first does not change', () => {
    const once = new Once<Frame>()
    once.send(maxData(1))
    once.send(maxData(2))
    expect(written(once)).toEqual([maxData(1)])
  })

  test('an acknowledgement after a loss ends it, a loss told twice queues it once', () => {
    const once = new Once<Frame>()
    const frame = maxData(1)
    once.send(frame)
    written(once)
    once.onLost(frame, 1)
    once.onLost(frame, 2)
    expect(written(once)).toEqual([frame])
    once.onLost(frame, 3)
    once.onAcked(frame, 4)
    expect(once.wantsToSend).toBe(false)
  })

  test('given up, nothing is sent again', () => {
    const once = new Once<Frame>()
    const frame = maxData(1)
    once.send(frame)
    written(once)
    once.cancel()
    once.onLost(frame, 1)
    expect(once.wantsToSend).toBe(false)
    expect(once.isPending).toBe(false)
  })
})

describe('Latest', () => {
  test('sends the newest, whatever becomes of older ones', () => {
    const latest = new Latest<Frame>()
    const [first, second] = [maxData(1), maxData(2)]
    latest.set(first)
    expect(written(latest)).toEqual([first])
    latest.set(second)
    latest.onAcked(first, 1)
    expect(latest.wantsToSend).toBe(true)
    expect(written(latest)).toEqual([second])
    latest.onLost(first, 2)
    expect(latest.wantsToSend).toBe(false)
    latest.onLost(second, 3)
    expect(written(latest)).toEqual([second])
    latest.onAcked(second, 4)
    expect(latest.isAcked).toBe(true)
  })

  test('cleared, it sends nothing until it is set anew', () => {
    const latest = new Latest<Frame>()
    const frame = maxData(1)
    latest.set(frame)
    written(latest)
    latest.clear()
    latest.onLost(frame, 1)
    expect(latest.wantsToSend).toBe(false)
    latest.set(maxData(2))
    expect(latest.wantsToSend).toBe(true)
  })

  test('under any row of losses and acknowledgements the newest arrives or is waiting to be sent', () => {
    const step = fc.constantFrom('set', 'write', 'lose', 'ack')
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.array(fc.nat(20)), (steps, picks) => {
        const latest = new Latest<MaxDataFrame>()
        const inFlight: MaxDataFrame[] = []
        let newest: MaxDataFrame | undefined
        let arrived: MaxDataFrame | undefined
        steps.forEach((kind, i) => {
          const at = (picks[i] ?? 0) % Math.max(1, inFlight.length)
          if (kind === 'set') {
            newest = maxData(i)
            latest.set(newest)
          } else if (kind === 'write' && latest.wantsToSend) {
            inFlight.push(...(written(latest as unknown as Latest<Frame>) as MaxDataFrame[]))
          } else if (kind === 'lose' || kind === 'ack') {
            const [frame] = inFlight.splice(at, 1)
            if (frame === undefined) return
            if (kind === 'ack') {
              latest.onAcked(frame, i)
              if (frame === newest) arrived = frame
            } else latest.onLost(frame, i)
          }
          if (newest !== undefined) {
            expect(latest.wantsToSend || arrived === newest || inFlight.includes(newest)).toBe(true)
          }
        })
      }),
    )
  })
})
