import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeTransportParameters, encodeTransportParameters } from '../wire/transport-parameters.ts'
import { VERSION_1, VERSION_2 } from '../wire/version.ts'
import { type ConnectionOptions, transportParametersOf, validateConnectionConfig } from './config.ts'
import { idOf } from './owners.fixtures.ts'

const DEFAULTS = validateConnectionConfig()

describe('validateConnectionConfig', () => {
  //= rfc9221#3-p4-1
  test('has the documented defaults', () => {
    expect(DEFAULTS).toEqual({
      version: VERSION_1,
      versions: [VERSION_1, VERSION_2],
      maxIdleTimeout: 30_000,
      handshakeTimeout: 10_000,
      keepAlive: false,
      initialMaxData: 1024 * 1024,
      initialMaxStreamDataBidiLocal: 512 * 1024,
      initialMaxStreamDataBidiRemote: 512 * 1024,
      initialMaxStreamDataUni: 512 * 1024,
      maxReceiveWindow: 16 * 1024 * 1024,
      maxIncomingBidirectionalStreams: 100,
      maxIncomingUnidirectionalStreams: 100,
      maxStreamSendBuffer: 256 * 1024,
      maxSendBuffer: 4 * 1024 * 1024,
      congestionThreshold: 2,
      activeConnectionIdLimit: 4,
      maxAckDelay: 25,
      ackDelayExponent: 3,
      ackFrequency: true,
      congestionControl: 'cubic',
      pacing: true,
      initialWindow: undefined,
      minimumWindow: undefined,
      initialRtt: 333,
      mtu: { max: 1452 },
      preferredVersions: [],
      greaseQuicBit: true,
      disableActiveMigration: false,
      preferredAddressPolicy: 'use',
      spinBit: true,
      resetStreamAt: true,
      maxDatagramFrameSize: 65_535,
      datagrams: {},
    })
  })

  test('takes what is given and ignores what is undefined', () => {
    const config = validateConnectionConfig({ keepAlive: 'auto', maxIdleTimeout: 0, pacing: undefined })
    expect(config).toEqual({ ...DEFAULTS, keepAlive: 'auto', maxIdleTimeout: 0 })
  })

  test('names a key that it does not know', () => {
    expect(() => validateConnectionConfig({ maxIdleTimeOut: 1 } as ConnectionOptions)).toThrow(
      new TypeError('Unknown connection option maxIdleTimeOut'),
    )
    expect(() => validateConnectionConfig({ toString: 1 } as unknown as ConnectionOptions)).toThrow(TypeError)
    expect(() => validateConnectionConfig({ mtu: { max: 1300, min: 1 } } as ConnectionOptions)).toThrow(
      new TypeError('Unknown connection option mtu.min'),
    )
  })

  test.each<[object, string]>([
    [{ maxAckDelay: 16_384 }, 'maxAckDelay must be an integer from 0 to 16383, got 16384'],
    [{ ackDelayExponent: 21 }, 'ackDelayExponent must be an integer from 0 to 20, got 21'],
    [{ activeConnectionIdLimit: 1 }, 'activeConnectionIdLimit must be an integer from 2 to 16, got 1'],
    [{ initialMaxData: -1 }, `initialMaxData must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}, got -1`],
    [{ initialMaxData: 1.5 }, `initialMaxData must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}, got 1.5`],
    [{ mtu: { max: 1199 } }, 'mtu.max must be an integer from 1200 to 65527, got 1199'],
    [{ initialRtt: 0 }, 'initialRtt must be positive and finite, got 0'],
    [{ keepAlive: -1 }, 'keepAlive must be positive and finite, got -1'],
    [{ versions: [] }, 'versions must name at least one version'],
    [{ versions: [7] }, 'versions names the unknown version 0x7'],
    [{ initialWindow: 2400, minimumWindow: 2401 }, 'initialWindow must be at least minimumWindow (2401), got 2400'],
  ])('rejects %j as out of bounds', (options, message) => {
    expect(() => validateConnectionConfig(options)).toThrow(new RangeError(message))
  })

  test.each<[object, string]>([
    [{ pacing: 1 }, 'pacing must be a boolean, got 1'],
    [{ maxIdleTimeout: '5' }, "maxIdleTimeout must be a number, got '5'"],
    [{ keepAlive: 'often' }, "keepAlive must be 'auto', a number or false, got 'often'"],
    [{ congestionControl: 'vegas' }, "congestionControl must be 'newreno', 'cubic' or a function, got 'vegas'"],
    [{ mtu: 1452 }, 'mtu must be an object, got 1452'],
    [{ versions: 1 }, 'versions must be an array, got 1'],
  ])('rejects %j as of the wrong type', (options, message) => {
    expect(() => validateConnectionConfig(options)).toThrow(new TypeError(message))
  })

  test('throws nothing but TypeError and RangeError, whatever it is given', () => {
    const keys = fc.constantFrom(...Object.keys(DEFAULTS), 'other')
    fc.assert(
      fc.property(fc.dictionary(keys, fc.anything()), (options) => {
        try {
          validateConnectionConfig(options as ConnectionOptions)
        } catch (error) {
          expect(error instanceof TypeError || error instanceof RangeError).toBe(true)
        }
      }),
    )
  })
})

describe('transportParametersOf', () => {
  const config = validateConnectionConfig({ maxIdleTimeout: 7000, disableActiveMigration: true })
  const ids = {
    initialSource: idOf(1, 2),
    originalDestination: idOf(3, 4),
    retrySource: idOf(5, 6),
    statelessResetToken: new Uint8Array(16).fill(7),
  }

  //= rfc9000#18.2-p8-1
  //= rfc9000#18.2-p4.6-1
  test('of a client hold nothing that only a server may send', () => {
    const parameters = transportParametersOf(config, 'client', ids)
    expect(decodeTransportParameters(encodeTransportParameters(parameters, 'client'), 'client')).toMatchObject({
      maxIdleTimeout: 7000,
      initialSourceConnectionId: ids.initialSource,
      originalDestinationConnectionId: undefined,
      retrySourceConnectionId: undefined,
      statelessResetToken: undefined,
    })
  })

  test('of a server name all ids of the handshake', () => {
    const parameters = transportParametersOf(config, 'server', ids)
    expect(decodeTransportParameters(encodeTransportParameters(parameters, 'server'), 'server')).toMatchObject({
      maxIdleTimeout: 7000,
      initialMaxData: 1_048_576,
      initialMaxStreamsBidi: 100,
      initialMaxStreamsUni: 100,
      activeConnectionIdLimit: 4,
      disableActiveMigration: true,
      initialSourceConnectionId: ids.initialSource,
      originalDestinationConnectionId: ids.originalDestination,
      retrySourceConnectionId: ids.retrySource,
      statelessResetToken: ids.statelessResetToken,
    })
  })
})
