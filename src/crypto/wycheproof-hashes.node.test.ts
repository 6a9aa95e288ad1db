import { describe, expect, test } from 'vitest'
import { hasVectors, readVectors } from '../../e2e/support/vectors.ts'
import { fromHex, toHex } from '../base/bytes.ts'
import { hkdfExpand, hkdfExtract, hmac } from './hkdf.ts'
import type { HashName } from './provider.ts'
import { caseName, type HkdfGroup, type MacGroup, type Wycheproof } from './wycheproof.fixtures.ts'

const HASHES: readonly HashName[] = ['sha256', 'sha384']

function derive(hash: HashName, each: HkdfGroup['tests'][number]): string | undefined {
  try {
    const key = hkdfExtract(hash, fromHex(each.salt), fromHex(each.ikm))
    return toHex(hkdfExpand(hash, key, fromHex(each.info), each.size))
  } catch (error) {
    expect(error).toBeInstanceOf(RangeError)
    return undefined
  }
}

describe.skipIf(!hasVectors)('Wycheproof', () => {
  for (const hash of HASHES) {
    test(`HKDF with ${hash}`, () => {
      let count = 0
      for (const group of readVectors<Wycheproof<HkdfGroup>>(`wycheproof/hkdf_${hash}_test.json`).testGroups) {
        for (const each of group.tests) {
          expect(derive(hash, each), caseName(each)).toBe(each.result === 'valid' ? each.okm : undefined)
          count += 1
        }
      }
      expect(count).toBeGreaterThan(30)
    })

    test(`HMAC with ${hash}`, () => {
      let count = 0
      for (const group of readVectors<Wycheproof<MacGroup>>(`wycheproof/hmac_${hash}_test.json`).testGroups) {
        for (const each of group.tests) {
          const tag = toHex(hmac(hash, fromHex(each.key), fromHex(each.msg))).slice(0, group.tagSize / 4)
          expect(tag === each.tag, caseName(each)).toBe(each.result === 'valid')
          count += 1
        }
      }
      expect(count).toBeGreaterThan(50)
    })
  }
})
