import { describe, expect, test } from 'vitest'
import { TransportErrorCode } from '../wire/transport-error.ts'
import { DEFAULT_TRANSPORT_PARAMETERS, type TransportParameters } from '../wire/transport-parameters.ts'
import { idOf, violationOf } from './owners.fixtures.ts'
import { checkPeerParameters } from './peer-parameters.ts'

const C1 = idOf(0xc1)
const S1 = idOf(0x51, 1)
const S2 = idOf(0x52, 2)
const S3 = idOf(0x53, 3)
const EMPTY_ID = idOf()

function parameters(given: Partial<TransportParameters>): TransportParameters {
  return { ...DEFAULT_TRANSPORT_PARAMETERS, ...given }
}

/** What the client finds wrong with these parameters of a server, after a Retry or without one. */
function clientFinds(given: Partial<TransportParameters>, retried: boolean): bigint {
  const expected = { initialSource: S3, originalDestination: S1, retrySource: retried ? S2 : undefined }
  return violationOf(() => checkPeerParameters(parameters(given), 'client', expected))
}

const GOOD = { initialSourceConnectionId: S3, originalDestinationConnectionId: S1 }
const GOOD_RETRIED = { ...GOOD, retrySourceConnectionId: S2 }
const WRONG = TransportErrorCode.TRANSPORT_PARAMETER_ERROR

describe('checkPeerParameters', () => {
  //= rfc9000#7.3-p3-1
  test('accepts the ids of figure 7 and of figure 8', () => {
    checkPeerParameters(parameters(GOOD), 'client', { initialSource: S3, originalDestination: S1 })
    const retried = { initialSource: S3, originalDestination: S1, retrySource: S2 }
    checkPeerParameters(parameters(GOOD_RETRIED), 'client', retried)
    checkPeerParameters(parameters({ initialSourceConnectionId: C1 }), 'server', { initialSource: C1 })
  })

  test('tells an id of zero length from none', () => {
    const given = parameters({ initialSourceConnectionId: EMPTY_ID })
    checkPeerParameters(given, 'server', { initialSource: EMPTY_ID })
    expect(violationOf(() => checkPeerParameters(parameters({}), 'server', { initialSource: EMPTY_ID }))).toBe(WRONG)
  })

  //= rfc9000#7.3-p4-1
  test('rejects a missing initial_source_connection_id or original_destination_connection_id', () => {
    expect(clientFinds({ originalDestinationConnectionId: S1 }, false)).toBe(WRONG)
    expect(clientFinds({ initialSourceConnectionId: S3 }, false)).toBe(WRONG)
    expect(violationOf(() => checkPeerParameters(parameters({}), 'server', { initialSource: C1 }))).toBe(WRONG)
  })

  //= rfc9000#7.3-p5-1
  test('rejects a retry_source_connection_id that is missing, or there without a Retry', () => {
    expect(clientFinds(GOOD, true)).toBe(WRONG)
    expect(clientFinds(GOOD_RETRIED, false)).toBe(WRONG)
  })

  //= rfc9000#7.3-p3-2
  test('rejects each id that is not the one that was used', () => {
    expect(clientFinds({ ...GOOD_RETRIED, initialSourceConnectionId: S1 }, true)).toBe(WRONG)
    expect(clientFinds({ ...GOOD_RETRIED, originalDestinationConnectionId: S3 }, true)).toBe(WRONG)
    expect(clientFinds({ ...GOOD_RETRIED, retrySourceConnectionId: S3 }, true)).toBe(WRONG)
    const given = parameters({ initialSourceConnectionId: S1 })
    expect(violationOf(() => checkPeerParameters(given, 'server', { initialSource: C1 }))).toBe(WRONG)
  })

  const preferredAddress = {
    ipv4: '192.0.2.1:443',
    ipv6: undefined,
    connectionId: S2,
    statelessResetToken: new Uint8Array(16),
  }

  //= rfc9000#18.2-p8-2
  test('rejects what only a server may send', () => {
    for (const given of [
      { originalDestinationConnectionId: S1 },
      { retrySourceConnectionId: S2 },
      { preferredAddress },
      { statelessResetToken: new Uint8Array(16) },
    ]) {
      const all = parameters({ initialSourceConnectionId: C1, ...given })
      expect(violationOf(() => checkPeerParameters(all, 'server', { initialSource: C1 }))).toBe(WRONG)
    }
  })

  //= rfc9000#18.2-p4.38.1-3
  test('rejects a preferred address of a server without connection ids', () => {
    const all = parameters({ ...GOOD, initialSourceConnectionId: EMPTY_ID, preferredAddress })
    const expected = { initialSource: EMPTY_ID, originalDestination: S1 }
    expect(violationOf(() => checkPeerParameters(all, 'client', expected))).toBe(WRONG)
  })
})
