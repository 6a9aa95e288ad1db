/** Proves: whoever is held up says so to the once for each limit, and to its application, until there is room again. */
import { expect, test } from 'vitest'
import { FrameType } from '../../src/wire/frame.ts'
import { inWorld, patterned, readAll } from './world.fixtures.ts'

test('back-pressure signals are sent', async () => {
  const server = {
    initialMaxStreamDataUni: 5000,
    initialMaxData: 8000,
    maxReceiveWindow: 8000,
    maxIncomingUnidirectionalStreams: 2,
  }
  const client = { maxStreamSendBuffer: 200_000, congestionThreshold: 1 }
  await inWorld({ server, client }, async ({ client: own, frames, simulation, arrived }) => {
    const [one, two] = [await own.createUnidirectionalStream(), await own.createUnidirectionalStream()]
    const writer = one.writable.getWriter()
    const writing = writer.write(patterned(300_000))
    const writtenTwo = two.tryWrite(patterned(100_000))
    const third = own.createUnidirectionalStream()
    await simulation.sleep(1000)

    // To the peer.
    expect(frames.client.of('streamDataBlocked')).toMatchObject([{ streamId: one.id, limit: 5000 }])
    expect(frames.client.of('dataBlocked')).toMatchObject([{ limit: 8000 }])
    expect(frames.client.of('streamsBlockedUni')).toMatchObject([{ limit: 2 }])
    expect(frames.server.received.filter(({ type }) => type === FrameType.dataBlocked).length).toBe(1)

    // To the application.
    expect([writtenTwo, two.tryWrite(patterned(200_000))]).toEqual([100_000, 100_000 + 3000])
    expect(writer.desiredSize).toBeLessThanOrEqual(0)
    expect(own.sendQueue.congested).toBe(true)
    // Two buffers; a writer is asked for more when some of its own is free again.
    expect(own.sendQueue.queuedBytes).toBeGreaterThan(390_000)
    expect(own.sendQueue.queuedBytes).toBeLessThanOrEqual(400_000)
    const drained = own.drained()
    const states = await Promise.race([Promise.any([writing, writer.ready, third, drained]), simulation.sleep(1000)])
    expect(states).toBeUndefined()

    // Until somebody reads.
    const [far, other] = [await arrived(one), await arrived(two)]
    const read = [readAll(far.readable), readAll(other.readable)] as const
    await writing
    await drained
    await writer.close()
    two.finish()
    expect(await read[0]).toEqual(patterned(300_000))
    expect((await read[1]).length).toBe(203_000)
    await two.close()
    expect((await third).id).toBe(two.id + 4)
    // Each limit that held us up was told once.
    const limits = frames.client.of('dataBlocked').map(({ limit }) => limit)
    expect(limits.length).toBe(new Set(limits).size)
  })
})
