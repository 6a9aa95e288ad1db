import { expect, test } from 'vitest'
import { AckTracker } from '../recovery/ack-tracker.ts'
import { PagePool } from '../streams/paged-buffer.ts'
import { EncryptionLevel, PacketSpace } from '../wire/packet-type.ts'
import { VERSION_1 } from '../wire/version.ts'
import { PacketSpaces } from './packet-space.ts'

function packetSpaces(): PacketSpaces {
  return new PacketSpaces(VERSION_1, (space) => new AckTracker({ space }), new PagePool())
}

test('a space that is discarded is gone, and the others stay in order', () => {
  const spaces = packetSpaces()
  const { all, handshake, initial } = spaces
  expect(all.map(({ space }) => space)).toEqual([PacketSpace.initial, PacketSpace.handshake, PacketSpace.application])
  if (initial === undefined || handshake === undefined) throw new Error('There are three spaces at first')
  initial.crypto.send(new Uint8Array(100))
  spaces.discard(initial)
  expect([spaces.initial, spaces.get(PacketSpace.initial), spaces.ofLevel(EncryptionLevel.initial)]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
  expect(spaces.all).toEqual([handshake, spaces.application])
  expect(initial.crypto.wantsToSend).toBe(false)
  // Whoever goes through the spaces while one is discarded sees to the end what there was, and that it is discarded.
  expect(all.map((space) => space.isDiscarded)).toEqual([true, false, false])
})

test('at the end of the connection no space is left to be looked at', () => {
  const spaces = packetSpaces()
  spaces.discardAll()
  expect(spaces.all).toEqual([])
  expect([spaces.initial, spaces.handshake]).toEqual([undefined, undefined])
  expect(spaces.application.isDiscarded).toBe(true)
})
