import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type CryptoFrame, FrameType } from '../wire/frame.ts'
import { TransportErrorCode } from '../wire/transport-error.ts'
import { CryptoStream } from './crypto-stream.ts'
import { codeOf, pattern, TestPacket } from './packets.fixtures.ts'

function frame(offset: number, payload: Uint8Array): CryptoFrame {
  return { type: FrameType.crypto, offset, buffer: payload, start: 0, length: payload.length }
}

function receive(stream: CryptoStream, packet: TestPacket): void {
  for (const received of packet.frames) stream.onCrypto(received as CryptoFrame)
}

function readAll(stream: CryptoStream): Uint8Array {
  const parts: number[] = []
  for (let bytes = stream.read(); bytes !== undefined; bytes = stream.read()) parts.push(...bytes)
  return Uint8Array.from(parts)
}

test('a message larger than a packet arrives whole, through losses and in any order', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 20_000 }), fc.infiniteStream(fc.nat(99)), (size, chance) => {
      const [sender, receiver] = [new CryptoStream(), new CryptoStream()]
      sender.send(pattern(size))
      const waiting: TestPacket[] = []
      while (sender.wantsToSend || waiting.length > 0) {
        if (sender.wantsToSend) {
          const packet = new TestPacket(1000)
          sender.writeFrames(packet, 0)
          expect(packet.records.length).toBeGreaterThan(0)
          waiting.push(packet)
        }
        const roll = chance.next().value ?? 0
        const [packet] = waiting.splice(roll % waiting.length, 1)
        if (packet === undefined) continue
        if (roll < 30) packet.lost()
        else {
          receive(receiver, packet)
          if (roll < 60) packet.lost()
          packet.acked()
        }
      }
      expect(readAll(receiver)).toEqual(pattern(size))
      expect(sender.isAcknowledged).toBe(true)
    }),
    { numRuns: 50 },
  )
})

//= rfc9000#7.5-p2-1
test('4,096 bytes and more may arrive out of order', () => {
  const stream = new CryptoStream()
  for (let offset = 1; offset < 4097; offset++) stream.onCrypto(frame(offset, pattern(1, offset)))
  expect(stream.read()).toBe(undefined)
  stream.onCrypto(frame(0, pattern(1)))
  expect(readAll(stream)).toEqual(pattern(4097))
})

//= rfc9000#7.5-p3-1
//= rfc9000#19.6-p7-1
test('bytes that would wait beyond the limit are CRYPTO_BUFFER_EXCEEDED, counted from what was read', () => {
  const stream = new CryptoStream()
  const exceeded = TransportErrorCode.CRYPTO_BUFFER_EXCEEDED
  stream.onCrypto(frame(65_535, pattern(1)))
  expect(codeOf(() => stream.onCrypto(frame(65_536, pattern(1))))).toBe(exceeded)
  expect(codeOf(() => stream.onCrypto(frame(Number.MAX_SAFE_INTEGER, pattern(1))))).toBe(exceeded)
  stream.onCrypto(frame(0, pattern(100)))
  expect(stream.read()).toEqual(pattern(100))
  stream.onCrypto(frame(65_635, pattern(1)))
  expect(codeOf(() => stream.onCrypto(frame(65_636, pattern(1))))).toBe(exceeded)
})

test('data that came before is not delivered twice', () => {
  const stream = new CryptoStream()
  stream.onCrypto(frame(0, pattern(10)))
  stream.onCrypto(frame(0, pattern(10)))
  expect(stream.read()).toEqual(pattern(10))
  stream.onCrypto(frame(5, pattern(5, 5)))
  expect(stream.read()).toBe(undefined)
})
