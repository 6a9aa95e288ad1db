/** §2 of the contract: functions that make connections, and those of servers and endpoints. */
import { expect } from 'vitest'
import { defaultEnvironment } from '../../src/api/default-environment.ts'
import { noble } from '../../src/crypto/noble/provider.ts'
import type { CryptoProvider } from '../../src/crypto/provider.ts'
import type { Environment } from '../../src/environment.ts'
import {
  connect,
  QuicAddressError,
  QuicEndpoint,
  QuicHandshakeTimeoutError,
  QuicTransportError,
} from '../../src/index.ts'
import { bytesOf, first, readAll, rejection, writeAll } from './bytes.ts'
import { row, type Section } from './row.ts'

const PORT = /:(\d+)$/

export const CONNECTING: Section = {
  title: '2 · Functions: connections, servers, endpoints',
  file: 'e2e/contract/connecting.ts',
  rows: [
    row(
      '`connect(transport, options)`',
      'fulfils with a connection that is ready, and owns its transport',
      async (scene) => {
        const { server } = await scene.serve()
        const transport = await scene.transport('client')
        const log = scene.log('client')
        const { observer } = log
        const options = { ...scene.options, ...scene.clientOptions(), address: server.address, observer }
        const client = await connect(transport, options)
        expect(client.state).toBe('connected')
        await log.shows('connection_state_updated', { new: 'handshake_complete' })
        await client.close()
        await log.shows('connection_state_updated', { new: 'closed' })
        expect(() => transport.inner.open({ datagram() {}, drain() {}, closed() {} })).toThrow()
      },
      { interop: ['handshake'] },
    ),
    row(
      '`connect` with `signal`',
      'ends the attempt with the reason of the signal',
      async (scene) => {
        const server = await scene.listenInSilence()
        const log = scene.log('client')
        const abort = new AbortController()
        const options = { ...scene.clientOptions(), address: server.address, observer: log.observer }
        const connecting = connect(await scene.transport('client'), {
          ...scene.options,
          ...options,
          signal: abort.signal,
        })
        await scene.until(() => log.events('packet_sent').length > 1)
        abort.abort(new Error('Not any more'))
        expect(await rejection(connecting)).toEqual(new Error('Not any more'))
        await log.sent('connection_close')
      },
      { link: { delay: 20, loss: 0.5 } },
    ),
    row(
      '`new QuicEndpoint(transport)`, `endpoint.connect(address, options)`',
      'shares one bound transport between several connections',
      async (scene) => {
        const host = await scene.serve()
        const [one, other] = [await scene.visit(host), await scene.visit(host)]
        expect(one.client.localAddress).toBe(other.client.localAddress)
        expect(one.peer.remoteAddress).toBe(other.peer.remoteAddress)
        expect((await scene.endpoint()).stats().connections).toBe(2)
        const ids = [one, other].map(({ log }) => log.client.events('packet_sent')[0]?.['header'])
        expect(new Set(ids.map((header) => JSON.stringify(header))).size).toBe(2)
        await other.log.client.shows('connection_state_updated', { new: 'handshake_complete' })
      },
      { interop: ['multiconnect'] },
    ),
    row(
      '`endpoint.listen(options)`, `endpoint.address`, `endpoint.close()`',
      'takes connections on the transport on which it dials',
      async (scene) => {
        const one = new QuicEndpoint(await scene.transport('client'), scene.options)
        const other = new QuicEndpoint(await scene.transport('server'), scene.options)
        const { certificate } = scene
        const servers = await Promise.all(
          [one, other].map((endpoint) => endpoint.listen({ alpn: ['contract'], certificate })),
        )
        const [logThere, logBack] = [scene.log('client'), scene.log('client')]
        const there = one.connect(other.address, scene.clientOptions({ observer: logThere.observer }))
        const back = other.connect(one.address, scene.clientOptions({ observer: logBack.observer }))
        await Promise.all([there.ready, back.ready])
        expect([one.stats().connections, other.stats().connections]).toEqual([2, 2])
        await logThere.shows('connection_state_updated', { new: 'handshake_complete' })
        await logBack.shows('connection_state_updated', { new: 'handshake_complete' })
        for (const server of servers) await server.close()
        expect(one.address).toMatch(PORT)
        one.close()
        other.close()
      },
    ),
    row(
      '`connect` to a name without address',
      'rejects with a `QuicAddressError` and dials nothing else',
      async (scene) => {
        const { client: known, log } = await scene.meet()
        const endpoint = await scene.endpoint()
        const client = endpoint.connect('nobody.invalid:4433', scene.clientOptions())
        expect(await rejection(client.ready)).toBeInstanceOf(QuicAddressError)
        expect(client.state).toBe('closed')
        // The other connection of the transport does not notice.
        expect(await known.ping()).toBeGreaterThan(0)
        await log.client.sent('ping')
      },
    ),
    row(
      '`listen(transport, options)`',
      'is an async iterable of connections, each as soon as it can carry streams',
      async (scene) => {
        const { server, client, peer, log } = await scene.meet()
        expect(peer.state).toBe('connected')
        expect(server.connections.has(peer)).toBe(true)
        await log.server.sent('handshake_done')
        const writing = client.createUnidirectionalStream().then((stream) => writeAll(stream, bytesOf(10)))
        expect(await readAll(await first(peer.incomingUnidirectionalStreams))).toEqual(bytesOf(10))
        await writing
        expect(() => server.incoming).toThrow(TypeError)
      },
      { interop: ['handshake'] },
    ),
    row(
      '`server.incoming`, `incoming.accept(options)`, `remoteAddress`, `addressValidated`',
      'shows who asks before anything is spent, and takes options for one connection',
      async (scene) => {
        const server = await scene.listen()
        const log = scene.log('server')
        const { client } = await scene.dial(server)
        for await (const incoming of server.incoming) {
          expect(incoming.addressValidated).toBe(false)
          const { localAddress } = client
          expect(incoming.remoteAddress).toBe(localAddress)
          incoming.accept({ maxIdleTimeout: 12_345, observer: log.observer })
          break
        }
        await client.ready
        expect(client.peerTransportParameters?.maxIdleTimeout).toBe(12_345)
        await log.shows('parameters_set', { initiator: 'local', max_idle_timeout: 12_345 })
        expect(() => server[Symbol.asyncIterator]()).toThrow(TypeError)
      },
    ),
    row(
      '`incoming.refuse()`',
      'answers with CONNECTION_REFUSED',
      async (scene) => {
        const server = await scene.listen()
        const { client, log } = await scene.dial(server)
        for await (const incoming of server.incoming) {
          incoming.refuse()
          expect(() => incoming.accept()).toThrow()
          break
        }
        const error = await rejection(client.ready)
        expect(error).toBeInstanceOf(QuicTransportError)
        await log.received('connection_close', { error: 'connection_refused' })
        expect(server.stats().refused).toBeGreaterThan(0)
      },
      { link: { delay: 20, loss: 0.3 } },
    ),
    row(
      '`incoming.retry()`',
      'asks the client to prove its address, and has it come back validated',
      async (scene) => {
        const server = await scene.listen()
        const { client, log } = await scene.dial(server)
        const seen: boolean[] = []
        for await (const incoming of server.incoming) {
          seen.push(incoming.addressValidated)
          if (incoming.addressValidated) {
            incoming.accept()
            break
          }
          incoming.retry()
        }
        await client.ready
        expect(seen.at(-1)).toBe(true)
        expect(seen[0]).toBe(false)
        await log.shows('packet_received', { header: { packet_type: 'retry' } })
      },
      { interop: ['retry'] },
    ),
    row(
      '`incoming.ignore()`',
      'says nothing, and the client gives up in its time',
      async (scene) => {
        const server = await scene.listen()
        void (async () => {
          for await (const incoming of server.incoming) incoming.ignore()
        })()
        const { client, log } = await scene.dial(server, { handshakeTimeout: 700, initialRtt: 50 })
        expect(await rejection(client.ready)).toBeInstanceOf(QuicHandshakeTimeoutError)
        await log.shows('connection_closed', { trigger: 'aborted' })
        expect(log.events('packet_received')).toEqual([])
        expect(server.stats().ignored).toBeGreaterThan(0)
      },
      { link: { delay: 20, loss: 0.4 } },
    ),
    row(
      'Incoming connections that nobody decides on',
      'are refused when `handshakeTimeout` has passed',
      async (scene) => {
        const server = await scene.listenInSilence({ handshakeTimeout: 400 })
        const { client, log } = await scene.dial(server)
        expect(await rejection(client.ready)).toBeInstanceOf(QuicTransportError)
        await log.received('connection_close', { error: 'connection_refused' })
      },
    ),
    row(
      '`server.address`, `server.connections`, `server.stats()`, `endpoint.stats()`',
      'tell what there is',
      async (scene) => {
        const host = await scene.serve()
        const { client, peer, server, log } = await scene.visit(host)
        expect(client.remoteAddress).toBe(server.address)
        expect([...server.connections]).toEqual([peer])
        expect(server.stats()).toMatchObject({ connections: 1, accepted: 1, handshakes: 0 })
        await client.close()
        await scene.until(() => server.connections.size === 0)
        await scene.until(() => server.stats().connections === 0)
        await log.server.shows('connection_state_updated', { new: 'closed' })
      },
    ),
    row(
      '`server.close({ graceful, timeout })`',
      'takes nobody new and lets those who are there finish',
      async (scene) => {
        const { client, peer, server, log } = await scene.meet()
        let isClosed = false
        const closing = server.close({ graceful: true }).then(() => {
          isClosed = true
        })
        const late = await scene.dial(server, { handshakeTimeout: 300 })
        expect(await rejection(late.client.ready)).toBeInstanceOf(QuicHandshakeTimeoutError)
        expect(late.log.events('packet_received')).toEqual([])
        const stream = await client.createUnidirectionalStream()
        const reading = first(peer.incomingUnidirectionalStreams).then(readAll)
        await writeAll(stream, bytesOf(2000))
        expect(await reading).toEqual(bytesOf(2000))
        expect(isClosed).toBe(false)
        await client.close()
        await closing
        await log.server.received('connection_close', { error_code: 0 })
      },
    ),
    row(
      '`server.close()`',
      'closes every connection, and its transport',
      async (scene) => {
        const { client, server, log } = await scene.meet()
        await server.close({ graceful: true, timeout: 50 })
        expect(await client.closed).toEqual({ closeCode: 0n, reason: '' })
        await log.client.received('connection_close', { error_code: 0 })
      },
      { interop: ['close'] },
    ),
    row('`localAddress`, `remoteAddress`, `role`', 'are told in every state', async (scene) => {
      const host = await scene.serve()
      const { client, log } = await scene.dial(host.server)
      const seen = [[client.state, client.localAddress, client.remoteAddress]]
      await client.ready
      seen.push([client.state, client.localAddress, client.remoteAddress])
      const peer = await host.next()
      expect(peer.remoteAddress).toBe(client.localAddress)
      await client.close()
      seen.push([client.state, client.localAddress, client.remoteAddress])
      const { address } = await scene.endpoint()
      expect(seen).toEqual(
        ['connecting', 'connected', 'draining'].map((state) => [state, address, host.server.address]),
      )
      const [, port] = PORT.exec(host.server.address) ?? []
      await log.shows('connection_started', { remote: { port_v4: Number(port) } })
    }),
    row('`crypto`, `environment`', 'are what a connection computes with, and the time it lives in', async (scene) => {
      const host = await scene.serve()
      const environment = scene.options.environment ?? defaultEnvironment()
      let asked = 0
      const watched: Environment = {
        timerGranularity: environment.timerGranularity,
        random: environment.random,
        now: () => {
          asked++
          return environment.now()
        },
        wallClock: () => environment.wallClock(),
        setTimer: (at, fire) => environment.setTimer(at, fire),
        defer: (task) => environment.defer(task),
      }
      let engines = 0
      const own: CryptoProvider = {
        ...noble,
        createEngine: (bytes) => {
          engines++
          return noble.createEngine(bytes)
        },
      }
      const log = scene.log('client')
      const options = { ...scene.clientOptions({ observer: log.observer }), address: host.server.address }
      const client = await connect(await scene.transport('client'), { ...options, crypto: own, environment: watched })
      expect([client.state, engines, asked > 5]).toEqual(['connected', 1, true])
      await log.shows('connection_state_updated', { new: 'handshake_complete' })
      await client.close()
    }),
  ],
}
