/** Proves: both ends have as many ids of one another as was asked for, get new ones for those they retire, and packets follow. */
import { expect, test } from 'vitest'
import { FrameLog } from '../../src/api/frame-log.fixtures.ts'
import type { ObserverFactory } from '../../src/wire/observer.ts'
import { PacketType } from '../../src/wire/packet-type.ts'
import { echo, inWorld, patterned, readAll, writeAll } from './world.fixtures.ts'

test('spare connection ids are issued', async () => {
  const used: string[] = []
  const log = new FrameLog()
  const observer: ObserverFactory = (id, role) => {
    const inner = log.observer(id, role)
    return {
      packetSent: (packet, frames, padding, now) => {
        inner?.packetSent?.(packet, frames, padding, now)
        const name = packet.destination.toString()
        if (packet.type === PacketType.oneRtt && used.at(-1) !== name) used.push(name)
      },
      packetReceived: (packet, frames, now) => inner?.packetReceived?.(packet, frames, now),
    }
  }
  const limits = { activeConnectionIdLimit: 5 }
  await inWorld(
    { client: { observer, ...limits }, server: limits },
    async ({ client, peer, frames, simulation, far, arrived }) => {
      const roundTrip = async (): Promise<void> => {
        const stream = await client.createBidirectionalStream()
        const sent = writeAll(stream.writable, patterned(5000))
        const far = await arrived(stream)
        void echo(far)
        expect(await readAll(stream.readable)).toEqual(patterned(5000))
        await sent
      }
      await simulation.sleep(100)
      const issued = (frameLog: FrameLog): number[] => [
        ...new Set(frameLog.of('newConnectionId').map(({ sequenceNumber }) => sequenceNumber)),
      ]
      expect(issued(log)).toEqual([1, 2, 3, 4])
      expect(issued(frames.server)).toEqual([1, 2, 3, 4])
      await roundTrip()
      expect(used.length).toBe(1)
      // All ids of the server are replaced: the client retires the old ones, and sends to a new one.
      expect(peer.issueConnectionIds()).toBe(true)
      await simulation.sleep(200)
      await roundTrip()
      expect(used.length).toBe(2)
      expect(new Set(log.of('retireConnectionId').map(({ sequenceNumber }) => sequenceNumber))).toEqual(
        new Set([0, 1, 2, 3, 4]),
      )
      expect(issued(frames.server)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9])
      // A new path takes an id of its own; with the path that it leaves goes an id, and another comes in its place.
      const other = simulation.transport({ node: 'client' })
      simulation.net.connect(other.port, far.port, { delay: 20 })
      await client.migrate(other)
      await simulation.sleep(1000)
      await roundTrip()
      expect(new Set(used).size).toBe(3)
      expect(issued(frames.server)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
      expect(client.inspect()?.localIds.length).toBe(5)
      expect(peer.inspect()?.localIds.length).toBe(5)
    },
  )
})
