/** Registers the tests of a section: each row on each of its networks. What they find is in their `meta`, for the page. */
import { describe, expect, test } from 'vitest'
import type { Evidence } from './log.ts'
import type { NetworkName } from './networks.ts'
import { networksOf, type Section, testName } from './row.ts'
import { play } from './scene.ts'

declare module 'vitest' {
  interface TaskMeta {
    /** What a row of the contract found on a network. */
    contract?: Found
  }
}

/** What a row found on a network. */
export interface Found {
  readonly section: string
  readonly what: string
  readonly claim: string
  readonly network: NetworkName
  readonly evidence: readonly Evidence[]
}

/** Makes the tests of `section`. */
export function proveSection(section: Section): void {
  describe(section.title, () => {
    for (const each of section.rows) {
      for (const network of networksOf(each)) {
        test(testName(each, network), async ({ task }) => {
          const { scene, lost } = await play(network, each, each.proof)
          expect(scene.evidence, 'A row names what its log shows').not.toEqual([])
          if (network === 'lossy') expect(lost, 'Nothing was lost').toBeGreaterThan(0)
          const { what, claim } = each
          task.meta.contract = { section: section.title, what, claim, network, evidence: scene.evidence }
        })
      }
    }
  })
}
