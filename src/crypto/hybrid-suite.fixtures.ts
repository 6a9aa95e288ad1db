/** One suite for every ML-KEM: alone, with noble at the other end, and in the group of TLS. */
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../base/bytes.ts'
import { seededRandom } from './aead-suite.fixtures.ts'
import { DecapsulationError, hybridGroup, type MlKem768, X25519_MLKEM768 } from './hybrid-group.ts'
import { nobleX25519 } from './noble/groups.ts'
import { nobleMlKem768 } from './noble/ml-kem.ts'

/** Holds `kem` to what `MlKem768` promises, and to the group that is made of it. */
export function hybridSuite(name: string, kem: MlKem768): void {
  const random = seededRandom(0x11ec)

  describe(`ML-KEM-768 of ${name}`, () => {
    test('both ends come to one secret, noble at either', async () => {
      for (const [a, b] of [
        [kem, nobleMlKem768],
        [nobleMlKem768, kem],
        [kem, kem],
      ] as const) {
        const pair = await a.generate(random)
        expect(pair.encapsulationKey).toHaveLength(1184)
        const { ciphertext, secret } = await b.encapsulate(pair.encapsulationKey, random)
        expect([ciphertext.length, secret.length]).toEqual([1088, 32])
        expect(toHex(await pair.decapsulate(ciphertext))).toBe(toHex(secret))
        ciphertext[7] = (ciphertext[7] ?? 0) ^ 1
        // FIPS 203 §6.3: a wrong ciphertext leads to another secret, and to no error.
        expect(toHex(await pair.decapsulate(ciphertext))).not.toBe(toHex(secret))
      }
    })

    test('a key with a coefficient beyond the modulus is refused', async () => {
      const { encapsulationKey } = await kem.generate(random)
      encapsulationKey.set(fromHex('ffff0f'), 30)
      await expect(async () => await kem.encapsulate(encapsulationKey, random)).rejects.toThrow()
      await expect(async () => await kem.encapsulate(encapsulationKey.subarray(1), random)).rejects.toThrow()
    })
  })

  describe(`X25519MLKEM768 by ${name}`, () => {
    const group = hybridGroup(kem, nobleX25519)

    test('both ends come to one secret of 64 bytes, and no two shares are alike', async () => {
      expect(group.group).toBe(X25519_MLKEM768)
      const client = await group.generate(random)
      const server = await group.respond(client.share, random)
      expect([client.share.length, server.share.length, server.secret.length]).toEqual([1216, 1120, 64])
      expect(toHex(await client.agree(server.share))).toBe(toHex(server.secret))
      expect(toHex((await group.generate(random)).share)).not.toBe(toHex(client.share))
    })

    test('shares of another length, or with an X25519 half that leads to zeros, are refused', async () => {
      const client = await group.generate(random)
      const server = await group.respond(client.share, random)
      const zero = (share: Uint8Array): Uint8Array => share.slice().fill(0, share.length - 32)
      for (const share of [
        new Uint8Array(0),
        client.share.subarray(1),
        client.share.subarray(1184),
        zero(client.share),
      ])
        await expect(async () => await group.respond(share, random)).rejects.toThrow()
      for (const share of [server.share.subarray(1), server.share.subarray(1088), zero(server.share), client.share]) {
        const error = await Promise.resolve()
          .then(() => client.agree(share))
          .catch((reason: unknown) => reason)
        expect(error).toBeInstanceOf(Error)
        expect(error).not.toBeInstanceOf(DecapsulationError)
      }
    })
  })
}
