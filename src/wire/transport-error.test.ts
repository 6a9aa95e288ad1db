import { expect, test } from 'vitest'
import { alertOf, cryptoError, TransportError, TransportErrorCode, transportErrorName } from './transport-error.ts'

// RFC 9000 §20.1, RFC 9368 §10.2.
test.each([
  ['NO_ERROR', 0x00n],
  ['INTERNAL_ERROR', 0x01n],
  ['CONNECTION_REFUSED', 0x02n],
  ['FLOW_CONTROL_ERROR', 0x03n],
  ['STREAM_LIMIT_ERROR', 0x04n],
  ['STREAM_STATE_ERROR', 0x05n],
  ['FINAL_SIZE_ERROR', 0x06n],
  ['FRAME_ENCODING_ERROR', 0x07n],
  ['TRANSPORT_PARAMETER_ERROR', 0x08n],
  ['CONNECTION_ID_LIMIT_ERROR', 0x09n],
  ['PROTOCOL_VIOLATION', 0x0an],
  ['INVALID_TOKEN', 0x0bn],
  ['APPLICATION_ERROR', 0x0cn],
  ['CRYPTO_BUFFER_EXCEEDED', 0x0dn],
  ['KEY_UPDATE_ERROR', 0x0en],
  ['AEAD_LIMIT_REACHED', 0x0fn],
  ['NO_VIABLE_PATH', 0x10n],
  ['VERSION_NEGOTIATION_ERROR', 0x11n],
] as const)('%s is %d', (name, code) => {
  expect(TransportErrorCode[name]).toBe(code)
  expect(transportErrorName(code)).toBe(name)
})

test('alerts are 0x0100 to 0x01ff', () => {
  expect(cryptoError(0)).toBe(0x100n)
  expect(alertOf(cryptoError(120))).toBe(120)
  expect(transportErrorName(0x178n)).toBe('CRYPTO_ERROR(120)')
  expect([alertOf(0xffn), alertOf(0x200n)]).toEqual([undefined, undefined])
  expect(transportErrorName(0x200n)).toBe('0x200')
})

test('an error carries its code, its frame type and its cause', () => {
  const cause = new Error('inner')
  const error = new TransportError(TransportErrorCode.PROTOCOL_VIOLATION, 'Reason', { frameType: 8, cause })
  expect([error.name, error.message, error.code, error.frameType, error.cause]).toEqual([
    'TransportError',
    'Reason',
    0x0an,
    8n,
    cause,
  ])
  expect(new TransportError(0n, '').frameType).toBe(0n)
})
