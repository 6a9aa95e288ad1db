/** Where there is UDP, nothing need be said about how to get to a server. */
import { expect, test } from 'vitest'
import { udp } from '../../../transports/udp.ts'
import { devCertificate } from '../dev.ts'
import { rejection } from '../pipe.fixtures.ts'
import { createFetch, fetch, sharedClient } from './fetch.ts'
import { serve } from './serve.ts'

test('fetch goes over UDP, each connection by a socket of its own', async () => {
  const certificate = await devCertificate()
  const seen = new Set<string>()
  await using server = await serve(await udp({ host: '127.0.0.1' }), { certificate }, async (request, info) => {
    seen.add(info.remoteAddress)
    return new Response(await request.text())
  })
  const bytes = new Uint8Array(300_000).fill(7)
  for (const host of ['127.0.0.1', 'localhost']) {
    await using get = createFetch({ serverCertificateHashes: [certificate.hash] })
    const url = `https://${host}:${server.address.split(':').pop()}/`
    const response = await get(url, { method: 'POST', body: bytes })
    expect([response.status, (await response.arrayBuffer()).byteLength]).toEqual([200, bytes.length])
  }
  expect(seen.size).toBe(2)
})

test('the shared client trusts the roots of the system alone, and begins anew when it was closed', async () => {
  const certificate = await devCertificate()
  await using server = await serve(await udp({ host: '127.0.0.1' }), { certificate }, () => new Response('x'))
  const url = `https://${server.address}/`
  expect(await rejection(fetch(url))).toMatchObject({ name: 'TypeError', cause: { name: 'QuicTlsError' } })
  const client = sharedClient()
  expect(sharedClient()).toBe(client)
  await client.close()
  expect(await rejection(fetch(url))).toMatchObject({ cause: { name: 'QuicTlsError' } })
  expect(sharedClient()).not.toBe(client)
  await sharedClient().close()
})

test('a server that nobody listens for is told of in time', async () => {
  await using get = createFetch({ handshakeTimeout: 100 })
  expect(await rejection(get('https://127.0.0.1:9/'))).toMatchObject({ cause: { name: 'QuicHandshakeTimeoutError' } })
})
