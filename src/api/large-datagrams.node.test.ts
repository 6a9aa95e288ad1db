import { expect, test } from 'vitest'
import { pipe } from '../../transports/pipe.ts'
import { udp } from '../../transports/udp.ts'
import { equalBytes } from '../base/bytes.ts'
import type { DatagramTransport } from '../transport.ts'
import { connect } from './client.ts'
import { devCertificate } from './dev.ts'
import { bytesOf, readAll, writeAll } from './pipe.fixtures.ts'
import { listen } from './server.ts'

/** Sends megabytes there and back; the sizes of datagram that client and server have found. */
async function echo(
  there: DatagramTransport,
  back: DatagramTransport,
  max: number,
  address?: string,
): Promise<readonly number[]> {
  const certificate = await devCertificate()
  const mtu = { max }
  await using server = await listen(back, { alpn: ['echo'], certificate, mtu })
  await using client = await connect(there, {
    ...(address !== undefined && { address }),
    serverName: 'localhost',
    alpn: ['echo'],
    serverCertificateHashes: [certificate.hash],
    mtu,
  })
  const next = server[Symbol.asyncIterator]().next()
  const { value: serving } = await next
  if (serving === undefined) throw new Error('No connection came')
  void (async () => {
    for await (const stream of serving.incomingBidirectionalStreams) {
      stream.readable.pipeTo(stream.writable).catch(() => {})
    }
  })()
  const stream = await client.createBidirectionalStream()
  const bytes = bytesOf(6_000_000)
  const written = writeAll(stream.writable, bytes)
  const answer = await readAll(stream.readable)
  await written
  expect(equalBytes(answer, bytes)).toBe(true)
  const ends = await Promise.all([client.getStats(), serving.getStats()])
  return ends.map(({ quic }) => quic.mtu)
}

test.each([1452, 8900, 65_000])('UDP on loopback carries datagrams of %d bytes', async (max) => {
  const [near, far] = [await udp({ host: '127.0.0.1' }), await udp({ host: '127.0.0.1' })]
  expect(await echo(near, far, max, far.localAddress)).toEqual([max, max])
})

test('what the socket cannot send is not tried', async () => {
  const [near, far] = [await udp({ host: '127.0.0.1' }), await udp()]
  expect(await echo(near, far, 65_527, `127.0.0.1:${far.port}`)).toEqual([65_507, 65_507])
})

test('UDP over IPv6 carries 20 bytes more', async ({ skip }) => {
  const near = await udp({ host: '::1' }).catch(() => undefined)
  if (near === undefined) return skip('There is no IPv6 here')
  const far = await udp({ host: '::1' })
  expect(await echo(near, far, 65_527, far.localAddress)).toEqual([65_527, 65_527])
})

test('a reliable carrier carries packets of 16 KiB, unasked', async () => {
  const properties = { reliable: true, ordered: true }
  const [near, far] = pipe({ maxDatagramSize: 65_527, properties })
  expect(await echo(near, far, 1452)).toEqual([16_384, 16_384])
})
