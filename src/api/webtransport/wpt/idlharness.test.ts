/** The interfaces have the members that W3C's IDL names, on their prototypes, and no others that it does not know but ours. */
import { expect, test } from 'vitest'
import { WebTransport } from '../client.ts'
import { WebTransportDatagramDuplexStream } from '../datagrams.ts'
import { WebTransportDatagramsWritable } from '../datagrams-writable.ts'
import { WebTransportError } from '../error.ts'
import { WebTransportBidirectionalStream, WebTransportReceiveStream } from '../receive-stream.ts'
import { WebTransportSendGroup } from '../send-group.ts'
import { WebTransportSendStream, WebTransportWriter } from '../send-stream.ts'
import { WebTransportSession } from '../session.ts'
import { SessionStage } from '../stage.fixtures.ts'

const members = (of: { readonly prototype: object }): string[] =>
  Object.getOwnPropertyNames(of.prototype)
    .filter((name) => name !== 'constructor')
    .sort()

test.each<[string, { readonly prototype: object }, string[]]>([
  [
    'WebTransport',
    WebTransportSession,
    [
      ...[
        'getStats',
        'exportKeyingMaterial',
        'ready',
        'reliability',
        'congestionControl',
        'responseHeaders',
        'protocol',
      ],
      'anticipatedConcurrentIncomingUnidirectionalStreams',
      'anticipatedConcurrentIncomingBidirectionalStreams',
      ...['closed', 'draining', 'close', 'datagrams', 'createBidirectionalStream', 'incomingBidirectionalStreams'],
      ...['createUnidirectionalStream', 'incomingUnidirectionalStreams', 'createSendGroup'],
    ],
  ],
  ['WebTransportBidirectionalStream', WebTransportBidirectionalStream, ['readable', 'writable']],
  [
    'WebTransportDatagramDuplexStream',
    WebTransportDatagramDuplexStream,
    [
      ...['createWritable', 'readable', 'maxDatagramSize', 'incomingMaxAge', 'outgoingMaxAge'],
      ...['incomingMaxBufferedDatagrams', 'outgoingMaxBufferedDatagrams'],
      // Of before, and still asked for.
      ...['writable', 'incomingHighWaterMark', 'outgoingHighWaterMark'],
    ],
  ],
  ['WebTransportDatagramsWritable', WebTransportDatagramsWritable, ['sendGroup', 'sendOrder', 'getWriter']],
  ['WebTransportSendStream', WebTransportSendStream, ['sendGroup', 'sendOrder', 'getStats', 'getWriter']],
  ['WebTransportReceiveStream', WebTransportReceiveStream, ['getStats']],
  ['WebTransportSendGroup', WebTransportSendGroup, ['getStats']],
  ['WebTransportWriter', WebTransportWriter, ['write', 'atomicWrite', 'commit']],
  ['WebTransportError', WebTransportError, ['source', 'streamErrorCode']],
])('%s', (_, of, names) => {
  expect(members(of)).toEqual(names.sort())
})

test('WebTransport is a session with a constructor and one static member', () => {
  expect(members(WebTransport)).toEqual([])
  expect(Object.getPrototypeOf(WebTransport.prototype)).toBe(WebTransportSession.prototype)
  expect(WebTransport.supportsReliableOnly).toBe(true)
  expect(WebTransport.length).toBeGreaterThanOrEqual(1)
})

test('the streams and the error are of the classes of the platform', () => {
  expect(Object.getPrototypeOf(WebTransportSendStream)).toBe(WritableStream)
  expect(Object.getPrototypeOf(WebTransportReceiveStream)).toBe(ReadableStream)
  expect(Object.getPrototypeOf(WebTransportDatagramsWritable)).toBe(WritableStream)
  expect(Object.getPrototypeOf(WebTransportWriter)).toBe(WritableStreamDefaultWriter)
  expect(Object.getPrototypeOf(WebTransportError)).toBe(DOMException)
})

test('an error has its name, its message, no legacy code, and what it was made with', () => {
  const plain = new WebTransportError()
  expect([plain.name, plain.message, plain.code, plain.source, plain.streamErrorCode]).toEqual([
    ...['WebTransportError', '', 0, 'stream', null],
  ])
  const full = new WebTransportError('gone', { source: 'session', streamErrorCode: 7 })
  expect([full.message, full.source, full.streamErrorCode]).toEqual(['gone', 'session', 7])
  expect(full).toBeInstanceOf(Error)
  const codes = [-1, 2 ** 32, 1.5, 2.5, Number.NaN].map(
    (streamErrorCode) => new WebTransportError('', { streamErrorCode }),
  )
  expect(codes.map(({ streamErrorCode }) => streamErrorCode)).toEqual([0, 2 ** 32 - 1, 2, 2, 0])
  expect(() => new WebTransportError('', { source: 'datagram' as never })).toThrow(TypeError)
})

test('programs that were written for the class of pages take ours, and the sessions of a server, by their types', async () => {
  type OfPages = InstanceType<typeof globalThis.WebTransport>
  const stage = new SessionStage()
  const { session, peer } = await stage.connected()
  const [one, other]: readonly [OfPages, OfPages] = [session, peer]
  one.close({ closeCode: 1 })
  expect(await stage.environment.until(other.closed)).toMatchObject({ closeCode: 1 })
})
