import { describe, expect, test } from 'vitest'
import { hasVectors, readVectors } from '../../e2e/support/vectors.ts'
import { fromHex, toHex } from '../base/bytes.ts'
import type { RandomSource } from '../base/random.ts'
import { seededRandom } from './aead-suite.fixtures.ts'
import { CIPHERTEXT_LENGTH, hybridGroup, type MlKem768 } from './hybrid-group.ts'
import { hybridSuite } from './hybrid-suite.fixtures.ts'
import { nobleMlKem768 } from './noble/ml-kem.ts'
import { nodeX25519 } from './node/groups.ts'
import { nodeHybridGroups, nodeMlKem768 } from './node/ml-kem.ts'
import { nodePublicKey } from './node/public-key.ts'
import type { Wycheproof } from './wycheproof.fixtures.ts'

type Field = 'seed' | 'ek' | 'm' | 'c' | 'K'
interface KemGroup {
  readonly tests: readonly (Readonly<Record<Field, string>> & { tcId: number; result: string; comment?: string })[]
}

function cases(file: string): KemGroup['tests'] {
  return readVectors<Wycheproof<KemGroup>>(`wycheproof/${file}.json`).testGroups.flatMap(({ tests }) => tests)
}

/** A source that draws these bytes. */
function drawing(hex: string): RandomSource {
  return { fill: (bytes) => bytes.set(fromHex(hex)) }
}

const isNative = nodeHybridGroups().length > 0

describe.skipIf(!isNative)('where OpenSSL has it', () => {
  hybridSuite('node:crypto', nodeMlKem768)

  test('node:crypto offers it first', () => {
    expect(nodePublicKey.groups.map(({ group }) => group)).toEqual([0x11ec, 0x1d, 0x17, 0x18])
  })
})

describe.skipIf(!hasVectors)('Wycheproof', () => {
  test('noble makes the keys of mlkem_768_keygen_seed_test', async () => {
    const all = cases('mlkem_768_keygen_seed_test')
    expect(all.length).toBeGreaterThan(40)
    for (const each of all) {
      const { encapsulationKey } = await nobleMlKem768.generate(drawing(each.seed))
      expect(toHex(encapsulationKey), `#${each.tcId}`).toBe(each.ek)
    }
  })

  test('noble decapsulates as in mlkem_768_test', async () => {
    let checked = 0
    for (const each of cases('mlkem_768_test')) {
      // Seeds of another length cannot come about here.
      if (each.seed.length !== 128) continue
      checked += 1
      const pair = await nobleMlKem768.generate(drawing(each.seed))
      const decapsulated = async (): Promise<string> => toHex(await pair.decapsulate(fromHex(each.c)))
      if (each.result === 'valid') expect(await decapsulated(), `#${each.tcId}`).toBe(each.K)
      else await expect(decapsulated, `#${each.tcId}`).rejects.toThrow()
    }
    expect(checked).toBeGreaterThan(60)
  })

  test('noble encapsulates as in mlkem_768_encaps_test', async () => {
    for (const each of cases('mlkem_768_encaps_test')) {
      const encapsulated = async (): Promise<readonly string[]> => {
        const { ciphertext, secret } = await nobleMlKem768.encapsulate(fromHex(each.ek), drawing(each.m))
        return [toHex(ciphertext), toHex(secret)]
      }
      if (each.result === 'valid') expect(await encapsulated(), `#${each.tcId}`).toEqual([each.c, each.K])
      else await expect(encapsulated, `#${each.tcId}`).rejects.toThrow()
    }
  })

  // It draws keys and messages itself: which keys and ciphertexts it takes is what remains to be seen.
  test.skipIf(!isNative)('node:crypto takes and refuses the keys of mlkem_768_encaps_test', async () => {
    const random = seededRandom(1)
    for (const each of cases('mlkem_768_encaps_test')) {
      const encapsulated = async (): Promise<unknown> => await nodeMlKem768.encapsulate(fromHex(each.ek), random)
      if (each.result === 'valid') await encapsulated()
      else await expect(encapsulated, `#${each.tcId}`).rejects.toThrow()
    }
  })

  const kems: [string, MlKem768][] = [['noble', nobleMlKem768]]
  if (isNative) kems.push(['node:crypto', nodeMlKem768])
  test.each(kems)('the group of %s takes no ciphertext of another length', async (_name, kem) => {
    const random = seededRandom(2)
    const client = await hybridGroup(kem, nodeX25519).generate(random)
    for (const each of cases('mlkem_768_test')) {
      const ciphertext = fromHex(each.c)
      if (ciphertext.length === CIPHERTEXT_LENGTH) continue
      const share = new Uint8Array(ciphertext.length + 32).fill(9)
      share.set(ciphertext)
      await expect(async () => await client.agree(share), `#${each.tcId}`).rejects.toThrow(RangeError)
    }
  })
})
