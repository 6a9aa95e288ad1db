import { describe, expect, test } from 'vitest'
import { aeadSuite, seededRandom } from '../aead-suite.fixtures.ts'
import { AGREEMENT_ARENA, Agreement } from '../agreement.fixtures.ts'
import { noblePackets } from '../noble/packets.ts'
import { createHybridEngine, hybridPackets } from './hybrid-packets.ts'
import type { HybridLimits } from './hybrid-protector.ts'

aeadSuite('the hybrid', hybridPackets)

const ALWAYS: HybridLimits = { sharedFrom: 0, sharedAfter: 0, nodeFromAes: Infinity, nodeFromChaCha: Infinity }

aeadSuite('node:crypto for the blocks of every batch', {
  suites: hybridPackets.suites,
  createEngine: (arenaBytes) => createHybridEngine(arenaBytes, ALWAYS),
})

describe('random batches, some of their packets forged, are sealed and opened as noble does it', () => {
  const limits: readonly (readonly [string, HybridLimits | undefined])[] = [
    ['with the limits in force', undefined],
    ['when packets of all sizes share their blocks', ALWAYS],
    [
      'when large and small packets take turns',
      { sharedFrom: 500, sharedAfter: 0, nodeFromAes: 700, nodeFromChaCha: 700 },
    ],
  ]
  test.each(limits)('%s', (_, given) => {
    const engines = [createHybridEngine(AGREEMENT_ARENA, given), noblePackets.createEngine(AGREEMENT_ARENA)] as const
    const agreement = new Agreement(engines, seededRandom(20_260_702))
    for (let batch = 0; batch < 50; batch++) agreement.compare()
    expect(agreement.packets).toBeGreaterThan(400)
  })
})
