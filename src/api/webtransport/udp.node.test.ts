import { expect, test } from 'vitest'
import { udp } from '../../../transports/udp.ts'
import { devCertificate } from '../dev.ts'
import { readAll, rejection, writeAll } from '../pipe.fixtures.ts'
import { WebTransport } from './client.ts'
import { install } from './install.ts'
import { WebTransport as PageWebTransport } from './page.ts'
import { WebTransportServer } from './server.ts'
import { echo } from './stage.fixtures.ts'

test('a session over UDP, in as many lines as it takes', async () => {
  const certificate = await devCertificate()
  const server = await WebTransportServer.listen(await udp({ host: '127.0.0.1' }), { certificate })
  void (async () => {
    for await (const session of server.sessions) echo(session)
  })()

  const session = new WebTransport(`https://${server.address}/`, { serverCertificateHashes: [certificate.hash] })
  await session.ready
  const { readable, writable } = await session.createBidirectionalStream()
  const [back] = await Promise.all([readAll(readable), writeAll(writable, new Uint8Array([1, 2, 3]))])
  expect(back).toEqual(new Uint8Array([1, 2, 3]))
  session.close()
  await server.close()
})

test('a class that is installed without a transport uses UDP', async () => {
  const certificate = await devCertificate()
  const server = await WebTransportServer.listen(await udp({ host: '127.0.0.1' }), { certificate })
  const target: { WebTransport?: typeof WebTransport } = {}
  install({ target })
  const { WebTransport: Installed = WebTransport } = target
  const session = new Installed(`https://${server.address}/`, { serverCertificateHashes: [certificate.hash] })
  await session.ready
  session.close()
  await server.close()
})

test('the class of pages loads the stack when a session begins, and has no way of its own', async () => {
  expect(() => new PageWebTransport('https://localhost/')).toThrow(TypeError)
  const certificate = await devCertificate()
  const server = await WebTransportServer.listen(await udp({ host: '127.0.0.1' }), { certificate })
  const transport = (): ReturnType<typeof udp> => udp()
  const url = `https://${server.address}/`
  const session = new PageWebTransport(url, { transport, serverCertificateHashes: [certificate.hash] })
  await session.ready
  expect(session).not.toBeInstanceOf(WebTransport)
  session.close()
  const given = new PageWebTransport(url, { transport })
  given.close()
  expect(await rejection(given.ready)).toMatchObject({ source: 'session' })
  await server.close()
})
