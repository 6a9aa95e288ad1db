import { describe, expect, test } from 'vitest'
import { toHex } from '../base/bytes.ts'
import { seededRandom } from './aead-suite.fixtures.ts'
import { DecapsulationError, hybridGroup, type MlKem768 } from './hybrid-group.ts'
import { hybridSuite } from './hybrid-suite.fixtures.ts'
import { nobleX25519 } from './noble/groups.ts'
import { nobleMlKem768, x25519MlKem768 } from './noble/ml-kem.ts'
import { webGroups } from './web/groups.ts'
import { hasWebMlKem768, webMlKem768 } from './web/ml-kem.ts'

hybridSuite('noble', nobleMlKem768)

const subtle = (): SubtleCrypto => globalThis.crypto.subtle

describe.skipIf(!hasWebMlKem768(subtle()))('where the host has it', () =>
  hybridSuite('Web Crypto', webMlKem768(subtle)),
)

test('Web Crypto offers the group first, where the host has ML-KEM, and not otherwise', () => {
  const hostWith = (supports?: (operation: string, name: string) => boolean): object => ({ constructor: { supports } })
  const groupsOf = (host: object): readonly number[] => webGroups(() => host as SubtleCrypto).map(({ group }) => group)
  expect(groupsOf(hostWith(() => false))).toEqual([0x1d, 0x17, 0x18])
  expect(groupsOf(hostWith())).toEqual([0x1d, 0x17, 0x18])
  expect(groupsOf(hostWith((...asked) => asked.join(' ') === 'encapsulateBits ML-KEM-768'))).toEqual([
    0x11ec, 0x1d, 0x17, 0x18,
  ])
})

test('a seed reproduces shares and secrets of noble, whose first part is that of ML-KEM', async () => {
  const run = async (): Promise<readonly string[]> => {
    const client = await x25519MlKem768.generate(seededRandom(5))
    const server = await x25519MlKem768.respond(client.share, seededRandom(6))
    return [client.share, server.share, server.secret].map(toHex)
  }
  const [share = '', answer = '', secret = ''] = await run()
  expect(await run()).toEqual([share, answer, secret])
  const pair = await nobleMlKem768.generate(seededRandom(5))
  expect(share.startsWith(toHex(pair.encapsulationKey))).toBe(true)
  const { ciphertext, secret: first } = await nobleMlKem768.encapsulate(pair.encapsulationKey, seededRandom(6))
  expect(answer.startsWith(toHex(ciphertext))).toBe(true)
  expect(secret.startsWith(toHex(first))).toBe(true)
})

test('a decapsulation that fails is told from a share that is wrong', async () => {
  for (const decapsulate of [
    (): never => {
      throw new Error('No memory')
    },
    (): Promise<Uint8Array> => Promise.reject(new Error('No memory')),
  ]) {
    const broken: MlKem768 = {
      generate: async (random) => ({ ...(await nobleMlKem768.generate(random)), decapsulate }),
      encapsulate: (key, random) => nobleMlKem768.encapsulate(key, random),
    }
    const group = hybridGroup(broken, nobleX25519)
    const client = await group.generate(seededRandom(1))
    const server = await group.respond(client.share, seededRandom(2))
    await expect(async () => await client.agree(server.share)).rejects.toBeInstanceOf(DecapsulationError)
  }
})
