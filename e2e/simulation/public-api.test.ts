import { expect, test } from 'vitest'
import { noble } from '../../src/crypto/noble/provider.ts'
import { web } from '../../src/crypto/web/provider.ts'
import { forSeedsAsync } from '../../src/simulator.ts'
import { bbr, CONTROLLERS, cubic } from './controllers.ts'
import { publicApi } from './public-api.ts'
import { runtimeSeeds } from './standing.fixtures.ts'

const TIMEOUT = 120_000

test('applications of the public API are told how everything ended, whatever happens to network and host', {
  timeout: TIMEOUT,
}, async () => {
  const run = async (seed: number): Promise<void> => {
    await publicApi(seed, CONTROLLERS[seed % CONTROLLERS.length] ?? cubic)
  }
  await expect(forSeedsAsync(runtimeSeeds(), run)).resolves.toBeUndefined()
})

test('a NAT that rebinds before HANDSHAKE_DONE was heard takes nobody away', { timeout: TIMEOUT }, async () => {
  await expect(publicApi(743, cubic)).resolves.toBeGreaterThan(0)
  await expect(publicApi(150, bbr)).resolves.toBeGreaterThan(0)
})

test('so are they where Web Crypto works in real time', { timeout: TIMEOUT }, async () => {
  const provider = { ...noble, ...web }
  const run = async (seed: number): Promise<void> => void (await publicApi(seed, cubic, provider))
  await expect(forSeedsAsync(20, run)).resolves.toBeUndefined()
})
