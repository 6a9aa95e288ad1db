/** Key agreement by groups that the application hands in, and by those of the runtime. */
import { expect, test } from 'vitest'
import { pipe } from '../../transports/pipe.ts'
import { x25519MlKem768 } from '../crypto/noble/ml-kem.ts'
import { noble } from '../crypto/noble/provider.ts'
import { NamedGroup } from '../tls/code-points.ts'
import { connect } from './client.ts'
import { devCertificate } from './dev.ts'
import type { ConnectOptions } from './endpoint-core.ts'
import { rejection } from './pipe.fixtures.ts'
import { type ListenOptions, listen } from './server.ts'

const { secp256r1, x25519 } = NamedGroup

/** Connects, and tells the bytes that the client has sent by then. */
async function connected(server: Partial<ListenOptions>, client: Partial<ConnectOptions>): Promise<number> {
  const certificate = await devCertificate()
  const [near, far] = pipe()
  await using _ = await listen(far, { alpn: ['x'], certificate, ...server })
  const trust = { serverCertificateHashes: [certificate.hash] }
  await using connection = await connect(near, { alpn: ['x'], ...trust, ...client })
  return (await connection.getStats()).quic.bytesSent
}

test('a group that is handed in is used where both ends have it', async () => {
  const groups = [x25519MlKem768]
  expect(await connected({ crypto: noble, groups }, { crypto: noble, groups })).toBeGreaterThan(2400)
  const error = await rejection(connected({ crypto: noble, groups: [x25519] }, { crypto: noble, groups }))
  expect(error).toMatchObject({ side: 'remote', alert: 40 })
})

test('it stands beside those of the engine, and goes first where it stands first', async () => {
  const groups = [x25519MlKem768, x25519, secp256r1]
  // To a server without it a client has sent a share that the server takes: two datagrams, and no round trip more.
  expect(await connected({ crypto: noble }, { crypto: noble, groups })).toBeGreaterThan(2400)
  expect(await connected({ crypto: noble, groups }, { crypto: noble })).toBeLessThan(2800)
})

test('the engine of the runtime agrees with it', async () => {
  await connected({}, { crypto: noble, groups: [x25519MlKem768, x25519] })
  await connected({ crypto: noble, groups: [x25519MlKem768, x25519] }, {})
})

test('what is no group throws', async () => {
  for (const wrong of [{ group: 4588 }, 'X25519', null]) {
    const error = await rejection(connected({ groups: [wrong] as unknown as number[] }, {}))
    expect(error).toBeInstanceOf(TypeError)
  }
})
