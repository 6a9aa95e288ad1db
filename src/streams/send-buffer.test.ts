import fc from 'fast-check'
import { expect, test } from 'vitest'
import { pattern } from './packets.fixtures.ts'
import { PAGE_SIZE, PagePool } from './paged-buffer.ts'
import { SendBuffer } from './send-buffer.ts'

interface Sent {
  readonly offset: number
  readonly length: number
}

/** Sends up to `size` bytes as a stream does: what is lost first. */
function sendOne(buffer: SendBuffer, size: number): Sent | undefined {
  const again = buffer.hasLost
  const offset = again ? buffer.lostStart : buffer.sent
  const length = Math.min(size, again ? buffer.lostLength : buffer.unsent)
  if (length === 0) return undefined
  if (again) buffer.onSentAgain(length)
  else buffer.onSent(length)
  const bytes = new Uint8Array(length)
  buffer.copyTo(bytes, 0, offset, length)
  expect(bytes).toEqual(pattern(length, offset))
  return { offset, length }
}

function append(buffer: SendBuffer, length: number): void {
  buffer.append(pattern(length + 3, buffer.end), length)
}

//= rfc9000#2.2-p4-1
//= rfc9000#13.3-p6-1
test('under any order of acks and losses, repeated ones too, the bytes sent at an offset are those written there', () => {
  const step = fc.record({ kind: fc.constantFrom('write', 'send', 'ack', 'lose'), n: fc.nat(5000) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const buffer = new SendBuffer(new PagePool())
      const sent: Sent[] = []
      const acked = new Set<number>()
      for (const { kind, n } of steps) {
        const frame = sent[n % Math.max(1, sent.length)]
        if (kind === 'write') append(buffer, n)
        else if (kind === 'send') {
          const one = sendOne(buffer, 1 + (n % 1300))
          if (one === undefined) continue
          sent.push(one)
          // Nothing that has arrived is sent again.
          expect(acked.has(one.offset)).toBe(false)
        } else if (frame !== undefined && kind === 'ack') {
          buffer.onAcked(frame.offset, frame.length)
          for (let i = 0; i < frame.length; i++) acked.add(frame.offset + i)
        } else if (frame !== undefined) {
          buffer.onLost(frame.offset, frame.length)
        }
        buffer.checkInvariants()
      }
      for (let one = sendOne(buffer, 1200); one !== undefined; one = sendOne(buffer, 1200)) sent.push(one)
      for (const { offset, length } of sent) buffer.onAcked(offset, length)
      expect(buffer.isAcknowledged).toBe(true)
      expect([buffer.acknowledged, buffer.heldBytes]).toEqual([buffer.end, 0])
    }),
    { numRuns: 100 },
  )
})

test('what is lost and acknowledged afterwards is not sent again', () => {
  const buffer = new SendBuffer(new PagePool())
  append(buffer, 300)
  for (let i = 0; i < 3; i++) sendOne(buffer, 100)
  buffer.onLost(0, 300)
  buffer.onAcked(100, 100)
  expect([buffer.lostStart, buffer.lostLength]).toEqual([0, 100])
  expect(sendOne(buffer, 1000)).toEqual({ offset: 0, length: 100 })
  expect(sendOne(buffer, 1000)).toEqual({ offset: 200, length: 100 })
  expect(buffer.hasLost).toBe(false)
})

test('an ack that spans several ranges acknowledged before, and touches the last, takes them all in', () => {
  const buffer = new SendBuffer(new PagePool())
  append(buffer, 30)
  buffer.onSent(30)
  buffer.onAcked(10, 5)
  buffer.onAcked(25, 5)
  buffer.onAcked(0, 25)
  buffer.checkInvariants()
  expect([buffer.acknowledged, buffer.isAcknowledged]).toEqual([30, true])
})

test('a peer that withholds the ack of one frame keeps a page alive, not the stream behind it', () => {
  const buffer = new SendBuffer(new PagePool())
  append(buffer, 1200)
  sendOne(buffer, 1200)
  for (let i = 0; i < 2000; i++) {
    append(buffer, 1200)
    const one = sendOne(buffer, 1200)
    if (one !== undefined) buffer.onAcked(one.offset, one.length)
    buffer.onLost(0, 1200)
    sendOne(buffer, 1200)
  }
  expect(buffer.acknowledged).toBe(0)
  expect(buffer.heldBytes).toBeLessThanOrEqual(3 * PAGE_SIZE)
})

test('discarding keeps the count of what was sent', () => {
  const buffer = new SendBuffer(new PagePool())
  append(buffer, 500)
  sendOne(buffer, 200)
  buffer.onLost(0, 200)
  buffer.discard()
  expect([buffer.sent, buffer.end, buffer.unsent, buffer.hasLost, buffer.heldBytes]).toEqual([200, 200, 0, false, 0])
})
