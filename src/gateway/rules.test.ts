import { describe, expect, test } from 'vitest'
import { type RuleOptions, Rules } from './rules.ts'

const rules = (options: Partial<RuleOptions>): Rules =>
  new Rules({ allow: [], allowAnyPublic: false, ownAddresses: [], ...options })

/** What becomes of a target whose name has these addresses. */
function verdict(subject: Rules, host: string, port: number, ...addresses: string[]): string {
  const target = { host, port }
  return subject.beforeLookup(target) ?? subject.afterLookup(target, addresses) ?? 'allowed'
}

test('without rules a gateway does not begin', () => {
  expect(() => rules({})).toThrow('A gateway without rules forwards to nobody; allow a host and port')
})

describe('a rule', () => {
  test.each([
    '',
    ':443',
    'a b:443',
    'host:0',
    'host:65536',
    'host:x',
    '10.0.0.1/8:443',
    '300.1.1.1',
    'exa_mple..org',
    '1.2.3:443',
  ])('%s cannot be read', (text) => {
    expect(() => rules({ allow: [text] })).toThrow(RangeError)
  })

  test.each([53, 123, 161, 1900, 11_211])('may not open port %i', (port) => {
    expect(() => rules({ allow: [`quic.example:${port}`] })).toThrow(`Port ${port} is never forwarded to`)
  })

  test('without port opens 443 and 4433', () => {
    const subject = rules({ allow: ['quic.example'] })
    expect(verdict(subject, 'quic.example', 443, '8.8.8.8')).toBe('allowed')
    expect(verdict(subject, 'quic.example', 4433, '8.8.8.8')).toBe('allowed')
    expect(verdict(subject, 'quic.example', 8443, '8.8.8.8')).toBe('destination_port_prohibited')
  })

  test('with ports opens these alone', () => {
    const subject = rules({ allow: ['quic.example:8443,9443'] })
    expect(verdict(subject, 'quic.example', 9443, '8.8.8.8')).toBe('allowed')
    expect(verdict(subject, 'quic.example', 443, '8.8.8.8')).toBe('destination_port_prohibited')
  })

  test('names a host, in any letters, with or without the last dot', () => {
    const subject = rules({ allow: ['Quic.Example'] })
    expect(verdict(subject, 'QUIC.example.', 443, '8.8.8.8')).toBe('allowed')
    expect(verdict(subject, 'a.quic.example', 443, '8.8.8.8')).toBe('destination_prohibited')
    expect(verdict(subject, 'notquic.example', 443, '8.8.8.8')).toBe('destination_prohibited')
  })

  test('with a star opens what is below a name', () => {
    const subject = rules({ allow: ['*.example'] })
    expect(verdict(subject, 'a.b.example', 443, '8.8.8.8')).toBe('allowed')
    expect(verdict(subject, 'example', 443, '8.8.8.8')).toBe('destination_prohibited')
    expect(verdict(subject, 'badexample', 443, '8.8.8.8')).toBe('destination_prohibited')
  })
})

