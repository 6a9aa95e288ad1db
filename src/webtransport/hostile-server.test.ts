/** Servers that break the rules, or mean ill: each costs its session, or its connection. */
import { expect, test } from 'vitest'
import { Http3ErrorCode } from '../http3/error.ts'
import { WebTransportErrorCode } from './error-codes.ts'
import { openStream, SessionPair } from './session-pair.fixtures.ts'

const { H3_SETTINGS_ERROR } = Http3ErrorCode
const { WT_ALPN_ERROR, WT_SESSION_GONE } = WebTransportErrorCode

//= draft-ietf-webtrans-http3#3.1-p2-1
test('servers whose WT_ENABLED is neither 0 nor 1 are left', () => {
  const pair = new SessionPair({ serverHttp3: { settings: [[0x2c7cf000, 2]] } })
  pair.run(() => pair.hasServer && pair.server.http3.http3.connection.closeReason !== undefined)
  const expected = { kind: 'application', side: 'remote', code: H3_SETTINGS_ERROR }
  expect(pair.server.http3.http3.connection.closeReason).toMatchObject(expected)
})

test('servers without WebTransport are asked for nothing', () => {
  const pair = new SessionPair({ serverHttp3: { settings: [] } })
  const session = pair.client.sessions.open({ authority: 'localhost', path: '/' }, pair.now)
  pair.run(() => session.end !== undefined)
  expect(session.end).toMatchObject({ kind: 'failed' })
  expect(session.id).toBeUndefined()
  expect(pair.client.sessions).toMatchObject({ draft: false, canOpen: false })
  expect(pair.client.of('idle')).toHaveLength(1)
})

test('servers that open streams of sessions which were never asked for have them turned away', () => {
  const pair = new SessionPair().ready()
  const stream = pair.server.http3.http3.openSessionStream('bidirectional', 400)
  stream?.send?.write(new Uint8Array(3))
  pair.run(() => stream?.send?.stopCode !== undefined)
  expect(stream?.send?.stopCode).toBe(WT_SESSION_GONE)
})

//= draft-ietf-webtrans-http3#3.3-p5-1
//= draft-ietf-webtrans-http3#3.3-p6-2
test('servers that choose no protocol, or one that was not offered, lose a session that needs one', () => {
  const cases: [string | undefined, boolean, boolean][] = [
    ['"c"', false, true],
    ['"c"', true, true],
    ['c', true, true],
    ['c', false, false],
    [undefined, true, true],
    [undefined, false, false],
    ['"b";x=1', true, false],
  ]
  for (const [value, requiresProtocol, isRefused] of cases) {
    const pair = new SessionPair().ready()
    const request = { authority: 'localhost', path: '/', protocols: ['a', 'b'], requiresProtocol }
    const session = pair.client.sessions.open(request, pair.now)
    pair.run(() => pair.server.of('request').length === 1)
    expect(pair.server.session.availableProtocols).toEqual(['a', 'b'])
    // Below the session, where nobody checks what is chosen.
    const [{ stream } = { stream: undefined }] = pair.server.http3.of('request')
    const fields = [{ name: ':status', value: '200' }]
    stream?.sendFields(value === undefined ? fields : [...fields, { name: 'wt-protocol', value }])
    pair.run(() => session.state !== 'connecting')
    if (isRefused) expect(session.end).toMatchObject({ kind: 'reset', side: 'local', code: WT_ALPN_ERROR })
    else expect(session).toMatchObject({ state: 'open', protocol: value?.startsWith('"b"') ? 'b' : undefined })
  }
})

test('servers that reset a stream before anything of it was sent are heard all the same', () => {
  //= draft-ietf-webtrans-http3#4.4-p6-1
  const pair = new SessionPair().ready()
  const { server } = pair.open()
  const stream = openStream(server, 'unidirectional', pair.now)
  stream.send?.write(new Uint8Array(1000))
  stream.send?.reset(77n)
  pair.run(() => pair.client.of('stream-reset').length === 1)
  expect(pair.client.of('stream-reset')[0]).toMatchObject({ code: 77 })
  expect(pair.client.streams[0]?.receive?.bytesReceived).toBe(0)
  const without = new SessionPair({ pair: { client: { resetStreamAt: false } } }).ready()
  const old = openStream(without.open().server, 'unidirectional', without.now)
  old.send?.write(new Uint8Array(1000))
  old.send?.reset(77n)
  without.run(() => old.hasEnded)
  without.run(undefined, 200)
  expect(without.client.of('stream')).toEqual([])
})
