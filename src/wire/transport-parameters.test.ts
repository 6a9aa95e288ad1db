import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex } from '../base/bytes.ts'
import { Writer } from '../base/writer.ts'
import { ConnectionId } from './connection-id.ts'
import type { Role } from './stream-id.ts'
import { TransportError, transportErrorName } from './transport-error.ts'
import {
  DEFAULT_TRANSPORT_PARAMETERS,
  decodeTransportParameters,
  encodeTransportParameters,
  isReservedParameter,
  type TransportParameters,
} from './transport-parameters.ts'
import { VERSION_1, VERSION_2 } from './version.ts'

const ROLES: readonly Role[] = ['client', 'server']

/** The name of the error that decoding ends with; anything but a TransportError passes through. */
function errorOf(bytes: Uint8Array, sender: Role): string | undefined {
  try {
    decodeTransportParameters(bytes, sender)
  } catch (error) {
    if (!(error instanceof TransportError)) throw error
    return transportErrorName(error.code)
  }
  return undefined
}

/** One parameter. */
function parameter(id: number | bigint, hex: string): Uint8Array {
  const writer = new Writer()
  const value = fromHex(hex.replaceAll(' ', ''))
  writer.varint(id)
  writer.varint(value.length)
  writer.bytes(value)
  return writer.finish()
}

const TOKEN = '00112233445566778899aabbccddeeff'
const NO_V4 = '00000000 0000'
const NO_V6 = `${'00'.repeat(16)} 0000`
const ID_4 = '04 01020304'

describe('the sample of RFC 9001 A.2', () => {
  const hex = '0408ffffffffffffffff05048000ffff07048000ffff0801100104800075300901100f088394c8f03e51570806048000ffff'

  test('is decoded; a limit above 2^53-1 is saturated', () => {
    expect(decodeTransportParameters(fromHex(hex), 'client')).toEqual({
      ...DEFAULT_TRANSPORT_PARAMETERS,
      maxIdleTimeout: 30000,
      initialMaxData: Number.MAX_SAFE_INTEGER,
      initialMaxStreamDataBidiLocal: 65535,
      initialMaxStreamDataBidiRemote: 65535,
      initialMaxStreamDataUni: 65535,
      initialMaxStreamsBidi: 16,
      initialMaxStreamsUni: 16,
      initialSourceConnectionId: ConnectionId.from(fromHex('8394c8f03e515708')),
    })
  })
})

describe('defaults', () => {
  // RFC 9000 §18.2.
  test('count for what is absent, and are not sent', () => {
    expect(decodeTransportParameters(new Uint8Array(0), 'server')).toEqual(DEFAULT_TRANSPORT_PARAMETERS)
    expect(encodeTransportParameters(DEFAULT_TRANSPORT_PARAMETERS, 'client')).toHaveLength(0)
    const { ackDelayExponent, maxAckDelay, maxUdpPayloadSize, activeConnectionIdLimit } = DEFAULT_TRANSPORT_PARAMETERS
    expect([ackDelayExponent, maxAckDelay, maxUdpPayloadSize, activeConnectionIdLimit]).toEqual([3, 25, 65527, 2])
  })

  test('an empty id is sent, an absent one is not', () => {
    const initialSourceConnectionId = ConnectionId.from(new Uint8Array(0))
    const bytes = encodeTransportParameters({ ...DEFAULT_TRANSPORT_PARAMETERS, initialSourceConnectionId }, 'client')
    expect(toHex(bytes)).toBe('0f00')
    expect(decodeTransportParameters(bytes, 'client').initialSourceConnectionId?.length).toBe(0)
  })
})

