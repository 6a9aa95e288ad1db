import { expect, test } from 'vitest'
import { forSeedsAsync } from '../../src/simulator.ts'
import { publicApi } from './public-api.ts'
import { runtimeSeeds } from './standing.fixtures.ts'

test('applications of the public API are told how everything ended, whatever happens to network and host', {
  timeout: 120_000,
}, async () => {
  await expect(forSeedsAsync(runtimeSeeds(), publicApi)).resolves.toBeUndefined()
})
