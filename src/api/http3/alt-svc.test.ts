import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AltSvcCache, formatAltSvc, parseAltSvc } from './alt-svc.ts'

const DAY = 86_400_000
const plain = { host: undefined, maxAge: DAY, persist: false }

describe('an Alt-Svc field', () => {
  test('names services in the order of preference', () => {
    expect(parseAltSvc('h2="alt.example.com:8000", h3=":443"; ma=3600; persist=1')).toEqual([
      { ...plain, protocol: 'h2', host: 'alt.example.com', port: 8000 },
      { protocol: 'h3', host: undefined, port: 443, maxAge: 3_600_000, persist: true },
    ])
  })

  test('may escape names of protocols, and quote what it likes', () => {
    const [service] = parseAltSvc('w%3Dx%3Ay#z="\\[2001:db8::1\\]:8443";ma="60"')
    expect(service).toEqual({ protocol: 'w=x:y#z', host: '[2001:db8::1]', port: 8443, maxAge: 60_000, persist: false })
  })

  test('has parameters that nobody knows', () => {
    expect(parseAltSvc('h3=":443";v="46,43";x=y')).toEqual([{ ...plain, protocol: 'h3', port: 443 }])
  })

  test.each(['clear', ' clear ', 'h3=":443", clear'])('clears by %s', (value) => {
    expect(parseAltSvc(value)).toBe('clear')
  })

  test.each([
    '',
    'Clear',
    'h3',
    'h3=443',
    'h3=":0"',
    'h3=":65536"',
    'h3="a b:443"',
    'h3="x@y:443"',
    'h%3=":443"',
    ';ma=1',
  ])('that is malformed names nothing: %s', (value) => {
    expect(parseAltSvc(value)).toEqual([])
  })

  test('is read to the end of what is well-formed', () => {
    expect(parseAltSvc('h3=":443", nonsense, h3=":444"')).toEqual([{ ...plain, protocol: 'h3', port: 443 }])
  })

  test('survives being written and read', () => {
    const service = fc.record({
      protocol: fc.string({
        unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
        minLength: 1,
      }),
      host: fc.constantFrom(undefined, 'a.example', '[::1]', '192.0.2.1'),
      port: fc.integer({ min: 1, max: 65_535 }),
      maxAge: fc.nat().map((seconds) => seconds * 1000),
      persist: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(service, { minLength: 1, maxLength: 32 }), (services) => {
        expect(parseAltSvc(formatAltSvc(services))).toEqual(services)
      }),
    )
  })

  test('never throws, and never names more than there is room for', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (value) => void parseAltSvc(value)))
    expect(parseAltSvc('h3=":443",'.repeat(1000))).toHaveLength(32)
    expect(parseAltSvc(`h3=":443"${';a=b'.repeat(100_000)}`)).toHaveLength(1)
  })
})

describe('what is known of origins', () => {
  const origin = 'https://a.example'

  test('is fresh for as long as the origin said, less the age of the response', () => {
    let now = 1000
    const cache = new AltSvcCache(() => now)
    cache.receive(origin, 'h2=":1", h3="b.example:8443"; ma=60', 20_000)
    expect(cache.get(origin)).toMatchObject({ host: 'b.example', port: 8443 })
    now += 39_999
    expect(cache.get(origin)).toBeDefined()
    now += 1
    expect(cache.get(origin)).toBeUndefined()
  })

  test('is replaced by each response, and cleared by one that says so', () => {
    const cache = new AltSvcCache(() => 0)
    cache.receive(origin, 'h3=":8443"')
    cache.receive(origin, 'h3=":8444"')
    expect(cache.get(origin)).toMatchObject({ host: 'a.example', port: 8444 })
    cache.receive(origin, 'clear')
    expect(cache.get(origin)).toBeUndefined()
  })

  test('is passed over for a while where it could not be reached', () => {
    let now = 0
    const cache = new AltSvcCache(() => now)
    cache.receive(origin, 'h3=":1", h3=":2"')
    cache.onBroken(origin, { host: 'a.example', port: 1 })
    expect(cache.get(origin)).toMatchObject({ port: 2 })
    now += 300_000
    expect(cache.get(origin)).toMatchObject({ port: 1 })
  })

  test('is bounded: who was heard of longest ago is forgotten', () => {
    const cache = new AltSvcCache(() => 0, 2)
    for (const name of ['a', 'b', 'c']) cache.receive(`https://${name}.example`, 'h3=":1"')
    expect(['a', 'b', 'c'].map((name) => cache.get(`https://${name}.example`) !== undefined)).toEqual([
      false,
      true,
      true,
    ])
  })
})