/** Each malformed parameter, by whom it is sent. All are TRANSPORT_PARAMETER_ERROR. */
const MALFORMED: readonly (readonly [string, Role, Uint8Array])[] = [
  ['an id cut short', 'client', fromHex('40')],
  ['a length cut short', 'client', fromHex('0140')],
  ['a value cut short', 'client', fromHex('0408ffffffffffffff')],
  ['a length of 2^62-1', 'client', fromHex('04ffffffffffffffff00')],
  ['a parameter twice', 'client', fromHex('040105040105')],
  ['an unknown parameter twice', 'client', concat(parameter(0x3f00, '01'), parameter(0x3f00, '01'))],
  ['a reserved parameter twice', 'client', concat(parameter(27, '01'), parameter(27, '02'))],
  ['an integer that does not fill its length', 'client', fromHex('04020501')],
  ['an integer cut short within its length', 'client', fromHex('04014005')],
  ['an empty integer', 'client', fromHex('0400')],
  ['max_udp_payload_size 1199', 'client', parameter(0x03, '44af')],
  ['ack_delay_exponent 21', 'client', parameter(0x0a, '15')],
  ['max_ack_delay 2^14', 'client', parameter(0x0b, '80004000')],
  ['active_connection_id_limit 1', 'client', parameter(0x0e, '01')],
  ['initial_max_streams_bidi 2^60+1', 'client', parameter(0x08, 'd000000000000001')],
  ['initial_max_streams_uni 2^60+1', 'client', parameter(0x09, 'd000000000000001')],
  ['disable_active_migration with a value', 'client', parameter(0x0c, '00')],
  ['grease_quic_bit with a value', 'client', parameter(0x2ab2, '00')],
  ['reset_stream_at with a value', 'client', parameter(0x1d, '00')],
  ['initial_source_connection_id of 21 bytes', 'client', parameter(0x0f, '00'.repeat(21))],
  ['original_destination_connection_id of 21 bytes', 'server', parameter(0x00, '00'.repeat(21))],
  ['retry_source_connection_id of 21 bytes', 'server', parameter(0x10, '00'.repeat(21))],
  ['stateless_reset_token of 15 bytes', 'server', parameter(0x02, '00'.repeat(15))],
  ['stateless_reset_token of 17 bytes', 'server', parameter(0x02, '00'.repeat(17))],
  ['original_destination_connection_id from a client', 'client', parameter(0x00, '01020304')],
  ['stateless_reset_token from a client', 'client', parameter(0x02, TOKEN)],
  ['preferred_address from a client', 'client', parameter(0x0d, `${NO_V4} ${NO_V6} ${ID_4} ${TOKEN}`)],
  ['retry_source_connection_id from a client', 'client', parameter(0x10, '01020304')],
  ['preferred_address without an id', 'server', parameter(0x0d, `${NO_V4} ${NO_V6} 00 ${TOKEN}`)],
  [
    'preferred_address with an id of 21 bytes',
    'server',
    parameter(0x0d, `${NO_V4} ${NO_V6} 15 ${'00'.repeat(21)} ${TOKEN}`),
  ],
  ['preferred_address cut short', 'server', parameter(0x0d, `${NO_V4} ${NO_V6} ${ID_4} ${TOKEN.slice(2)}`)],
  ['preferred_address too long', 'server', parameter(0x0d, `${NO_V4} ${NO_V6} ${ID_4} ${TOKEN} 00`)],
  ['an empty preferred_address', 'server', parameter(0x0d, '')],
  [
    'preferred_address beside an empty id',
    'server',
    concat(parameter(0x0f, ''), parameter(0x0d, `${NO_V4} ${NO_V6} ${ID_4} ${TOKEN}`)),
  ],
  ['empty version_information', 'server', parameter(0x11, '')],
  ['version_information of 7 bytes', 'server', parameter(0x11, '00000001 000000')],
  ['a chosen version 0', 'server', parameter(0x11, '00000000 00000001')],
  ['an available version 0', 'server', parameter(0x11, '00000001 00000001 00000000')],
  ['a client’s chosen version that is not available', 'client', parameter(0x11, '00000001 6b3343cf')],
  ['min_ack_delay above max_ack_delay', 'client', parameter(0xff04de1b, '800061a9')],
  ['max_datagram_frame_size cut short', 'client', parameter(0x20, '80')],
]

