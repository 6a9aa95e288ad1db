import { expect, test } from 'vitest'
import { noble } from '../../src/crypto/noble/provider.ts'
import { web } from '../../src/crypto/web/provider.ts'
import { forSeedsAsync } from '../../src/simulator.ts'
import { webHandshake } from './web-handshake.ts'

/** Each of seven datagrams lost, in each of three kinds of handshakes. */
const SEEDS = 21

test('a handshake over Web Crypto lives through the loss of each of its datagrams, after Retry and with 0-RTT too', {
  timeout: 120_000,
}, async () => {
  const provider = { ...noble, ...web }
  await expect(forSeedsAsync(SEEDS, (seed) => webHandshake(seed, provider))).resolves.toBeUndefined()
})
