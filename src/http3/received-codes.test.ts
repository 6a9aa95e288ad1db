/** Every error code of HTTP/3, known or not, as a peer may give a request or the connection up with it (RFC 9114 §8, §8.1). */
import { describe, expect, test } from 'vitest'
import { EMPTY } from '../base/bytes.ts'
import type { Role } from '../wire/stream-id.ts'
import { Http3ErrorCode } from './error.ts'
import { GET, headers, Misbehaving } from './misbehaving.fixtures.ts'

const ROLES: readonly Role[] = ['client', 'server']
const CODES: readonly (readonly [name: string, code: bigint])[] = [
  ...Object.entries(Http3ErrorCode),
  // 0x1f * N + 0x21: reserved.
  ['a reserved code', 0x21n],
  ['a code of 62 bits', 2n ** 62n - 1n],
]

describe.each(ROLES)('a %s', (role) => {
  //= rfc9114#8-p5-1
  test.each(CODES)('tells of a request that its peer gives up with %s, and goes on', (_name, code) => {
    const one = new Misbehaving(role)
    one.control()
    const stream = one.request(role === 'server' ? headers(...GET) : EMPTY)
    one.run()
    stream.send?.reset(code)
    one.run()
    expect(one.of('failed')).toMatchObject([{ side: 'remote', code }])
    expect(one.closed()).toBe(undefined)
    one.request(role === 'server' ? headers(...GET) : headers(':status: 200'))
    one.run()
    expect(one.of(role === 'server' ? 'request' : 'response').length).toBe(role === 'server' ? 2 : 1)
  })

  test.each(CODES)('knows that its peer closed the connection with %s', (_name, code) => {
    const one = new Misbehaving(role)
    one.control()
    one.peer.close({ code, reason: 'so' }, one.pair.now)
    one.run()
    expect(one.victim.closeReason).toMatchObject({ kind: 'application', side: 'remote', code, reason: 'so' })
    expect(one.http3.requests).toBe(0)
  })
})