describe('malformed', () => {
  //= rfc9000#7.4-p6-1
  //# An endpoint MUST treat receipt of a transport parameter with an
  //# invalid value as a connection error of type TRANSPORT_PARAMETER_ERROR.
  //= rfc9000#7.4-p7-2
  //# An endpoint SHOULD treat receipt of
  //# duplicate transport parameters as a connection error of type
  //# TRANSPORT_PARAMETER_ERROR.
  //= rfc9000#4.6-p2-1
  //= rfc9000#18.2-p6.2-2
  //# An
  //# endpoint that receives a value less than 2 MUST close the
  //# connection with an error of type TRANSPORT_PARAMETER_ERROR.
  //= rfc9000#18.2-p8-2
  //# A server MUST
  //# treat receipt of any of these transport parameters as a connection
  //# error of type TRANSPORT_PARAMETER_ERROR.
  //= rfc9000#18.2-p4.38.1-3
  //# A client MUST
  //# treat a violation of these requirements as a connection error of
  //# type TRANSPORT_PARAMETER_ERROR.
  //= rfc9287#3-p1-1
  //= draft-ietf-quic-reliable-stream-reset#3-p1-1
  //= draft-ietf-quic-ack-frequency#3-p4-2
  //= rfc9368#4-p3-2
  //= rfc9368#4-p3-3
  //# If an endpoint receives a Chosen Version
  //# equal to zero, or any Available Version equal to zero, it MUST treat
  //# it as a parsing failure.
  //= rfc9368#4-p3-4
  //# If a server receives Version Information
  //# where the Chosen Version is not included in Available Versions, it
  //# MUST treat it as a parsing failure.
  test.each(MALFORMED)('%s is a TRANSPORT_PARAMETER_ERROR', (_why, sender, bytes) => {
    expect(errorOf(bytes, sender)).toBe('TRANSPORT_PARAMETER_ERROR')
  })

  test('nothing is thrown but TransportError, whatever the bytes', () => {
    const id = fc.constantFrom(...Array(0x22).keys(), 0x2ab2, 0xff04de1b, 0x4000)
    const one = fc.tuple(id, fc.uint8Array({ maxLength: 50 })).map(([key, value]) => parameter(key, toHex(value)))
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.array(one).map((list) => concat(...list)),
    )
    fc.assert(
      fc.property(bytes, fc.constantFrom(...ROLES), (input, sender) => {
        expect([undefined, 'TRANSPORT_PARAMETER_ERROR']).toContain(errorOf(input, sender))
      }),
      { numRuns: 1000 },
    )
  })

  test('each parameter cut at each byte', () => {
    const whole = encodeTransportParameters(FULL, 'server')
    let rest = whole
    while (rest.length > 0) {
      // All ids here take one, two or eight bytes, all lengths one.
      const idLength = 1 << ((rest[0] ?? 0) >> 6)
      const length = idLength + 1 + (rest[idLength] ?? 0)
      for (let end = 1; end < length; end++) {
        expect(errorOf(rest.subarray(0, end), 'server')).toBe('TRANSPORT_PARAMETER_ERROR')
      }
      rest = rest.subarray(length)
    }
  })
})

