/** Sessions of WebTransport through tunnels: what a page without UDP, or without the class, has. */
import { expect, test } from 'vitest'
import { udp } from '../../transports/udp.ts'
import { websocket } from '../../transports/websocket.ts'
import { devCertificate } from '../api/dev.ts'
import { readAll, writeAll } from '../api/pipe.fixtures.ts'
import { install } from '../api/webtransport/install.ts'
import { WebTransport as PageWebTransport } from '../api/webtransport/page.ts'
import { WebTransportServer } from '../api/webtransport/server.ts'
import { echo } from '../api/webtransport/stage.fixtures.ts'
import { serveGateway } from './server.ts'

test.each(['the class of programs', 'the class of pages'])('%s has sessions through a gateway', async (which) => {
  const certificate = await devCertificate()
  const server = await WebTransportServer.listen(await udp({ host: '127.0.0.1' }), { certificate })
  void (async () => {
    for await (const session of server.sessions) echo(session)
  })()
  await using gateway = await serveGateway({ port: 0, host: '127.0.0.1', allow: [server.address] })
  const transport = (): ReturnType<typeof websocket> => websocket({ gateway: `ws://${gateway.address}` })
  const target: { WebTransport?: typeof globalThis.WebTransport } = {}
  install({ target, transport })
  const { WebTransport: Installed } = target
  if (Installed === undefined) throw new Error('It is not there')
  const url = `https://${server.address}/`
  const serverCertificateHashes = [{ algorithm: 'sha-256', value: certificate.hash.value.slice() }]
  const session =
    which === 'the class of pages'
      ? new PageWebTransport(url, { transport, serverCertificateHashes })
      : new Installed(url, { serverCertificateHashes, requireUnreliable: true })
  await session.ready
  const { readable, writable } = await session.createBidirectionalStream()
  const [back] = await Promise.all([readAll(readable), writeAll(writable, new Uint8Array(100_000).fill(7))])
  expect(back.length).toBe(100_000)
  const writer = session.datagrams.writable.getWriter()
  const reader = session.datagrams.readable.getReader()
  await writer.write(new Uint8Array([1, 2, 3]))
  expect((await reader.read()).value).toEqual(new Uint8Array([1, 2, 3]))
  session.close({ closeCode: 1 })
  expect(await session.closed).toMatchObject({ closeCode: 1 })
  await server.close()
})
