/** §9 of the contract: how long silence may last. */
import { expect } from 'vitest'
import { QuicHandshakeTimeoutError, QuicIdleTimeoutError } from '../../src/index.ts'
import { bytesOf, rejection } from './bytes.ts'
import { row, type Section } from './row.ts'
import type { Scene } from './scene.ts'

/** The spin bits of the 1-RTT packets that the client has sent. */
function spins(scene: Scene): number[] {
  const short = scene.wire.filter(({ from, bytes }) => from === 'client' && ((bytes[0] ?? 0x80) & 0x80) === 0)
  return short.map(({ bytes }) => ((bytes[0] ?? 0) >> 5) & 1)
}

export const LIVENESS: Section = {
  title: '9 · Liveness',
  file: 'e2e/contract/liveness.ts',
  rows: [
    row(
      '`maxIdleTimeout` (30,000)',
      'is the smaller of what both sides gave, and its expiry is silent',
      async (scene) => {
        const { client, peer, log } = await scene.meet({
          client: { maxIdleTimeout: 20_000 },
          server: { maxIdleTimeout: 400 },
        })
        await log.client.shows('parameters_set', { initiator: 'remote', max_idle_timeout: 400 })
        const began = scene.now()
        expect(await rejection(client.closed)).toBeInstanceOf(QuicIdleTimeoutError)
        expect(scene.now() - began).toBeLessThan(3000)
        expect(await rejection(peer.closed)).toBeInstanceOf(QuicIdleTimeoutError)
        await log.client.shows('connection_closed', { trigger: 'idle_timeout' })
        expect(log.client.frames('packet_sent', 'connection_close')).toEqual([])
        expect(log.server.frames('packet_sent', 'connection_close')).toEqual([])
      },
    ),
    row(
      '`maxIdleTimeout` below three probe timeouts',
      'is three probe timeouts',
      async (scene) => {
        const { client, log } = await scene.meet({ client: { maxIdleTimeout: 1 } })
        expect(client.inspect()?.idleTimeout).toBe(1)
        await log.client.shows('parameters_set', { initiator: 'local', max_idle_timeout: 1 })
        expect(await client.ping()).toBeGreaterThan(0)
        await log.client.sent('ping')
      },
      { over: ['lossy'], because: 'on loopback three probe timeouts are hardly more than a tick' },
    ),
    row('`handshakeTimeout` (10,000)', 'ends a handshake that nobody answers', async (scene) => {
      const host = await scene.serve()
      await scene.endpoint()
      scene.first('client').fate = () => 'lose'
      const { client, log } = await scene.dial(host.server, { handshakeTimeout: 600, initialRtt: 50 })
      const began = scene.now()
      expect(await rejection(client.ready)).toBeInstanceOf(QuicHandshakeTimeoutError)
      expect(scene.now() - began).toBeLessThan(2000)
      await log.shows('connection_closed', { reason: 'The handshake was not complete after 600 ms' })
      const late = await scene.dial(host.server)
      scene.first('client').fate = () => 'send'
      await late.client.ready
    }),
    row("`keepAlive: 'auto'`", 'sends PING after a third of the idle timeout', async (scene) => {
      const { client, log } = await scene.meet({ client: { maxIdleTimeout: 600, keepAlive: 'auto' } })
      await client.handshakeConfirmed
      await scene.sleep(1500)
      expect(client.state).toBe('connected')
      await log.client.sent('ping')
    }),
    row('`keepAlive: ms`', 'sends PING after so much silence', async (scene) => {
      const { client, log } = await scene.meet({ client: { keepAlive: 60, mtu: { max: 1200 } } })
      await client.handshakeConfirmed
      await scene.sleep(700)
      const pings = log.client.frames('packet_sent', 'ping').length
      expect(pings).toBeGreaterThan(4)
      expect(pings).toBeLessThan(20)
      await log.client.sent('ping')
    }),
    row(
      '`keepAlive: false`',
      'is the default, and says nothing',
      async (scene) => {
        const { client, log } = await scene.meet({ client: { maxIdleTimeout: 500, mtu: { max: 1200 } } })
        expect(await rejection(client.closed)).toBeInstanceOf(QuicIdleTimeoutError)
        await log.client.shows('connection_closed', { trigger: 'idle_timeout' })
        expect(log.client.frames('packet_sent', 'ping')).toEqual([])
      },
      { link: { delay: 20 } },
    ),
    row('`spinBit` (true)', 'turns once a round trip on most paths, and at random where it is off', async (scene) => {
      const turns: number[] = []
      for (let count = 0; count < 3; count++) {
        const before = spins(scene).length
        const { client } = await scene.meet()
        await client.handshakeConfirmed
        for (let round = 0; round < 8; round++) await client.ping()
        const seen = spins(scene).slice(before)
        turns.push(seen.filter((spin, index) => index > 0 && spin !== seen[index - 1]).length)
      }
      // One path in sixteen does not take part.
      expect(Math.max(...turns)).toBeGreaterThan(3)
      await scene.sees('client', 'a short header with the spin bit set', (bytes) => ((bytes[0] ?? 0) & 0xe0) === 0x60)
      await scene.sees('client', 'a short header with the spin bit clear', (bytes) => ((bytes[0] ?? 0) & 0xe0) === 0x40)
    }),
    row('`maxAckDelay` (25), `ackDelayExponent` (3)', 'are told to the peer and kept', async (scene) => {
      const { client, peer, log } = await scene.meet({ client: { maxAckDelay: 7, ackDelayExponent: 5 } })
      await log.server.shows('parameters_set', { initiator: 'remote', max_ack_delay: 7, ack_delay_exponent: 5 })
      const stream = await peer.createUnidirectionalStream()
      stream.tryWrite(bytesOf(10))
      await log.client.sent('ack', { ack_delay: (value: unknown) => Number(value) <= 40 })
      expect(client.state).toBe('connected')
    }),
  ],
}
