import fc from 'fast-check'
import { expect, test } from 'vitest'
import { quickCrypto } from '../endpoint/quick-crypto.fixtures.ts'
import { Pair } from '../endpoint/test-pair.fixtures.ts'
import { formatKeyLogLine, parseKeyLog, parseKeyLogLine } from './keylog.ts'

const RANDOM = 'ab'.repeat(32)

test('What is written is read again', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 64 })
  const random = fc.uint8Array({ minLength: 32, maxLength: 32 })
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Z_0-9]{1,40}$/), random, bytes, (label, clientRandom, secret) => {
      expect(parseKeyLogLine(formatKeyLogLine({ label, clientRandom, secret }))).toEqual({
        label,
        clientRandom,
        secret,
      })
    }),
  )
})

test('A file is read whatever ends its lines, in either case, without comments, empty and broken lines', () => {
  const file = [
    '# a comment, Ü',
    '',
    `CLIENT_TRAFFIC_SECRET_0 ${RANDOM} 00ff`,
    `SERVER_TRAFFIC_SECRET_0 ${RANDOM.toUpperCase()} 00FF`,
    `CLIENT_RANDOM ${RANDOM.slice(2)} 00`,
    `CLIENT_RANDOM ${RANDOM} 0`,
    `CLIENT_RANDOM  ${RANDOM} 00`,
    `CLIENT_RANDOM ${RANDOM}`,
    `CLIENT_RANDOM ${RANDOM} 00 11`,
  ]
  for (const end of ['\n', '\r\n', '\r']) {
    const entries = parseKeyLog(file.join(end))
    expect(entries.map(({ label }) => label)).toEqual(['CLIENT_TRAFFIC_SECRET_0', 'SERVER_TRAFFIC_SECRET_0'])
    expect(entries[1]).toEqual({ ...entries[0], label: 'SERVER_TRAFFIC_SECRET_0' })
    expect(entries[0]?.secret).toEqual(Uint8Array.of(0, 255))
  }
})

test('Reading never throws', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => void parseKeyLog(text)))
})

test('What is no entry is refused by name', () => {
  const entry = { label: 'A', clientRandom: new Uint8Array(32), secret: Uint8Array.of(1) }
  expect(() => formatKeyLogLine({ ...entry, label: 'A B' })).toThrow('label must be one word, got "A B"')
  expect(() => formatKeyLogLine({ ...entry, clientRandom: new Uint8Array(31) })).toThrow('32 bytes, got 31')
})

test('Both ends of a connection log the same secrets', () => {
  const logs: Record<'client' | 'server', string[]> = { client: [], server: [] }
  const pair = new Pair({
    crypto: quickCrypto(),
    clientTls: { keyLog: (line) => logs.client.push(line) },
    serverTls: { keyLog: (line) => logs.server.push(line) },
  })
  pair.handshake()
  const client = parseKeyLog(logs.client.join('\n'))
  expect(client.length).toBe(logs.client.length)
  expect(client.map(({ label }) => label)).toEqual(
    expect.arrayContaining(['CLIENT_TRAFFIC_SECRET_0', 'SERVER_TRAFFIC_SECRET_0']),
  )
  expect(parseKeyLog(logs.server.join('\n')).toSorted(byLabel)).toEqual(client.toSorted(byLabel))
})

function byLabel(a: { readonly label: string }, b: { readonly label: string }): number {
  return a.label < b.label ? -1 : 1
}
