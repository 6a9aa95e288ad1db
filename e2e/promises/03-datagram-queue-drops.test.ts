/** Proves: a reader who is late finds the newest datagrams, as many as the queue holds, and is told how many are gone. */
import { expect, test } from 'vitest'
import { inWorld } from './world.fixtures.ts'

test('the datagram receive queue really drops', async () => {
  const server = { datagrams: { incomingHighWaterMark: 5 } }
  await inWorld({ server }, async ({ client, peer, simulation }) => {
    for (let index = 0; index < 50; index++) {
      client.datagrams.send(Uint8Array.of(index))
      await simulation.sleep(2)
    }
    await simulation.sleep(100)
    expect((await client.getStats()).datagrams).toMatchObject({ sent: 50, delivered: 50 })
    const reader = peer.datagrams.readable.getReader()
    const read: number[] = []
    for (let count = 0; count < 5; count++) read.push((await reader.read()).value?.[0] ?? -1)
    // Reading begins with whatever a reader was owed; nothing is older than the queue is long, nothing is missing behind it.
    expect(read).toEqual([45, 46, 47, 48, 49])
    const more = await Promise.race([reader.read(), simulation.sleep(1000)])
    expect(more).toBeUndefined()
    const { datagrams } = await peer.getStats()
    expect(datagrams).toMatchObject({ received: 50, droppedIncoming: 45, expiredIncoming: 0 })
  })
})
