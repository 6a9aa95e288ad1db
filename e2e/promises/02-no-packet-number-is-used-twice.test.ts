/** Proves: data that flow control refuses again and again takes no packet number, and each number is used once under its key: no nonce returns. */
import { expect, test } from 'vitest'
import { FrameType } from '../../src/wire/frame.ts'
import type { ObserverFactory } from '../../src/wire/observer.ts'
import { inWorld, patterned, readAll, writeAll } from './world.fixtures.ts'

test('a flow-control refusal never reuses a packet number (nonce)', async () => {
  const LENGTH = 60_000
  const numbers = new Map<string, number[]>()
  let refusals = 0
  const observer: ObserverFactory = () => ({
    packetSent: ({ type, packetNumber, keyGeneration }, frames) => {
      // 0-RTT and 1-RTT packets have other keys, and the numbers of one space.
      const key = `${type} ${keyGeneration}`
      const known = numbers.get(key)
      if (known === undefined) numbers.set(key, [packetNumber])
      else known.push(packetNumber)
      for (const { type: frame } of frames) {
        if (frame === FrameType.dataBlocked || frame === FrameType.streamDataBlocked) refusals++
      }
    },
  })
  const server = { initialMaxData: 4000, initialMaxStreamDataUni: 1500, maxReceiveWindow: 4000 }
  const options = { client: { observer }, server, link: { delay: 5, loss: 0.02 } }
  await inWorld(options, async ({ client, arrived }) => {
    const received: Promise<Uint8Array>[] = []
    const sent: Promise<void>[] = []
    for (let salt = 0; salt < 4; salt++) {
      const stream = await client.createUnidirectionalStream({ incremental: true })
      sent.push(writeAll(stream.writable, patterned(LENGTH, salt)))
      received.push(readAll((await arrived(stream)).readable))
    }
    expect(await Promise.all(received)).toEqual([0, 1, 2, 3].map((salt) => patterned(LENGTH, salt)))
    await Promise.all(sent)
  })
  expect(refusals).toBeGreaterThan(50)
  expect(numbers.size).toBeGreaterThanOrEqual(3)
  for (const [key, used] of numbers) {
    if (key.startsWith('-')) continue
    expect([key, used]).toEqual([key, [...new Set(used)].sort((a, b) => a - b)])
  }
})
