import { describe, expect, test } from 'vitest'
import { idOf, seededRandom, testCarrier } from '../connection/owners.fixtures.ts'
import { TransportErrorCode } from '../wire/transport-error.ts'
import { VERSION_1 } from '../wire/version.ts'
import { Incoming, type IncomingInitial, type IncomingLimits, type RetryPolicy } from './incoming.ts'
import { Occupancy } from './occupancy.ts'
import { AddressTokens } from './tokens.ts'

const CLIENT = '203.0.113.7:50000'
const ORIGINAL = idOf(1, 2, 3, 4, 5, 6, 7, 8)
const SOURCE = idOf(0xc1)
const CHOSEN = idOf(0x51, 0x52, 0x53, 0x54)

const INITIAL: IncomingInitial = {
  version: VERSION_1,
  destination: ORIGINAL,
  source: SOURCE,
  token: new Uint8Array(0),
  datagramSize: 1200,
  remoteAddress: CLIENT,
  carrier: testCarrier(),
}

function setUp(options: { retry?: RetryPolicy; limits?: Partial<IncomingLimits> } = {}) {
  const tokens = new AddressTokens({
    key: new Uint8Array(32),
    random: seededRandom(),
    wallClock: () => 1_790_000_000_000,
  })
  const occupancy = new Occupancy()
  return { tokens, occupancy, incoming: new Incoming({ tokens, occupancy, ...options }) }
}

function retryToken(tokens: AddressTokens, remoteAddress = CLIENT): Uint8Array {
  const ids = { originalDestination: ORIGINAL, retrySource: CHOSEN, clientSource: SOURCE }
  return tokens.sealRetry({ remoteAddress, version: VERSION_1, ...ids })
}

