import { expect, test } from 'vitest'
import { udp } from '../../transports/udp.ts'
import { devCertificate } from '../api/dev.ts'
import { WebTransport } from '../api/webtransport/client.ts'
import { WebTransportServer } from '../api/webtransport/server.ts'
import { echoSession } from './webtransport-echo.ts'

test('streams of both kinds come back, and datagrams', async () => {
  const certificate = await devCertificate()
  const server = await WebTransportServer.listen(await udp({ host: '127.0.0.1' }), { certificate })
  void (async () => {
    for await (const session of server.sessions) void echoSession(session)
  })()
  const transport = new WebTransport(`https://${server.address}/any`, {
    serverCertificateHashes: [certificate.hash],
    transport: () => udp(),
  })
  await transport.ready
  const bytes = new Uint8Array(100_000).map((_, index) => index % 251)

  const both = await transport.createBidirectionalStream()
  const written = new Blob([bytes]).stream().pipeTo(both.writable)
  expect(
    new Uint8Array(await new Response(both.readable as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer()),
  ).toEqual(bytes)
  await written

  const incoming = transport.incomingUnidirectionalStreams.getReader()
  const sent = new Blob([bytes]).stream().pipeTo(await transport.createUnidirectionalStream())
  const { value } = await incoming.read()
  expect(new Uint8Array(await new Response(value as ReadableStream<Uint8Array<ArrayBuffer>>).arrayBuffer())).toEqual(
    bytes,
  )
  await sent

  const writer = transport.datagrams.createWritable().getWriter()
  const reader = transport.datagrams.readable.getReader()
  // A datagram may be lost, even here: another is sent until one is back.
  const sending = setInterval(() => void writer.write(new Uint8Array([1, 2, 3])), 20)
  expect([...((await reader.read()).value ?? [])]).toEqual([1, 2, 3])
  clearInterval(sending)
  transport.close({ closeCode: 7, reason: 'enough' })
  await transport.closed
  await server.close()
})
