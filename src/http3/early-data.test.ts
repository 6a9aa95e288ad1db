import { expect, test } from 'vitest'
import { firstVisit, ticketTerms } from '../endpoint/early-data.fixtures.ts'
import { quickCrypto } from '../endpoint/quick-crypto.fixtures.ts'
import { Http3ErrorCode } from './error.ts'
import { Http3Pair, requestTo } from './http3-pair.fixtures.ts'
import { responseFields } from './message.ts'
import type { Http3Options } from './options.ts'
import { DEFAULT_SETTINGS } from './settings.ts'

const REMEMBERED = { ...DEFAULT_SETTINGS, maxFieldSectionSize: 5000, all: new Map([[0x06, 5000]]) }

/** A client that comes back, and may send before it hears anything; the server answers everything with 200. */
function nextVisit(server: Http3Options): Http3Pair {
  const pair = new Http3Pair({
    session: firstVisit(),
    pair: { crypto: quickCrypto(), tickets: ticketTerms(), clientTls: { acceptsTickets: true } },
    client: { rememberedSettings: REMEMBERED },
    server,
  })
  pair.onEvent = (side, event) => {
    if (side !== pair.client && event.type === 'request') event.stream.sendFields(responseFields(200, []), true)
  }
  return pair
}

test('a request in early data is known as such, and answered', () => {
  const pair = nextVisit({ maxFieldSectionSize: 5000 })
  pair.get('/early')
  pair.run(() => pair.client.of('response').length > 0)
  expect(pair.server.of('request')[0]?.stream.isEarly).toBe(true)
  expect(pair.client.of('settings')[0]?.settings.maxFieldSectionSize).toBe(5000)
  expect(pair.client.http3.connection.state).toBe('connected')
})

//= rfc9114#7.2.4.2-p6-2
test('early requests keep to what the server took the last time', () => {
  const pair = nextVisit({ maxFieldSectionSize: 5000 })
  const large = [...requestTo('/'), { name: 'x-large', value: 'x'.repeat(5000) }]
  expect(() => pair.client.http3.request(large)).toThrow(RangeError)
  expect(pair.client.http3.requests).toBe(0)
})

//= rfc9114#7.2.4.2-p8-3
test('a server that accepts early data and takes its settings back breaks the rules', () => {
  const pair = nextVisit({ maxFieldSectionSize: 4999 })
  pair.get('/early')
  pair.run(() => pair.client.http3.connection.closeReason !== undefined)
  expect(pair.client.http3.connection.closeReason).toMatchObject({ code: Http3ErrorCode.H3_SETTINGS_ERROR })
})
