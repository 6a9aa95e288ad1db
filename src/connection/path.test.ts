import { describe, expect, test } from 'vitest'
import { newReno } from '../recovery/congestion/new-reno.ts'
import { PathRecovery } from '../recovery/path-recovery.ts'
import type { Role } from '../wire/stream-id.ts'
import { idOf, seededRandom, testCarrier } from './owners.fixtures.ts'
import { Path, type PathParts } from './path.ts'
import { SpinBit } from './spin-bit.ts'

function pathOf(options: { validated?: boolean; id?: number; made?: () => void } = {}): Path {
  const id = options.id ?? 0
  return new Path({
    id,
    role: 'server',
    carrier: testCarrier(),
    remoteAddress: '203.0.113.7:50000',
    validated: options.validated ?? false,
    spinBit: true,
    random: seededRandom(),
    createParts: (): PathParts => {
      options.made?.()
      return { recovery: new PathRecovery({ id, controller: newReno }), mtu: undefined }
    },
  })
}

describe('Path', () => {
  //= rfc9000#8-p2-1
  //= rfc9000#8.1-p4-1
  //= rfc9000#8.1-p4-2
  test('allows three times the bytes that came, until it is validated', () => {
    const path = pathOf()
    expect(path.canSend(1)).toBe(false)
    path.onReceived(1200, 0)
    expect(path.sendAllowance).toBe(3600)
    path.onSent(2400)
    expect(path.canSend(1200)).toBe(true)
    expect(path.canSend(1201)).toBe(false)
    path.onSent(1250)
    expect(path.sendAllowance).toBe(0)
    path.markValidated()
    expect(path.sendAllowance).toBe(Infinity)
    expect(path.canSend(1e9)).toBe(true)
  })

  test('keeps at most four challenges to answer, the newest', () => {
    const path = pathOf()
    for (let count = 0; count < 100_000; count++) path.addResponse(Uint8Array.of(count & 0xff))
    expect(path.responses.map((data) => data[0])).toEqual([156, 157, 158, 159])
    expect(path.owesProbe).toBe(true)
  })

  test('makes its recovery when it is first needed, or goes on with that of another', () => {
    let made = 0
    const count = (): void => {
      made += 1
    }
    const path = pathOf({ made: count })
    const other = pathOf({ id: 1, made: count })
    expect(path.hasRecovery).toBe(false)
    expect(path.recovery).toBe(path.recovery)
    other.continueFrom(path)
    expect(other.recovery).toBe(path.recovery)
    expect(other.sharesRecoveryWith(path)).toBe(true)
    expect(made).toBe(1)
  })

  test('begins the spin bit anew with another connection id', () => {
    const path = pathOf()
    const first = idOf(1)
    expect(path.spinBit(first)).toBe(0)
    path.spin.onReceived(1, 0)
    expect(path.spinBit(first)).toBe(1)
    expect(path.spinBit(idOf(2))).toBe(0)
  })
})

describe('SpinBit', () => {
  const spinning = (role: Role): SpinBit => new SpinBit(role, true, seededRandom())

  test('a server reflects the bit, a client inverts it', () => {
    const client = spinning('client')
    expect(client.value).toBe(0)
    client.onReceived(0, 1)
    expect(client.value).toBe(1)
    client.onReceived(1, 2)
    expect(client.value).toBe(0)
    const reflecting = spinning('server')
    reflecting.onReceived(1, 1)
    expect(reflecting.value).toBe(1)
    reflecting.onReceived(0, 2)
    expect(reflecting.value).toBe(0)
  })

  test('only the highest packet number counts', () => {
    const server = spinning('server')
    server.onReceived(1, 5)
    server.onReceived(0, 4)
    server.onReceived(0, 5)
    expect(server.value).toBe(1)
  })

  //= rfc9000#17.4-p4-1
  //= rfc9000#17.4-p5-1
  //= rfc9000#17.4-p5-2
  test('can be turned off, and then ignores what comes', () => {
    const values = new Set<number>()
    for (let seed = 1; seed < 50; seed++) {
      const bit = new SpinBit('server', false, seededRandom(seed))
      const before = bit.value
      bit.onReceived(before === 0 ? 1 : 0, 1)
      expect(bit.value).toBe(before)
      values.add(before)
    }
    expect(values.size).toBe(2)
  })

  //= rfc9000#17.4-p4-2
  test('is off on about one path in sixteen', () => {
    let off = 0
    const random = seededRandom(7)
    for (let path = 0; path < 1600; path++) {
      const bit = new SpinBit('server', true, random)
      const before = bit.value
      bit.onReceived(before === 0 ? 1 : 0, 1)
      if (bit.value === before) off += 1
    }
    expect(off).toBeGreaterThan(50)
    expect(off).toBeLessThan(200)
  })
})
