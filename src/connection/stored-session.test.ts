import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Resumption } from '../tls/resumption.ts'
import { TicketKeys } from '../tls/tickets.ts'
import { ConnectionId } from '../wire/connection-id.ts'
import { TransportErrorCode } from '../wire/transport-error.ts'
import {
  DEFAULT_TRANSPORT_PARAMETERS,
  encodeTransportParameters,
  type TransportParameters,
} from '../wire/transport-parameters.ts'
import {
  checkAccepted,
  decodeSession,
  encodeSession,
  reducedParameter,
  rememberedParameters,
} from './stored-session.ts'
import { type TicketTerms, ticketPolicy } from './ticket-terms.ts'

const id = ConnectionId.from(new Uint8Array(8).fill(1))
const token = new Uint8Array(16).fill(2)

/** A server that has said everything. */
const PARAMETERS: TransportParameters = {
  ...DEFAULT_TRANSPORT_PARAMETERS,
  originalDestinationConnectionId: id,
  initialSourceConnectionId: id,
  retrySourceConnectionId: id,
  statelessResetToken: token,
  preferredAddress: { ipv4: '192.0.2.1:4433', ipv6: undefined, connectionId: id, statelessResetToken: token },
  ackDelayExponent: 7,
  maxAckDelay: 100,
  maxIdleTimeout: 20_000,
  maxUdpPayloadSize: 1400,
  initialMaxData: 1000,
  initialMaxStreamDataBidiLocal: 200,
  initialMaxStreamDataBidiRemote: 300,
  initialMaxStreamDataUni: 400,
  initialMaxStreamsBidi: 5,
  initialMaxStreamsUni: 6,
  disableActiveMigration: true,
  activeConnectionIdLimit: 7,
  maxDatagramFrameSize: 1200,
  minAckDelay: 1,
  resetStreamAt: true,
}

const TLS: Resumption = {
  ticket: Uint8Array.of(1, 2, 3),
  key: new Uint8Array(32).fill(4),
  suite: 0x1301,
  hash: 'sha256',
  alpn: 'test',
  serverName: 'server.test',
  trust: 'roots',
  receivedAt: 1_780_272_000_000,
  expiresAt: 1_780_272_086_400,
  authenticatedAt: 1_780_272_000_000,
  certificateEnd: 1_790_000_000_000,
  ageAdd: 7,
  allowsEarlyData: true,
}

describe('what is remembered of a server', () => {
  //= rfc9000#7.4.1-p4-1
  //= rfc9000#7.4.1-p4-2
  //= draft-ietf-quic-ack-frequency#3-p7-1
  test('is nothing that belongs to one connection: ids, tokens, delays; they have their defaults', () => {
    const remembered = rememberedParameters(PARAMETERS)
    for (const name of [
      'ackDelayExponent',
      'maxAckDelay',
      'minAckDelay',
      'initialSourceConnectionId',
      'originalDestinationConnectionId',
      'preferredAddress',
      'retrySourceConnectionId',
      'statelessResetToken',
    ] as const) {
      expect(remembered[name], name).toBe(DEFAULT_TRANSPORT_PARAMETERS[name])
    }
  })

  //= rfc9000#7.4.1-p5-1
  //= draft-ietf-quic-reliable-stream-reset#3-p2-1
  test('is everything else, and comes back from its bytes', () => {
    const parameters = rememberedParameters(PARAMETERS)
    expect(parameters).toMatchObject({
      maxIdleTimeout: 20_000,
      maxUdpPayloadSize: 1400,
      initialMaxData: 1000,
      initialMaxStreamDataBidiLocal: 200,
      initialMaxStreamDataBidiRemote: 300,
      initialMaxStreamDataUni: 400,
      initialMaxStreamsBidi: 5,
      initialMaxStreamsUni: 6,
      disableActiveMigration: true,
      activeConnectionIdLimit: 7,
      maxDatagramFrameSize: 1200,
      resetStreamAt: true,
    })
    const session = { version: 1, parameters, tls: TLS }
    expect(decodeSession(encodeSession(session))).toEqual(session)
  })

  test('is not read out of anything else', () => {
    const bytes = encodeSession({ version: 1, parameters: rememberedParameters(PARAMETERS), tls: TLS })
    expect(decodeSession(bytes.subarray(0, -1))).toBeUndefined()
    expect(decodeSession(Uint8Array.of(...bytes, 0))).toBeUndefined()
    expect(decodeSession(Uint8Array.of(2, ...bytes.subarray(1)))).toBeUndefined()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(bytes.length - 1), (noise, at) => {
        decodeSession(noise)
        const changed = bytes.slice()
        changed.set(noise.subarray(0, bytes.length - at), at)
        decodeSession(changed)
      }),
    )
  })
})

