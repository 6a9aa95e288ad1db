/** Proves: a server that asks every client to prove its address gets connections all the same, also when packets are lost. */
import { expect, test } from 'vitest'
import type { ObserverFactory } from '../../src/wire/observer.ts'
import { PacketType } from '../../src/wire/packet-type.ts'
import { echo, inWorld, patterned, readAll, writeAll } from './world.fixtures.ts'

test('Retry completes', async () => {
  for (const [seed, loss] of [
    [1, 0],
    [2, 0.1],
    [3, 0.2],
  ] as const) {
    const initials: number[] = []
    let retries = 0
    const observer: ObserverFactory = () => ({
      packetSent: ({ type, tokenLength }) => {
        if (type === PacketType.initial) initials.push(tokenLength ?? 0)
      },
      packetReceived: ({ type }) => {
        if (type === PacketType.retry) retries++
      },
    })
    const options = { seed, link: { delay: 20, loss }, client: { observer }, server: { retry: 'always' } } as const
    await inWorld(options, async ({ client, arrived }) => {
      expect(retries).toBe(1)
      // Without a token first, with the one of Retry after it.
      expect(initials[0]).toBe(0)
      expect(initials.at(-1)).toBeGreaterThan(16)
      const stream = await client.createBidirectionalStream()
      const sent = writeAll(stream.writable, patterned(50_000))
      const far = await arrived(stream)
      void echo(far)
      expect(await readAll(stream.readable)).toEqual(patterned(50_000))
      await sent
    })
  }
})
