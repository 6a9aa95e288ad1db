/** §7 of the contract: paths, moves, and what a path carries. */
import { expect } from 'vitest'
import { QuicMigrationError } from '../../src/index.ts'
import { pipe } from '../../transports/pipe.ts'
import { above, between, bytesOf, first, readAll, rejection, writeAll } from './bytes.ts'
import { row, type Section } from './row.ts'
import type { Meeting, MeetOptions, Scene } from './scene.ts'

/** Two ends that know one another well enough to move. */
async function settled(scene: Scene, options: MeetOptions = {}): Promise<Meeting> {
  const meeting = await scene.meet(options)
  await meeting.client.handshakeConfirmed
  await meeting.log.client.received('new_connection_id')
  await scene.sleep(50)
  return meeting
}

async function echo({ client, peer }: Meeting, length: number): Promise<void> {
  const stream = await client.createBidirectionalStream()
  const answering = first(peer.incomingBidirectionalStreams).then(async (other) =>
    writeAll(other, await readAll(other)),
  )
  const [echoed] = await Promise.all([readAll(stream), writeAll(stream, bytesOf(length)), answering])
  expect(echoed).toEqual(bytesOf(length))
}

async function failure(promise: Promise<void>): Promise<unknown> {
  const error = await rejection(promise)
  expect(error).toBeInstanceOf(QuicMigrationError)
  return (error as QuicMigrationError).failure
}

/** Ids that the client has sent 1-RTT packets to. */
function idsOf({ log }: Meeting): Set<unknown> {
  const packets = log.client.events('packet_sent', { header: { packet_type: '1RTT' } })
  return new Set(packets.map(({ header }) => (header as { readonly dcid: unknown }).dcid))
}