describe('at their bounds', () => {
  test.each<[string, Uint8Array, Partial<TransportParameters>]>([
    ['max_udp_payload_size 1200', parameter(0x03, '44b0'), { maxUdpPayloadSize: 1200 }],
    ['ack_delay_exponent 20', parameter(0x0a, '14'), { ackDelayExponent: 20 }],
    ['max_ack_delay 2^14-1', parameter(0x0b, '7fff'), { maxAckDelay: 16383 }],
    ['active_connection_id_limit 2', parameter(0x0e, '02'), { activeConnectionIdLimit: 2 }],
    [
      'initial_max_streams_bidi 2^60',
      parameter(0x08, 'd000000000000000'),
      { initialMaxStreamsBidi: Number.MAX_SAFE_INTEGER },
    ],
    ['an integer longer than needed', parameter(0x04, 'c000000000000005'), { initialMaxData: 5 }],
    ['min_ack_delay of max_ack_delay', parameter(0xff04de1b, '800061a8'), { minAckDelay: 25 }],
    ['max_datagram_frame_size 65535', parameter(0x20, '8000ffff'), { maxDatagramFrameSize: 65535 }],
  ])('%s is fine', (_what, bytes, expected) => {
    expect(decodeTransportParameters(bytes, 'client')).toEqual({ ...DEFAULT_TRANSPORT_PARAMETERS, ...expected })
  })

  test('a server may offer no version and choose one that it does not offer', () => {
    const { versionInformation } = decodeTransportParameters(parameter(0x11, '00000001'), 'server')
    expect(versionInformation).toEqual({ chosen: VERSION_1, available: [] })
  })
})

describe('unknown ones', () => {
  //= rfc9000#7.4.2-p1-1
  //# An endpoint MUST ignore transport parameters that it does
  //# not support.
  test('are ignored but kept, reserved ones are ignored', () => {
    const bytes = concat(parameter(0x1b, '01020304'), parameter(0xabcdn, ''), parameter(2n ** 61n, '0102'))
    const { unknown, ...known } = decodeTransportParameters(bytes, 'client')
    expect([...unknown].map(([id, value]) => [id, toHex(value)])).toEqual([
      [0xabcdn, ''],
      [2n ** 61n, '0102'],
    ])
    expect({ ...known, unknown: new Map() }).toEqual(DEFAULT_TRANSPORT_PARAMETERS)
  })

  test('are kept within bounds', () => {
    // 0x4000 + 31 * i is never of the reserved form.
    const many = concat(...Array.from({ length: 1000 }, (_, i) => parameter(0x4000 + 31 * i, 'aa')))
    expect(decodeTransportParameters(many, 'client').unknown.size).toBe(64)
    const large = concat(
      parameter(0x4000, '00'.repeat(4000)),
      parameter(0x4001, '00'.repeat(97)),
      parameter(0x4002, '00'.repeat(96)),
    )
    expect([...decodeTransportParameters(large, 'client').unknown.keys()]).toEqual([0x4000n, 0x4002n])
  })

  test('reserved ids are 31 * N + 27', () => {
    expect([27n, 58n, 31n * 2n ** 57n + 27n].every(isReservedParameter)).toBe(true)
    expect([0n, 26n, 28n, 0x4000n].some(isReservedParameter)).toBe(false)
  })
})

/** A server's parameters, none at its default. */
const FULL: TransportParameters = {
  originalDestinationConnectionId: ConnectionId.from(fromHex('8394c8f03e515708')),
  maxIdleTimeout: 30_000,
  statelessResetToken: fromHex(TOKEN),
  maxUdpPayloadSize: 1452,
  initialMaxData: 1_000_000,
  initialMaxStreamDataBidiLocal: 1,
  initialMaxStreamDataBidiRemote: 2,
  initialMaxStreamDataUni: 3,
  initialMaxStreamsBidi: 4,
  initialMaxStreamsUni: 5,
  ackDelayExponent: 6,
  maxAckDelay: 26,
  disableActiveMigration: true,
  preferredAddress: {
    ipv4: '192.0.2.1:443',
    ipv6: '[2001:db8::1]:4433',
    connectionId: ConnectionId.from(fromHex('01020304')),
    statelessResetToken: fromHex(TOKEN),
  },
  activeConnectionIdLimit: 8,
  initialSourceConnectionId: ConnectionId.from(fromHex('f067a5502a4262b5')),
  retrySourceConnectionId: ConnectionId.from(fromHex('aa')),
  versionInformation: { chosen: VERSION_2, available: [VERSION_2, VERSION_1] },
  maxDatagramFrameSize: 65535,
  greaseQuicBit: true,
  minAckDelay: 1.5,
  resetStreamAt: true,
  unknown: new Map([[0x4000n, Uint8Array.of(1, 2)]]),
}

