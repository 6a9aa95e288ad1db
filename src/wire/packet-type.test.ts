import { expect, test } from 'vitest'
import { EncryptionLevel, PacketSpace, PacketType, packetTypeName, spaceOf } from './packet-type.ts'

// RFC 9000 §12.3: three spaces; 0-RTT and 1-RTT share one.
test.each([
  [PacketType.initial, PacketSpace.initial, 'initial'],
  [PacketType.zeroRtt, PacketSpace.application, '0RTT'],
  [PacketType.handshake, PacketSpace.handshake, 'handshake'],
  [PacketType.oneRtt, PacketSpace.application, '1RTT'],
])('packet type %d belongs to space %d and is called %s', (type, space, name) => {
  expect(spaceOf(type)).toBe(space)
  expect(packetTypeName(type)).toBe(name)
})

test('levels have the numbers of their packet types', () => {
  for (const name of ['initial', 'zeroRtt', 'handshake', 'oneRtt'] as const) {
    expect(EncryptionLevel[name]).toBe(PacketType[name])
  }
})