export const PATHS: Section = {
  title: '7 · Paths, migration, MTU',
  file: 'e2e/contract/paths.ts',
  rows: [
    row('`connection.paths`', 'lists addresses, state, RTT, MTU and window of each', async (scene) => {
      const { client, log } = await settled(scene)
      await log.client.shows('mtu_updated', { new: 1452 })
      expect(client.paths).toMatchObject([
        { localAddress: client.localAddress, remoteAddress: client.remoteAddress, state: 'active' },
      ])
      const [path] = client.paths
      await scene.until(() => client.paths[0]?.mtu === 1452)
      expect(path?.congestionWindow).toBeGreaterThan(2000)
      expect(path?.rtt).toBeLessThan(1000)
    }),
    row(
      '`connection.migrate(transport)`',
      'moves a transfer to a new local address, to a fresh id of the peer, with window, RTT and MTU anew',
      async (scene) => {
        const meeting = await settled(scene)
        const { client, peer, log } = meeting
        const moved = new Promise<Event>((resolve) => client.addEventListener('pathchange', resolve))
        const next = await scene.transport('client')
        const transfer = echo(meeting, 60_000)
        await client.migrate(next)
        expect(client.localAddress).toBe(next.localAddress)
        await Promise.all([moved, transfer])
        expect(peer.remoteAddress).toBe(next.localAddress)
        await log.client.sent('path_challenge')
        await log.client.received('path_response')
        await log.client.shows('migration_state_updated', { new: 'migration_complete' })
        expect(idsOf(meeting).size).toBeGreaterThan(1)
      },
      { interop: ['connectionmigration'] },
    ),
    row(
      '`connection.migrate(transport)` to another carrier',
      'goes on over whatever carries datagrams',
      async (scene) => {
        const meeting = await settled(scene)
        const { client, server, log } = meeting
        const reliable = { reliable: true, ordered: true, addressValidated: true }
        const [near, far] = pipe({ properties: reliable, maxDatagramSize: 3000 })
        server.addTransport(far)
        const transfer = echo(meeting, 60_000)
        await client.migrate(near)
        await transfer
        expect(client.paths.find(({ state }) => state === 'active')?.mtu).toBe(3000)
        await log.client.shows('migration_state_updated', { new: 'probing_successful' })
        await log.client.shows('migration_state_updated', { new: 'migration_complete' })
      },
    ),
    row(
      '`connection.addPath(transport)`',
      'validates a spare, to which `migrate` then moves at once',
      async (scene) => {
        const meeting = await settled(scene)
        const { client, log } = meeting
        const spare = await scene.transport('client')
        await client.addPath(spare)
        expect(client.paths.map(({ state }) => state)).toEqual(['active', 'spare'])
        const moving = client.migrate(spare)
        expect(client.localAddress).toBe(client.paths[0]?.localAddress)
        await moving
        expect(client.localAddress).toBe(spare.localAddress)
        await echo(meeting, 5000)
        await log.client.shows('migration_state_updated', { new: 'probing_successful' })
      },
    ),
    row('A spare path', 'takes over when the transport in use is closed', async (scene) => {
      const meeting = await settled(scene)
      const spare = await scene.transport('client')
      await meeting.client.addPath(spare)
      const transfer = echo(meeting, 60_000)
      scene.first('client').close()
      await transfer
      expect(meeting.client.localAddress).toBe(spare.localAddress)
      await meeting.log.client.shows('migration_state_updated', { new: 'migration_complete' })
    }),
    row(
      '`migrate(transport, { timeout, signal })`',
      'asks again with a new challenge each PTO, gives up, rejects, and stays on the old path',
      async (scene) => {
        const meeting = await settled(scene)
        const { client, log } = meeting
        const before = client.localAddress
        const deaf = await scene.transport('client')
        deaf.fate = () => 'lose'
        expect(await failure(client.migrate(deaf))).toBe('timeout')
        const challenges = log.client.frames('packet_sent', 'path_challenge').map(({ data }) => data)
        expect(challenges.length).toBeGreaterThan(1)
        expect(new Set(challenges).size).toBe(challenges.length)
        expect([client.localAddress, client.state]).toEqual([before, 'connected'])
        await log.client.shows('migration_state_updated', { new: 'probing_abandoned' })
        const abort = new AbortController()
        const again = await scene.transport('client')
        again.fate = () => 'lose'
        const moving = client.migrate(again, { timeout: 5000, signal: abort.signal })
        abort.abort(new Error('Stay'))
        expect(await rejection(moving)).toEqual(new Error('Stay'))
        await echo(meeting, 1000)
      },
    ),
    row(
      '`migrate` before the handshake is confirmed, and by a server',
      'is refused with a typed error',
      async (scene) => {
        const host = await scene.serve()
        const { client, log } = await scene.dial(host.server)
        const spare = await scene.transport('client')
        expect(await failure(client.migrate(spare))).toBe('not-confirmed')
        await client.ready
        expect(await failure((await host.next()).migrate(spare))).toBe('server')
        await log.received('handshake_done')
        expect(log.frames('packet_sent', 'path_challenge')).toEqual([])
      },
    ),
    row('`disableActiveMigration`', 'is told to the peer, whose `migrate` is then refused', async (scene) => {
      const { client, log } = await settled(scene, { server: { disableActiveMigration: true } })
      await log.client.shows('parameters_set', { initiator: 'remote', disable_active_migration: true })
      expect(await failure(client.migrate(await scene.transport('client')))).toBe('disabled')
    }),
    row('A peer that leaves no spare id', 'makes `migrate` be refused', async (scene) => {
      const { client, log } = await scene.meet({ client: { activeConnectionIdLimit: 2 } })
      await client.handshakeConfirmed
      await log.client.received('new_connection_id')
      scene.first('client').fate = () => 'lose'
      const deaf = await scene.transport('client')
      deaf.fate = () => 'lose'
      const first = failure(client.addPath(deaf, { timeout: 400 }))
      expect(await failure(client.addPath(await scene.transport('client')))).toBe('no-connection-id')
      expect(await first).toBe('timeout')
      await log.client.sent('path_challenge')
    }),
    row(
      'A NAT that gives the client another port',
      'is noticed by the server, which validates the new address and keeps the congestion state',
      async (scene) => {
        const meeting = await settled(scene, { client: { keepAlive: 30 } })
        const { client, peer, log } = meeting
        await echo(meeting, 60_000)
        const moved = new Promise<Event>((resolve) => peer.addEventListener('pathchange', resolve))
        const { congestionWindow } = peer.sendQueue
        await scene.rebind()
        await Promise.all([moved, client.ping()])
        expect(peer.remoteAddress).not.toBe(client.localAddress)
        await log.server.sent('path_challenge')
        await log.server.received('path_response')
        await log.server.shows('migration_state_updated', { new: 'migration_complete' })
        if (congestionWindow > 20_000) expect(peer.sendQueue.congestionWindow).toBeGreaterThan(12_000)
        await echo(meeting, 20_000)
      },
      { interop: ['rebind-port'] },
    ),
    row(
      'A client that comes from another host',
      'is validated, at both addresses, and gets a fresh controller of the same algorithm',
      async (scene) => {
        const server = { congestionControl: 'newreno', mtu: { max: 1200 } } as const
        const meeting = await settled(scene, { client: { keepAlive: 30 }, server })
        const { client, peer, log } = meeting
        await echo(meeting, 60_000)
        const moved = new Promise<Event>((resolve) => peer.addEventListener('pathchange', resolve))
        await scene.rebind('127.0.0.9')
        await Promise.all([moved, client.ping()])
        expect(peer.congestionControl).toBe('newreno')
        await log.server.received('path_response')
        await log.server.shows('recovery_metrics_updated', { congestion_window: 12_000 })
        expect(log.server.frames('packet_sent', 'path_challenge').length).toBeGreaterThan(1)
        await echo(meeting, 20_000)
      },
      { interop: ['rebind-addr'] },
    ),
    row(
      '`preferredAddress`, `preferredAddressPolicy`',
      "moves clients there, unless they say `'ignore'`",
      async (scene) => {
        const transport = await scene.transport('server')
        const host = await scene.serve({ preferredAddress: { transport } })
        const meeting = await scene.visit(host)
        const { client, log } = meeting
        await scene.until(() => client.remoteAddress === transport.localAddress)
        await echo(meeting, 3000)
        const [address, port] = transport.localAddress.split(':')
        await log.client.shows('parameters_set', {
          initiator: 'remote',
          preferred_address: { ip_v4: address, port_v4: Number(port) },
        })
        await log.client.shows('migration_state_updated', { new: 'migration_complete' })
        const stubborn = await scene.visit(host, { preferredAddressPolicy: 'ignore' })
        await echo(stubborn, 1000)
        expect(stubborn.client.remoteAddress).toBe(host.server.address)
      },
    ),
    row('`server.addTransport(transport)`', 'takes connections, and moves, by another way', async (scene) => {
      const host = await scene.serve()
      const second = await scene.transport('server')
      host.server.addTransport(second)
      const log = scene.log('client')
      const endpoint = await scene.endpoint()
      const options = scene.clientOptions({ observer: log.observer })
      const client = endpoint.connect(second.localAddress, options)
      await client.ready
      expect((await host.next()).localAddress).toBe(second.localAddress)
      await log.shows('connection_state_updated', { new: 'handshake_complete' })
    }),
    row(
      '`mtu.max` (1,452), `path.mtu`, event `mtuchange`',
      'searches by probes of PING and PADDING',
      async (scene) => {
        const { client, log } = await scene.meet()
        const changed = new Promise<Event>((resolve) => client.addEventListener('mtuchange', resolve))
        await log.client.shows('packet_sent', { is_mtu_probe_packet: true, raw: { length: 1452 } })
        await log.client.shows('mtu_updated', { new: 1452 })
        await changed
        expect(client.paths[0]?.mtu).toBe(1452)
        const large = await scene.meet({ client: { mtu: { max: 9000 } } })
        await scene.until(() => large.client.paths[0]?.mtu === 9000, 120_000)
        await large.log.client.shows('mtu_updated', { new: 9000 })
      },
      { link: { delay: 20, loss: 0.03 } },
    ),
    row(
      'A probe that is lost',
      'is no congestion, and the search goes on below it',
      async (scene) => {
        const host = await scene.serve()
        await scene.endpoint()
        scene.first('client').fate = (bytes) => (bytes.length > 1400 ? 'lose' : 'send')
        const { client, log } = await scene.visit(host)
        await scene.until(() => (client.paths[0]?.mtu ?? 0) > 1350, 30_000)
        expect(client.paths[0]?.mtu).toBeLessThanOrEqual(1400)
        await log.client.shows('mtu_updated', { new: between(1351, 1400) })
        await log.client.shows('packet_lost', { is_mtu_probe_packet: true })
        expect((await client.getStats()).quic.congestionWindow).toBeGreaterThan(11_000)
      },
      { link: { delay: 20 } },
    ),
    row(
      'A black hole',
      'brings the size back to 1,200, and the transfer goes on',
      async (scene) => {
        const meeting = await settled(scene)
        const { client, log } = meeting
        await log.client.shows('mtu_updated', { new: 1452 })
        scene.first('client').fate = (bytes) => (bytes.length > 1250 ? 'lose' : 'send')
        await echo(meeting, 40_000)
        await log.client.shows('mtu_updated', { new: 1200 })
        expect(client.paths[0]?.mtu).toBeLessThanOrEqual(1250)
      },
      { link: { delay: 20, loss: 0.02 } },
    ),
    row(
      'The search',
      'is taken up again after 600 s',
      async (scene) => {
        const host = await scene.serve({ maxIdleTimeout: 0 })
        await scene.endpoint()
        scene.first('client').fate = (bytes) => (bytes.length > 1300 ? 'lose' : 'send')
        const { client, log } = await scene.visit(host, { maxIdleTimeout: 0, keepAlive: 10_000 })
        await scene.until(() => (client.paths[0]?.mtu ?? 0) > 1250, 60_000)
        await scene.sleep(60_000)
        scene.first('client').fate = () => 'send'
        const before = scene.now()
        await scene.sleep(500_000)
        expect(client.paths[0]?.mtu).toBeLessThanOrEqual(1300)
        await scene.until(() => client.paths[0]?.mtu === 1452, 200_000)
        expect(scene.now() - before).toBeLessThan(650_000)
        await log.client.shows('mtu_updated', { new: 1452 })
      },
      { over: ['lossy'], because: 'it takes ten minutes', link: { delay: 20 } },
    ),
    row(
      'A path that is not validated',
      'gets at most three times what came from it',
      async (scene) => {
        const { peer, log } = scene.forger('client')
        peer.connect('connected')
        const port = '192.0.2.77:777'
        let answered = 0
        peer.pair.network.tap(({ bytes, from, to }) => {
          if (from === 'server' && to === port) answered += bytes.length
          return true
        })
        const stream = peer.connection.streams.open('unidirectional')
        stream?.send?.write(new Uint8Array(200_000))
        // A PING is what moves a connection (RFC 9000 §9.2).
        const ping = peer.build([0x01, ...new Array<number>(60).fill(0)])
        peer.send([0x01, ...new Array<number>(60).fill(0)], { from: port })
        peer.run(20_000)
        await log.sent('path_challenge')
        expect(answered).toBeGreaterThan(0)
        expect(answered).toBeLessThanOrEqual(3 * ping.length)
      },
      {
        over: ['forger'],
        also: [
          'src/connection/path-manager.test.ts',
          'sends at most three times what came from an address that is not validated',
        ],
      },
    ),
    row(
      'A reliable carrier',
      'is not searched: it says what it carries',
      async (scene) => {
        const { client, log } = await settled(scene)
        expect(client.paths[0]?.mtu).toBe(1500)
        await log.client.shows('recovery_parameters_set', { max_datagram_size: above(1199) })
        expect(log.client.events('packet_sent', { is_mtu_probe_packet: true })).toEqual([])
      },
      {
        over: ['pipe'],
        because: 'the others lose datagrams',
        properties: { reliable: true, ordered: true, addressValidated: true },
      },
    ),
  ],
}