describe('round trip', () => {
  test('of everything a server may say', () => {
    expect(decodeTransportParameters(encodeTransportParameters(FULL, 'server'), 'server')).toEqual(FULL)
  })

  test('of a preferred address of one family', () => {
    const base = FULL.preferredAddress
    for (const missing of ['ipv4', 'ipv6'] as const) {
      const preferredAddress = base && { ...base, [missing]: undefined }
      const parameters = { ...DEFAULT_TRANSPORT_PARAMETERS, preferredAddress }
      const decoded = decodeTransportParameters(encodeTransportParameters(parameters, 'server'), 'server')
      expect(decoded.preferredAddress).toEqual(preferredAddress)
    }
  })

  test('of any numbers', () => {
    const limit = fc.maxSafeNat()
    const numbers = fc.record({
      maxIdleTimeout: limit,
      maxUdpPayloadSize: fc.integer({ min: 1200, max: 65535 }),
      initialMaxData: limit,
      initialMaxStreamDataBidiLocal: limit,
      initialMaxStreamDataBidiRemote: limit,
      initialMaxStreamDataUni: limit,
      initialMaxStreamsBidi: limit,
      initialMaxStreamsUni: limit,
      ackDelayExponent: fc.nat(20),
      maxAckDelay: fc.nat(16383),
      activeConnectionIdLimit: limit.map((value) => Math.max(2, value)),
      maxDatagramFrameSize: limit,
      disableActiveMigration: fc.boolean(),
      greaseQuicBit: fc.boolean(),
      resetStreamAt: fc.boolean(),
    })
    fc.assert(
      fc.property(numbers, fc.constantFrom(...ROLES), (values, sender) => {
        const parameters = { ...DEFAULT_TRANSPORT_PARAMETERS, ...values }
        expect(decodeTransportParameters(encodeTransportParameters(parameters, sender), sender)).toEqual(parameters)
      }),
    )
  })
})

describe('sending', () => {
  //= rfc9000#7.4-p7-1
  //# An endpoint MUST NOT send a parameter more than once in a given
  //# transport parameters extension.
  test('each parameter once, in the order of the ids', () => {
    const hex = toHex(encodeTransportParameters({ ...FULL, preferredAddress: undefined, unknown: new Map() }, 'server'))
    expect(hex).toBe(
      '00088394c8f03e5157080104800075300210' +
        `${TOKEN}030245ac0404800f42400501010601020701030801040901050a01060b011a0c000e01080f08f067a5502a4262b51001aa` +
        '110c6b3343cf6b3343cf000000011d0020048000ffff6ab200c0000000ff04de1b0245dc',
    )
  })

  //= rfc9000#18.2-p8-1
  //# A client MUST NOT include any server-only transport parameter:
  //# original_destination_connection_id, preferred_address,
  //# retry_source_connection_id, or stateless_reset_token.
  //= rfc9000#18.2-p4.6-1
  //# This transport parameter MUST NOT be sent
  //# by a client but MAY be sent by a server.
  test.each([
    'originalDestinationConnectionId',
    'statelessResetToken',
    'preferredAddress',
    'retrySourceConnectionId',
  ] as const)('a client does not send %s', (name) => {
    const parameters = { ...DEFAULT_TRANSPORT_PARAMETERS, [name]: FULL[name] }
    expect(() => encodeTransportParameters(parameters, 'client')).toThrow(TypeError)
    expect(encodeTransportParameters(parameters, 'server').length).toBeGreaterThan(0)
  })

  test('a preferred address must be an address of its family', () => {
    const base = FULL.preferredAddress
    for (const ipv4 of ['example.org:443', '[::1]:443', '192.0.2.1']) {
      const preferredAddress = base && { ...base, ipv4 }
      expect(() => encodeTransportParameters({ ...FULL, preferredAddress }, 'server')).toThrow(RangeError)
    }
  })
})
