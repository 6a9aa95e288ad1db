import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RangeSet } from '../base/range-set.ts'
import { type AckFrame, FrameType } from '../wire/frame.ts'
import { FRAMES, frame } from './arbitraries.fixtures.ts'
import { frameData, transportError } from './frames.ts'

/** The members that the schema wants of each frame (quic-events §8.13). */
const REQUIRED: Readonly<Record<keyof typeof FRAMES, readonly [name: string, ...members: string[]]>> = {
  padding: ['padding'],
  ping: ['ping'],
  ack: ['ack', 'acked_ranges'],
  resetStream: ['reset_stream', 'stream_id', 'error', 'final_size'],
  resetStreamAt: ['reset_stream_at', 'stream_id', 'error', 'final_size', 'reliable_size'],
  stopSending: ['stop_sending', 'stream_id', 'error'],
  crypto: ['crypto', 'offset', 'raw'],
  newToken: ['new_token', 'token'],
  stream: ['stream', 'stream_id'],
  maxData: ['max_data', 'maximum'],
  maxStreamData: ['max_stream_data', 'stream_id', 'maximum'],
  maxStreamsBidi: ['max_streams', 'stream_type', 'maximum'],
  maxStreamsUni: ['max_streams', 'stream_type', 'maximum'],
  dataBlocked: ['data_blocked', 'limit'],
  streamDataBlocked: ['stream_data_blocked', 'stream_id', 'limit'],
  streamsBlockedBidi: ['streams_blocked', 'stream_type', 'limit'],
  streamsBlockedUni: ['streams_blocked', 'stream_type', 'limit'],
  newConnectionId: ['new_connection_id', 'sequence_number', 'retire_prior_to', 'connection_id'],
  retireConnectionId: ['retire_connection_id', 'sequence_number'],
  pathChallenge: ['path_challenge', 'data'],
  pathResponse: ['path_response', 'data'],
  connectionCloseTransport: ['connection_close', 'error_space', 'error'],
  connectionCloseApplication: ['connection_close', 'error_space', 'error'],
  handshakeDone: ['handshake_done'],
  immediateAck: ['unknown', 'frame_type_bytes', 'raw'],
  ackFrequency: ['unknown', 'frame_type_bytes', 'raw'],
  datagram: ['datagram', 'raw'],
}

describe('A frame as qlog shows it', () => {
  test.each(Object.keys(REQUIRED) as (keyof typeof FRAMES)[])('has its name and all that is required: %s', (type) => {
    const [name, ...members] = REQUIRED[type]
    fc.assert(
      fc.property(FRAMES[type], (value) => {
        const shown = JSON.parse(JSON.stringify(frameData(value, 3))) as Record<string, unknown>
        expect(shown['frame_type']).toBe(name)
        for (const member of members) expect(shown[member]).toBeDefined()
      }),
      { numRuns: 20 },
    )
  })

  test('is JSON in one line without a separator, with lower-case names, whatever it holds', () => {
    fc.assert(
      fc.property(frame, fc.nat(20), (value, exponent) => {
        const text = JSON.stringify(frameData(value, exponent))
        expect(text.includes('\u001e') || text.includes('\n') || text.includes('null')).toBe(false)
        for (const [name] of text.matchAll(/"(\w+)":/g)) expect(name).toBe(name.toLowerCase())
      }),
    )
  })

  test('tells an ACK’s ranges with their last number, and its delay in ms by the exponent', () => {
    const ranges = new RangeSet()
    ranges.add(1, 3)
    ranges.add(5, 6)
    ranges.add(10, 23)
    const ack: AckFrame = { type: FrameType.ack, ranges, ackDelay: 1001, ecn: { ect0: 1, ect1: 2, ce: 3 } }
    const expected = { frame_type: 'ack', acked_ranges: [[1, 2], [5], [10, 22]], ect0: 1, ect1: 2, ce: 3 }
    expect(frameData(ack, 3)).toEqual({ ...expected, ack_delay: 8.008 })
    expect(frameData(ack, 0)).toEqual({ ...expected, ack_delay: 1.001 })
  })

  test('has codes that no JSON number holds as strings, and others as numbers', () => {
    const reset = { type: FrameType.resetStream, streamId: 4, finalSize: 9 } as const
    const shown = { frame_type: 'reset_stream', stream_id: 4, final_size: 9, error: 'unknown' }
    expect(frameData({ ...reset, errorCode: 2n ** 53n - 1n }, 3)).toEqual({ ...shown, error_code: 9007199254740991 })
    expect(frameData({ ...reset, errorCode: 2n ** 53n }, 3)).toEqual({ ...shown, error_code: '9007199254740992' })
  })

  test('keeps tokens to itself', () => {
    const id = { type: FrameType.newConnectionId, sequenceNumber: 1, retirePriorTo: 0 } as const
    const shown = JSON.stringify([
      frameData({ ...id, connectionId: Uint8Array.of(1, 2), statelessResetToken: new Uint8Array(16).fill(0xee) }, 3),
      frameData({ type: FrameType.newToken, token: new Uint8Array(5).fill(0xee) }, 3),
    ])
    expect(shown).toContain('"connection_id":"0102"')
    expect(shown).not.toContain('eeee')
  })
})

test('Transport errors have the names of the schema, alerts their code, and others a number', () => {
  expect(transportError(0n)).toEqual({ error: 'no_error' })
  expect(transportError(0x0an)).toEqual({ error: 'protocol_violation' })
  expect(transportError(0x10n)).toEqual({ error: 'no_viable_path' })
  expect(transportError(0x11n)).toEqual({ error: 'unknown', error_code: 17 })
  expect(transportError(0x100n)).toEqual({ error: 'crypto_error_0x100' })
  expect(transportError(0x1ffn)).toEqual({ error: 'crypto_error_0x1ff' })
  expect(transportError(0x200n)).toEqual({ error: 'unknown', error_code: 512 })
})
