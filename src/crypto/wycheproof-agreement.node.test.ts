import { describe, expect, test } from 'vitest'
import { hasVectors, readVectors } from '../../e2e/support/vectors.ts'
import { fromHex, toHex } from '../base/bytes.ts'
import type { RandomSource } from '../base/random.ts'
import { seededRandom } from './aead-suite.fixtures.ts'
import { noblePublicKey } from './noble/public-key.ts'
import { nodePublicKey } from './node/public-key.ts'
import type { KeyExchange, PublicKeyProvider } from './provider.ts'
import { web } from './web/provider.ts'
import { type AgreementGroup, caseName, type Wycheproof } from './wycheproof.fixtures.ts'

const FILES = [
  { file: 'x25519_test', group: 0x001d },
  { file: 'ecdh_secp256r1_ecpoint_test', group: 0x0017 },
  { file: 'ecdh_secp384r1_ecpoint_test', group: 0x0018 },
] as const
const HOSTS: readonly [string, PublicKeyProvider][] = [
  ['node:crypto', nodePublicKey],
  ['Web Crypto', web],
]

function groupOf(provider: PublicKeyProvider, code: number): KeyExchange {
  const group = provider.groups.find((candidate) => candidate.group === code)
  if (group === undefined) throw new RangeError(`There is no group ${code}`)
  return group
}

/**
 * TLS takes no compressed points (RFC 8446 §4.2.8.2) and, of X25519, no secret of zeros (§7.4.2); else what is acceptable is
 * accepted.
 */
function mustAgree(code: number, each: AgreementGroup['tests'][number]): boolean {
  if (each.result === 'invalid' || each.flags.includes('CompressedPublic')) return false
  return code !== 0x001d || !/^0+$/.test(each.shared)
}

/** A source that makes noble draw this private key: X25519 takes the bytes, the others reduce them modulo n - 1 and add 1. */
function drawing(code: number, privateKey: string): RandomSource {
  return {
    fill(bytes) {
      if (code === 0x001d) bytes.set(fromHex(privateKey))
      else bytes.set(fromHex((BigInt(`0x${privateKey}`) - 1n).toString(16).padStart(2 * bytes.length, '0')))
    },
  }
}

describe.skipIf(!hasVectors)('Wycheproof', () => {
  for (const { file, group: code } of FILES) {
    const cases = (): AgreementGroup['tests'][number][] =>
      readVectors<Wycheproof<AgreementGroup>>(`wycheproof/${file}.json`).testGroups.flatMap(({ tests }) => tests)

    test(`noble comes to the secrets of ${file}`, async () => {
      const group = groupOf(noblePublicKey, code)
      for (const each of cases()) {
        const share = await group.generate(drawing(code, each.private))
        const agreed = async (): Promise<string> => toHex(await share.agree(fromHex(each.public)))
        if (mustAgree(code, each)) expect(await agreed(), caseName(each)).toBe(each.shared)
        else await expect(agreed, caseName(each)).rejects.toThrow()
      }
    })

    for (const [name, provider] of HOSTS) {
      // These hosts draw private keys themselves: which shares they take is what remains to be seen.
      test(`${name} takes and refuses the shares of ${file}`, async () => {
        const share = await groupOf(provider, code).generate(seededRandom(1))
        for (const each of cases()) {
          const agreed = async (): Promise<Uint8Array> => await share.agree(fromHex(each.public))
          if (mustAgree(code, each)) expect((await agreed()).length, caseName(each)).toBe(each.shared.length / 2)
          else await expect(agreed, caseName(each)).rejects.toThrow()
        }
      })
    }
  }
})