//= rfc9000#7.4.1-p6-1
//= rfc9221#3-p6-2
test.each([
  'activeConnectionIdLimit',
  'initialMaxData',
  'initialMaxStreamDataBidiLocal',
  'initialMaxStreamDataBidiRemote',
  'initialMaxStreamDataUni',
  'initialMaxStreamsBidi',
  'initialMaxStreamsUni',
  'maxDatagramFrameSize',
] as const)('a server that accepts early data and lowers %s breaks the rules', (name) => {
  const lowered = { ...PARAMETERS, [name]: PARAMETERS[name] - 1 }
  const raised = { ...PARAMETERS, [name]: PARAMETERS[name] + 1 }
  expect(reducedParameter(PARAMETERS, lowered)).toBe(name)
  expect(reducedParameter(PARAMETERS, raised)).toBeUndefined()
  expect(() => checkAccepted(PARAMETERS, raised)).not.toThrow()
  expect(() => checkAccepted(PARAMETERS, lowered)).toThrow(
    expect.objectContaining({ code: TransportErrorCode.PROTOCOL_VIOLATION, message: expect.stringContaining(name) }),
  )
})

//= draft-ietf-quic-reliable-stream-reset#3-p2-2
test('so does one that gives up RESET_STREAM_AT', () => {
  expect(reducedParameter(PARAMETERS, { ...PARAMETERS, resetStreamAt: false })).toBe('resetStreamAt')
})

describe('the policy for tickets of one connection', () => {
  const random = { fill: (bytes: Uint8Array): void => void bytes.fill(1) }
  const terms: TicketTerms = {
    sealer: new TicketKeys(new Uint8Array(32), random),
    count: 2,
    lifetime: 100,
    acceptEarlyData: () => true,
    applicationState: Uint8Array.of(5),
  }
  const scopeOf = (parameters: TransportParameters, version = 1) => ({
    originalVersion: version,
    version: () => version,
    parameters: () => encodeTransportParameters(parameters, 'server'),
  })
  const attempt = { ticketId: new Uint8Array(16), issuedAt: 0, alpn: 'test', serverName: undefined }
  const accepts = (now: TransportParameters, changes: Partial<TicketTerms> = {}): unknown => {
    const context = ticketPolicy(terms, scopeOf(PARAMETERS)).context()
    return ticketPolicy({ ...terms, ...changes }, scopeOf(now)).acceptEarlyData?.({ ...attempt, context })
  }

  //= rfc9369#5-p2-1
  test('takes no ticket of another version', () => {
    const context = ticketPolicy(terms, scopeOf(PARAMETERS)).context()
    expect(ticketPolicy(terms, scopeOf(PARAMETERS)).isUsable(context)).toBe(true)
    expect(ticketPolicy(terms, scopeOf(PARAMETERS, 0x6b3343cf)).isUsable(context)).toBe(false)
  })

  //= rfc9000#7.4.1-p6-2
  //= rfc9000#7.4.1-p11-1
  //= rfc9221#3-p6-1
  test('accepts early data where nothing it relies on is less', () => {
    expect(accepts(PARAMETERS)).toBe(true)
    expect(accepts({ ...PARAMETERS, initialMaxData: 5000, maxAckDelay: 25 })).toBe(true)
    expect(accepts({ ...PARAMETERS, initialMaxData: 999 })).toBe(false)
    expect(accepts({ ...PARAMETERS, maxDatagramFrameSize: 0 })).toBe(false)
    expect(accepts({ ...PARAMETERS, maxUdpPayloadSize: 1399 })).toBe(false)
    expect(accepts(PARAMETERS, { applicationState: Uint8Array.of(6) })).toBe(false)
    expect(accepts(PARAMETERS, { applicationState: undefined })).toBe(false)
  })

  test('hands the attempt on as the last word', () => {
    const seen: unknown[] = []
    const acceptEarlyData = (given: unknown): boolean => {
      seen.push(given)
      return false
    }
    expect(accepts(PARAMETERS, { acceptEarlyData })).toBe(false)
    expect(seen).toEqual([attempt])
    expect(accepts({ ...PARAMETERS, initialMaxData: 1 }, { acceptEarlyData })).toBe(false)
    expect(seen).toHaveLength(1)
    expect(ticketPolicy({ ...terms, acceptEarlyData: undefined }, scopeOf(PARAMETERS)).acceptEarlyData).toBeUndefined()
  })
})
