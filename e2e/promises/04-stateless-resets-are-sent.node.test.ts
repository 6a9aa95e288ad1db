/** Proves, over UDP: a server that lost its memory says so by a stateless reset, and its clients hear of it at once. */
import { expect, test } from 'vitest'
import { devCertificate } from '../../src/api/dev.ts'
import { connect, listen, QuicStatelessResetError } from '../../src/index.ts'
import { udp } from '../../transports/udp.ts'
import { patterned, rejection } from './world.fixtures.ts'

test('stateless resets are sent', async () => {
  const certificate = await devCertificate()
  const options = { alpn: ['promise'], certificate, resetKey: patterned(32) }
  const first = await udp({ host: '127.0.0.1' })
  await listen(first, options)
  const address = first.localAddress
  const pin = { serverCertificateHashes: [certificate.hash] }
  const client = await connect(await udp(), { address, alpn: ['promise'], ...pin })
  await client.handshakeConfirmed
  // The process ends without a word; another takes its place.
  first.close()
  const revived = await listen(await udp({ host: '127.0.0.1', port: Number(address.split(':')[1]) }), options)
  const stream = await client.createUnidirectionalStream()
  const began = performance.now()
  stream.tryWrite(patterned(1000))
  expect(await rejection(client.closed)).toBeInstanceOf(QuicStatelessResetError)
  // Long before the 30 s of the idle timeout.
  expect(performance.now() - began).toBeLessThan(5000)
  expect((await rejection(stream.closed)) as Error).toBeInstanceOf(QuicStatelessResetError)
  // Only a connection ends, not the way to the server.
  const again = await connect(await udp(), { address, alpn: ['promise'], ...pin })
  await again.close()
  await revived.close()
})
