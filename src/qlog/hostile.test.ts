import fc from 'fast-check'
import { expect, test } from 'vitest'
import { concat } from '../base/bytes.ts'
import { Writer } from '../base/writer.ts'
import { ReceivedPackets } from '../connection/observation.ts'
import type { Path } from '../connection/path.ts'
import type { ReceivedPacket } from '../connection/received-packet.ts'
import { Pair } from '../endpoint/test-pair.fixtures.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import { encodeFrame } from '../wire/frame-encode.ts'
import type { Observer } from '../wire/observer.ts'
import { PacketSpace, PacketType } from '../wire/packet-type.ts'
import {
  DEFAULT_TRANSPORT_PARAMETERS,
  decodeTransportParameters,
  encodeTransportParameters,
} from '../wire/transport-parameters.ts'
import { frame } from './arbitraries.fixtures.ts'
import { qlogTo } from './qlog-to.ts'
import { eventsOf } from './scenarios.fixtures.ts'

const ID = ConnectionId.from(Uint8Array.of(1, 2, 3, 4))

function observed(): { observer: Observer; log(): string } {
  let log = ''
  const observer = qlogTo(() => (record) => {
    log += record
  })(ID, 'client')
  if (observer === undefined) throw new Error('There is no observer')
  return { observer, log: () => log }
}

/** A packet whose frames are `payload`, as the receiver opens it. */
function show(observer: Observer, payload: Uint8Array, path: Path): void {
  const header = Uint8Array.of(0x40, 1, 2, 3, 4, 0)
  const buffer = concat(header, payload, new Uint8Array(16))
  const packet: ReceivedPacket = {
    type: PacketType.oneRtt,
    space: PacketSpace.application,
    number: 3,
    path,
    ecn: 0,
    receivedAt: 0,
    generation: 0,
    ackEliciting: false,
    frameType: 0,
    frameSize: 0,
    probing: false,
    buffer,
    start: 0,
    destinationLength: 4,
  }
  const end = header.length + payload.length
  new ReceivedPackets(observer).onPacketOpened(packet, undefined, header.length, end, buffer.length)
}

/** Frames as they are on the wire, with a byte of them changed. */
const almostFrames = fc
  .tuple(fc.array(frame, { minLength: 1, maxLength: 4 }), fc.nat(), fc.nat(255))
  .map(([frames, at, byte]) => {
    const writer = new Writer()
    for (const each of frames) encodeFrame(writer, each)
    const bytes = writer.finish()
    bytes[at % bytes.length] = byte
    return bytes
  })

test('Whatever a peer puts into a packet is logged up to what is malformed', () => {
  const payload = fc.oneof(
    almostFrames,
    fc.uint8Array({ maxLength: 200 }),
    fc.array(fc.nat(0x31)).map((list) => Uint8Array.from(list)),
  )
  const { active } = new Pair().connect().paths
  fc.assert(
    fc.property(payload, (bytes) => {
      const { observer, log } = observed()
      show(observer, bytes, active)
      const [event] = eventsOf(log())
      expect(event?.data['header']).toMatchObject({ packet_type: '1RTT', packet_number: 3, dcid: '01020304' })
      expect(Array.isArray(event?.data['frames'])).toBe(true)
      // What a peer can make us write is bound to what it sends.
      expect(log().length).toBeLessThan(1000 + 100 * bytes.length)
    }),
    { numRuns: 300 },
  )
})

test('Transport parameters that can be decoded can be logged, however they were cut', () => {
  const parameters = {
    ...DEFAULT_TRANSPORT_PARAMETERS,
    originalDestinationConnectionId: ID,
    initialSourceConnectionId: ID,
    statelessResetToken: new Uint8Array(16),
    preferredAddress: {
      ipv4: undefined,
      ipv6: '[2001:db8::1]:4433',
      connectionId: ID,
      statelessResetToken: new Uint8Array(16),
    },
    maxDatagramFrameSize: Number.MAX_SAFE_INTEGER,
    greaseQuicBit: true,
    unknown: new Map([[0x1234n, new Uint8Array(40)]]),
  }
  const whole = encodeTransportParameters(parameters, 'server')
  let logged = 0
  const log = (bytes: Uint8Array): void => {
    const { observer, log } = observed()
    try {
      observer.parametersSet?.('remote', decodeTransportParameters(bytes, 'server'), 0)
      logged += eventsOf(log()).length
    } catch (error) {
      expect(error).toMatchObject({ name: 'TransportError' })
    }
  }
  for (let length = 0; length <= whole.length; length++) log(whole.subarray(0, length))
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, byte) => {
      const bytes = whole.slice()
      bytes[at] = byte
      log(bytes)
    }),
    { numRuns: 300 },
  )
  expect(logged).toBeGreaterThan(100)
})
