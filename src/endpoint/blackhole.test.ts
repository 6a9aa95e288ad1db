import { describe, expect, test } from 'vitest'
import { quickCrypto } from './quick-crypto.fixtures.ts'
import { Pair, type PairOptions } from './test-pair.fixtures.ts'
import { runChecked, Traffic } from './traffic.fixtures.ts'

const crypto = quickCrypto()

function connected(options: PairOptions = {}, largest = Infinity) {
  const state = { isDark: false, sent: 0, largest }
  const pair = new Pair({
    crypto,
    ...options,
    tap: (bytes) => {
      state.sent += 1
      return !state.isDark && bytes.length <= state.largest
    },
  })
  const traffic = new Traffic(pair)
  const { client, server } = pair.handshake()
  return { pair, traffic, client, server, state }
}

describe('A path that carries nothing for a while', () => {
  //= rfc9002#7.6.2-p6-1
  //= rfc9002#6.2.1-p9-1
  test('is probed with back-off, counts as persistently congested, and is used again when it is back', () => {
    const { pair, traffic, client, state } = connected()
    traffic.send(client, 'unidirectional', 3_000_000)
    runChecked(pair, () => traffic.received('server') > 500_000, 10_000)
    const before = client.stats()
    state.isDark = true
    // What the window still allowed is gone by then.
    runChecked(pair, () => false, 1000)
    state.sent = 0
    runChecked(pair, () => false, 8000)
    expect(state.sent).toBeLessThan(20)
    expect(client.stats().ptoCount).toBeGreaterThan(3)
    state.isDark = false
    runChecked(pair, () => client.stats().congestionWindow <= 2 * client.stats().mtu, 8000)
    expect(client.stats().congestionWindow).toBeLessThan(before.congestionWindow)
    expect(runChecked(pair, () => traffic.completed('server') === 1, 60_000)).toBe(true)
    expect(client.stats().ptoCount).toBe(0)
  })

  test('ends both sides by their idle timeouts if it stays so', () => {
    const { pair, traffic, client, server, state } = connected()
    traffic.send(client, 'unidirectional', 1_000_000)
    runChecked(pair, () => traffic.received('server') > 100_000, 10_000)
    state.isDark = true
    runChecked(pair, () => false, 1000)
    state.sent = 0
    runChecked(pair, () => client.state === 'closed' && server.state === 'closed', 120_000)
    expect([client.closeReason?.kind, server.closeReason?.kind]).toEqual(['idle-timeout', 'idle-timeout'])
    expect(state.sent).toBeLessThan(40)
    expect([pair.client.endpoint.connectionCount, pair.server.endpoint.connectionCount]).toEqual([0, 0])
  })

  test('in one direction only is the same, for whoever cannot be heard', () => {
    for (const deaf of ['client', 'server'] as const) {
      let isDark = false
      const pair = new Pair({ crypto, tap: (_bytes, from) => !(isDark && from !== deaf) })
      const traffic = new Traffic(pair)
      const { client } = pair.handshake()
      traffic.send(client, 'bidirectional', 500_000, 500_000)
      runChecked(pair, () => traffic.received('server') > 100_000, 10_000)
      isDark = true
      runChecked(pair, () => false, 3000)
      isDark = false
      expect([deaf, runChecked(pair, () => traffic.completed('client') === 1, 60_000)]).toEqual([deaf, true])
    }
  })
})

describe('A path that stops carrying large datagrams', () => {
  //= rfc9000#14.2-p3-1
  test('is noticed, and the transfer goes on with small ones', () => {
    const { pair, traffic, client, state } = connected()
    traffic.send(client, 'unidirectional', 4_000_000)
    runChecked(pair, () => client.stats().mtu > 1400, 10_000)
    expect(client.stats().mtu).toBe(1452)
    state.largest = 1250
    expect(runChecked(pair, () => traffic.completed('server') === 1, 60_000)).toBe(true)
    expect(client.stats().mtu).toBeLessThanOrEqual(1250)
  })

  //= rfc9000#14.4-p2-1
  test('was never good for more than 1,200 bytes, and nothing but probes is lost', () => {
    const { pair, traffic, client } = connected({}, 1200)
    traffic.send(client, 'unidirectional', 500_000)
    expect(runChecked(pair, () => traffic.completed('server') === 1, 60_000)).toBe(true)
    expect([client.stats().mtu, client.stats().packetsLost]).toEqual([1200, 0])
  })
})