describe('a name that resolves to an address that is not public', () => {
  test.each([
    '127.0.0.1',
    '169.254.169.254',
    '10.0.0.1',
    '::1',
    'fd00::1',
    '::ffff:127.0.0.1',
    '64:ff9b::7f00:1',
    'garbage',
  ])('%s is refused, be the name allowed', (address) => {
    expect(verdict(rules({ allow: ['quic.example'] }), 'quic.example', 443, address)).toBe('destination_ip_prohibited')
    expect(verdict(rules({ allowAnyPublic: true }), 'quic.example', 443, address)).toBe('destination_ip_prohibited')
  })

  test('is refused for one such address among many', () => {
    const subject = rules({ allow: ['quic.example'] })
    expect(verdict(subject, 'quic.example', 443, '8.8.8.8', '10.0.0.1')).toBe('destination_ip_prohibited')
  })

  test('is allowed where a rule names the range', () => {
    const subject = rules({ allow: ['quic.example', '10.0.0.0/24:443'] })
    expect(verdict(subject, 'quic.example', 443, '10.0.0.9')).toBe('allowed')
    expect(verdict(subject, 'quic.example', 4433, '10.0.0.9')).toBe('destination_ip_prohibited')
    expect(verdict(subject, 'other.example', 443, '10.0.0.9')).toBe('allowed')
    expect(verdict(subject, 'other.example', 443, '8.8.8.8')).toBe('destination_ip_prohibited')
  })

  test('is refused for the gateway itself', () => {
    const subject = rules({ allowAnyPublic: true, ownAddresses: ['8.8.4.4', 'fe80::1%eth0', '2606:4700::5'] })
    expect(verdict(subject, 'quic.example', 443, '8.8.4.4')).toBe('destination_ip_prohibited')
    expect(verdict(subject, 'quic.example', 443, '::ffff:8.8.4.4')).toBe('destination_ip_prohibited')
    expect(verdict(subject, 'quic.example', 443, '2606:4700::5')).toBe('destination_ip_prohibited')
    expect(verdict(subject, 'quic.example', 443, '8.8.8.8')).toBe('allowed')
  })
})

describe('this very host', () => {
  test('is reached as localhost, where a rule says so', () => {
    const subject = rules({ allow: ['localhost:4433'] })
    expect(verdict(subject, 'localhost', 4433, '127.0.0.1', '::1')).toBe('allowed')
    expect(verdict(subject, 'localhost', 443, '127.0.0.1')).toBe('destination_port_prohibited')
    expect(verdict(subject, '127.0.0.1', 4433, '127.0.0.1')).toBe('destination_prohibited')
    expect(verdict(subject, 'localhost', 4433, '127.0.0.1', '10.0.0.1')).toBe('destination_ip_prohibited')
  })

  test('is not reached by another name for it', () => {
    const subject = rules({ allow: ['localhost:4433', '*.example:4433'] })
    expect(verdict(subject, 'localtest.example', 4433, '127.0.0.1')).toBe('destination_ip_prohibited')
  })

  test('is reached by its address, where a rule names that', () => {
    const subject = rules({ allow: ['127.0.0.1:4433', '[::1]:4433'] })
    expect(verdict(subject, '127.0.0.1', 4433, '127.0.0.1')).toBe('allowed')
    expect(verdict(subject, '::1', 4433, '::1')).toBe('allowed')
    expect(verdict(subject, '127.0.0.2', 4433, '127.0.0.2')).toBe('destination_prohibited')
    expect(verdict(subject, '::ffff:127.0.0.1', 4433, '::ffff:127.0.0.1')).toBe('allowed')
  })
})

describe('any public host', () => {
  const subject = rules({ allowAnyPublic: true })

  test('is reached on the ports of QUIC', () => {
    expect(verdict(subject, 'quic.example', 443, '8.8.8.8', '2606:4700::1')).toBe('allowed')
    expect(verdict(subject, '8.8.8.8', 4433, '8.8.8.8')).toBe('allowed')
    expect(verdict(subject, 'quic.example', 8443, '8.8.8.8')).toBe('destination_port_prohibited')
  })

  test.each([53, 123, 161, 1900, 11_211])('is not reached on port %i', (port) => {
    expect(verdict(subject, 'quic.example', port, '8.8.8.8')).toBe('destination_port_prohibited')
  })

  test('is not what an old spelling of a loopback address resolves to', () => {
    for (const host of ['127.1', '0x7f000001', '2130706433', '0177.0.0.1']) {
      expect(verdict(subject, host, 443, '127.0.0.1')).toBe('destination_ip_prohibited')
    }
  })
})

test('a name without address is a dns_error', () => {
  expect(verdict(rules({ allow: ['quic.example'] }), 'quic.example', 443)).toBe('dns_error')
})
