/** Trust by hashes of certificates (W3C WebTransport §6.8), on the clock and the engine of the host. */
import { expect, test } from 'vitest'
import { pipe } from '../../../../transports/pipe.ts'
import { type DevCertificate, devCertificate } from '../../dev.ts'
import { WebTransport } from '../client.ts'
import type { WebTransportHash } from '../options.ts'
import { WebTransportServer } from '../server.ts'

/** What comes of a session whose certificate is to have one of the hashes. */
async function attempt(hashesOf: (hash: DevCertificate['hash']) => readonly WebTransportHash[]): Promise<unknown> {
  const certificate = await devCertificate()
  const [near, far] = pipe()
  const server = await WebTransportServer.listen(far, { certificate })
  const serverCertificateHashes = hashesOf(certificate.hash)
  const session = new WebTransport('https://localhost/', { transport: near, serverCertificateHashes })
  const outcome = await session.ready.then(
    () => 'ready',
    (error: unknown) => error,
  )
  session.close()
  await server.close()
  return outcome
}

test('the right hash, as any kind of buffer and with its algorithm in any case', async () => {
  expect(await attempt((hash) => [hash])).toBe('ready')
  expect(await attempt(({ value }) => [{ algorithm: 'SHA-256', value: new DataView(value.slice().buffer) }])).toBe(
    'ready',
  )
})

test('the right one among others, of algorithms that nobody knows as well', async () => {
  const others = [
    { algorithm: 'sha-512', value: new Uint8Array(64) },
    { algorithm: 'sha-256', value: new Uint8Array(32) },
    { algorithm: '', value: new Uint8Array(0) },
  ]
  expect(await attempt((hash) => [...others, hash])).toBe('ready')
})

test('a wrong hash, a short one, and the right one under another name are not believed', async () => {
  const refused = { name: 'WebTransportError', source: 'session' }
  expect(await attempt(({ value }) => [{ algorithm: 'sha-256', value: value.map((byte) => byte ^ 1) }])).toMatchObject(
    refused,
  )
  expect(await attempt(({ value }) => [{ algorithm: 'sha-256', value: value.subarray(0, 31) }])).toMatchObject(refused)
  expect(await attempt(({ value }) => [{ algorithm: 'sha-512', value }])).toMatchObject(refused)
})