describe('Incoming', () => {
  test('accepts a client, whose address is not validated, under its own id', () => {
    const { incoming } = setUp()
    expect(incoming.decide(INITIAL, 0)).toEqual({
      action: 'accept',
      addressValidated: false,
      originalDestination: ORIGINAL,
      retrySource: undefined,
    })
  })

  //= rfc9000#14.1-p4-1
  test('drops Initial packets in datagrams below 1,200 bytes', () => {
    const { incoming } = setUp({ retry: 'always' })
    expect(incoming.decide({ ...INITIAL, datagramSize: 1199 }, 0)).toMatchObject({ action: 'ignore' })
  })

  //= rfc9000#7.2-p3-1
  test('drops a destination id below 8 bytes, unless it chose the id itself', () => {
    const { incoming, tokens } = setUp()
    const short = { ...INITIAL, destination: CHOSEN }
    expect(incoming.decide(short, 0)).toMatchObject({ action: 'ignore' })
    expect(incoming.decide({ ...short, token: retryToken(tokens) }, 0)).toMatchObject({ action: 'accept' })
  })

  //= rfc9000#8.1.3-p10-1
  //= rfc9000#8.1.3-p10-3
  test('asks for a Retry, and lets the client go on that answers it', () => {
    const { incoming, tokens } = setUp({ retry: 'always' })
    expect(incoming.decide(INITIAL, 0)).toEqual({ action: 'retry' })
    const answer = { ...INITIAL, destination: CHOSEN, token: retryToken(tokens) }
    expect(incoming.decide(answer, 0)).toEqual({
      action: 'accept',
      addressValidated: true,
      originalDestination: ORIGINAL,
      retrySource: CHOSEN,
    })
  })

  //= rfc9000#8.1.2-p5-1
  test('refuses a wrong Retry token with INVALID_TOKEN', () => {
    const { incoming, tokens } = setUp({ retry: 'always' })
    const stolen = { ...INITIAL, destination: CHOSEN, token: retryToken(tokens, '192.0.2.99:1') }
    expect(incoming.decide(stolen, 0)).toMatchObject({ action: 'refuse', code: TransportErrorCode.INVALID_TOKEN })
  })

  //= rfc9000#8.1.3-p10-2
  test('treats any other wrong token as none', () => {
    const { incoming } = setUp()
    const foreign = { ...INITIAL, token: new Uint8Array(40).fill(1) }
    expect(incoming.decide(foreign, 0)).toMatchObject({ action: 'accept', addressValidated: false })
    const strict = setUp({ retry: 'always' }).incoming
    expect(strict.decide(foreign, 0)).toEqual({ action: 'retry' })
  })

  //= rfc9000#8.1.4-p4-2
  test('takes a NEW_TOKEN token instead of a Retry, once, from the host that got it', () => {
    const { incoming, tokens } = setUp({ retry: 'always' })
    const token = tokens.sealNewToken(CLIENT, VERSION_1)
    const elsewhere = { ...INITIAL, token, remoteAddress: '192.0.2.99:1' }
    expect(incoming.decide(elsewhere, 0)).toEqual({ action: 'retry' })
    const returning = { ...INITIAL, token, remoteAddress: '203.0.113.7:6' }
    expect(incoming.decide(returning, 0)).toMatchObject({ action: 'accept', addressValidated: true })
    expect(incoming.decide(returning, 0)).toEqual({ action: 'retry' })
  })

  test('needs no proof where the carrier gives it', () => {
    const { incoming } = setUp({ retry: 'always' })
    const carrier = testCarrier({ addressValidated: true })
    expect(incoming.decide({ ...INITIAL, carrier }, 0)).toMatchObject({ action: 'accept', addressValidated: true })
  })

  test('asks for a Retry under load only while there is load', () => {
    const { incoming, occupancy } = setUp({ retry: 'under-load', limits: { retryThreshold: 2 } })
    expect(incoming.decide(INITIAL, 0)).toMatchObject({ action: 'accept' })
    occupancy.onOpened(CLIENT)
    occupancy.onOpened(CLIENT)
    expect(incoming.decide(INITIAL, 0)).toEqual({ action: 'retry' })
    occupancy.onHandshakeComplete()
    expect(incoming.decide(INITIAL, 0)).toMatchObject({ action: 'accept' })
  })

  //= rfc9000#5.2.2-p5-1
  test('refuses what is beyond its limits', () => {
    const refused = { action: 'refuse', code: TransportErrorCode.CONNECTION_REFUSED }
    const handshakes = setUp({ limits: { maxHandshakes: 1 } })
    handshakes.occupancy.onOpened(CLIENT)
    expect(handshakes.incoming.decide(INITIAL, 0)).toMatchObject(refused)
    handshakes.occupancy.onHandshakeComplete()
    expect(handshakes.incoming.decide(INITIAL, 0)).toMatchObject({ action: 'accept' })
    const all = setUp({ limits: { maxConnections: 1 } })
    all.occupancy.onOpened('192.0.2.50:1')
    all.occupancy.onHandshakeComplete()
    expect(all.incoming.decide(INITIAL, 0)).toMatchObject(refused)
    all.occupancy.onClosed('192.0.2.50:1', false)
    expect(all.incoming.decide(INITIAL, 0)).toMatchObject({ action: 'accept' })
    const ofHost = setUp({ limits: { maxConnectionsPerAddress: 2 } })
    ofHost.occupancy.onOpened('203.0.113.7:1')
    ofHost.occupancy.onOpened('203.0.113.7:2')
    expect(ofHost.incoming.decide(INITIAL, 0)).toMatchObject(refused)
    expect(ofHost.incoming.decide({ ...INITIAL, remoteAddress: '203.0.113.8:1' }, 0)).toMatchObject({
      action: 'accept',
    })
  })

  test('drops a flood unread', () => {
    const { incoming } = setUp({ limits: { maxInitialsPerSecond: 100 } })
    let accepted = 0
    for (let count = 0; count < 100_000; count++) {
      if (incoming.decide(INITIAL, 0).action === 'accept') accepted += 1
    }
    expect(accepted).toBe(100)
    expect(incoming.decide(INITIAL, 1000)).toMatchObject({ action: 'accept' })
  })

  test('spends itself on so many refusals a second', () => {
    const { incoming } = setUp({ limits: { maxConnections: 0 } })
    const actions = new Map<string, number>()
    for (let count = 0; count < 5000; count++) {
      const { action } = incoming.decide(INITIAL, 0)
      actions.set(action, (actions.get(action) ?? 0) + 1)
    }
    expect([...actions]).toEqual([
      ['refuse', 1000],
      ['ignore', 4000],
    ])
  })

  test('counts what is open, and nothing is left when all is closed', () => {
    const { occupancy } = setUp()
    for (let count = 0; count < 10; count++) occupancy.onOpened(`203.0.113.${count}:1`)
    for (let count = 0; count < 5; count++) occupancy.onHandshakeComplete()
    expect([occupancy.handshakes, occupancy.connections]).toEqual([5, 10])
    for (let count = 0; count < 10; count++) occupancy.onClosed(`203.0.113.${count}:1`, count >= 5)
    expect([occupancy.handshakes, occupancy.connections]).toEqual([0, 0])
  })

  test('rejects limits that are none', () => {
    expect(() => setUp({ limits: { maxHandshakes: -1 } })).toThrow(
      new RangeError('maxHandshakes must be a non-negative integer or Infinity, got -1'),
    )
    expect(() => setUp({ limits: { most: 1 } as Partial<IncomingLimits> })).toThrow(new TypeError('Unknown limit most'))
  })
})
