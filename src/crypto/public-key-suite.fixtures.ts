/** One suite, many hosts: what every {@link PublicKeyProvider} must do, alone and with noble at the other end. */
import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../base/bytes.ts'
import { seededRandom } from './aead-suite.fixtures.ts'
import { KEY_PAIRS } from './key-pairs.fixtures.ts'
import { noblePublicKey } from './noble/public-key.ts'
import type { KeyExchange, PublicKeyProvider, Verifier } from './provider.ts'

type PairName = keyof typeof KEY_PAIRS

const MESSAGE = fromHex('000102030405060708090a0b0c0d0e0f10')
const CURVE_PAIRS: readonly PairName[] = ['p256', 'p384', 'ed25519']
const RSA_PAIRS: readonly PairName[] = ['rsa', 'rsaPss', 'rsaPssSha384']
/** X25519, P-256, P-384. */
const GROUPS = [0x001d, 0x0017, 0x0018]

function groupOf(provider: PublicKeyProvider, code: number): KeyExchange {
  const group = provider.groups.find((candidate) => candidate.group === code)
  if (group === undefined) throw new RangeError(`There is no group ${code}`)
  return group
}

function verifierOf(provider: PublicKeyProvider, scheme: number): Verifier {
  const verifier = provider.verifiers.find((candidate) => candidate.scheme === scheme)
  if (verifier === undefined) throw new RangeError(`There is no verifier of ${scheme}`)
  return verifier
}

/** Holds a provider to the contract of `PublicKeyProvider`. */
export function publicKeySuite(name: string, provider: PublicKeyProvider, hasRsa: boolean): void {
  describe(`${name} agrees on keys`, () => {
    for (const code of GROUPS) agreementTests(provider, code)
  })
  describe(`${name} signs and verifies`, () => {
    for (const pair of CURVE_PAIRS) signatureTests(provider, pair)
    if (hasRsa) for (const pair of RSA_PAIRS) signatureTests(provider, pair)
    certificateTests(provider)
    if (hasRsa) rsaTests(provider)
    refusalTests(provider)
  })
}

function agreementTests(provider: PublicKeyProvider, code: number): void {
  const label = `group 0x${code.toString(16).padStart(4, '0')}`
  const random = seededRandom(code)

  test(`${label}: both ends come to one secret, noble at either`, async () => {
    for (const [a, b] of [
      [provider, noblePublicKey],
      [noblePublicKey, provider],
      [provider, provider],
    ] as const) {
      const client = await groupOf(a, code).generate(random)
      const server = await groupOf(b, code).respond(client.share, random)
      expect(client.share.length).toBe(code === 0x001d ? 32 : code === 0x0017 ? 65 : 97)
      expect(server.secret.length).toBe(code === 0x0018 ? 48 : 32)
      expect(toHex(await client.agree(server.share))).toBe(toHex(server.secret))
    }
  })

  test(`${label}: two shares are never alike`, async () => {
    const group = groupOf(provider, code)
    const first = await group.generate(random)
    expect(toHex((await group.generate(random)).share)).not.toBe(toHex(first.share))
  })

  test(`${label}: a share that is no point of the group is refused`, async () => {
    const group = groupOf(provider, code)
    const own = await group.generate(random)
    const bad = [new Uint8Array(0), own.share.subarray(1), new Uint8Array(own.share.length)]
    if (code !== 0x001d) {
      const offCurve = own.share.slice()
      offCurve[5] = (offCurve[5] ?? 0) ^ 1
      const hybrid = own.share.slice()
      hybrid[0] = 6 + ((hybrid[hybrid.length - 1] ?? 0) & 1)
      const compressed = own.share.slice(0, (own.share.length + 1) / 2)
      compressed[0] = 2 + ((own.share[own.share.length - 1] ?? 0) & 1)
      bad.push(offCurve, hybrid, compressed)
    }
    for (const share of bad) {
      await expect(async () => await own.agree(share)).rejects.toThrow()
      await expect(async () => await group.respond(share, random)).rejects.toThrow()
    }
  })
}

function signatureTests(provider: PublicKeyProvider, pair: PairName): void {
  const keys = KEY_PAIRS[pair]
  const spki = fromHex(keys.publicKey)

  test(`${pair}: what is signed verifies, and nothing else does`, async () => {
    const signer = await provider.createSigner(fromHex(keys.privateKey))
    expect(signer.schemes.length).toBeGreaterThan(0)
    for (const scheme of signer.schemes) {
      const verifier = verifierOf(provider, scheme)
      const signature = await signer.sign(scheme, MESSAGE)
      expect(await verifier.verify(spki, MESSAGE, signature)).toBe(true)
      expect(await verifier.verify(spki, MESSAGE.subarray(1), signature)).toBe(false)
      expect(await verifier.verify(spki, MESSAGE, signature.subarray(1))).toBe(false)
      const changed = signature.slice()
      changed[changed.length - 1] = (changed[changed.length - 1] ?? 0) ^ 1
      expect(await verifier.verify(spki, MESSAGE, changed)).toBe(false)
      const other = pair === 'ed25519' ? KEY_PAIRS.p256 : KEY_PAIRS.ed25519
      expect(await verifier.verify(fromHex(other.publicKey), MESSAGE, signature)).toBe(false)
    }
  })

  test(`${pair}: a scheme of another key is refused`, async () => {
    const signer = await provider.createSigner(fromHex(keys.privateKey))
    const foreign = pair === 'ed25519' ? 0x0403 : 0x0807
    await expect(async () => await signer.sign(foreign, MESSAGE)).rejects.toThrow(TypeError)
  })
}

function certificateTests(provider: PublicKeyProvider): void {
  test('signatures of noble verify, for each curve', async () => {
    for (const pair of CURVE_PAIRS) {
      const signer = await noblePublicKey.createSigner(fromHex(KEY_PAIRS[pair].privateKey))
      for (const scheme of signer.schemes) {
        const signature = await signer.sign(scheme, MESSAGE)
        const spki = fromHex(KEY_PAIRS[pair].publicKey)
        expect(await verifierOf(provider, scheme).verify(spki, MESSAGE, signature)).toBe(true)
      }
    }
  })

  test('an ECDSA scheme stands for its hash: a P-384 key with SHA-256, a P-256 key with SHA-384', async () => {
    for (const { scheme, pair, signature } of CROSSED) {
      const spki = fromHex(KEY_PAIRS[pair].publicKey)
      expect(await verifierOf(provider, scheme).verify(spki, MESSAGE, fromHex(signature))).toBe(true)
      const other = scheme === 0x0403 ? 0x0503 : 0x0403
      expect(await verifierOf(provider, other).verify(spki, MESSAGE, fromHex(signature))).toBe(false)
    }
  })
}

function rsaTests(provider: PublicKeyProvider): void {
  test('RSASSA-PKCS1-v1_5 verifies, for certificates', async () => {
    const spki = fromHex(KEY_PAIRS.rsa.publicKey)
    for (const { scheme, signature } of PKCS1) {
      expect(await verifierOf(provider, scheme).verify(spki, MESSAGE, fromHex(signature))).toBe(true)
      expect(await verifierOf(provider, scheme).verify(spki, MESSAGE.subarray(1), fromHex(signature))).toBe(false)
      // The padding belongs to the scheme.
      expect(await verifierOf(provider, 0x0804).verify(spki, MESSAGE, fromHex(signature))).toBe(false)
    }
  })

  test('an RSA key is used under its own identifier, and with the hash that it names', async () => {
    const rsae = await provider.createSigner(fromHex(KEY_PAIRS.rsa.privateKey))
    const pss = await provider.createSigner(fromHex(KEY_PAIRS.rsaPss.privateKey))
    const bound = await provider.createSigner(fromHex(KEY_PAIRS.rsaPssSha384.privateKey))
    expect(rsae.schemes).toEqual([0x0804, 0x0805, 0x0806])
    expect(pss.schemes).toEqual([0x0809, 0x080a, 0x080b])
    expect(bound.schemes).toEqual([0x080a])
    const signature = await pss.sign(0x0809, MESSAGE)
    const spki = fromHex(KEY_PAIRS.rsaPss.publicKey)
    expect(await verifierOf(provider, 0x0809).verify(spki, MESSAGE, signature)).toBe(true)
    expect(await verifierOf(provider, 0x0804).verify(spki, MESSAGE, signature)).toBe(false)
    expect(
      await verifierOf(provider, 0x0809).verify(fromHex(KEY_PAIRS.rsaPssSha384.publicKey), MESSAGE, signature),
    ).toBe(false)
  })

  test('a key of 1,024 bits verifies nothing', async () => {
    const spki = fromHex(KEY_PAIRS.rsa1024.publicKey)
    expect(await verifierOf(provider, 0x0401).verify(spki, MESSAGE, fromHex(WEAK_SIGNATURE))).toBe(false)
  })
}

function refusalTests(provider: PublicKeyProvider): void {
  test('garbage as key or signature is false for every verifier', async () => {
    const random = seededRandom(9)
    const garbage = new Uint8Array(91)
    random.fill(garbage)
    const spki = fromHex(KEY_PAIRS.p256.publicKey)
    const offCurve = spki.slice()
    offCurve[40] = (offCurve[40] ?? 0) ^ 1
    const signer = await noblePublicKey.createSigner(fromHex(KEY_PAIRS.p256.privateKey))
    const signature = await signer.sign(0x0403, MESSAGE)
    for (const verifier of provider.verifiers) {
      for (const key of [garbage, new Uint8Array(0), spki.subarray(0, 60), offCurve]) {
        expect(await verifier.verify(key, MESSAGE, signature)).toBe(false)
      }
      for (const bytes of [garbage, new Uint8Array(0), new Uint8Array(64)]) {
        expect(await verifier.verify(spki, MESSAGE, bytes)).toBe(false)
      }
    }
  })

  test('garbage as private key is refused by name', async () => {
    for (const key of [new Uint8Array(0), new Uint8Array(48), fromHex(KEY_PAIRS.p256.publicKey)]) {
      await expect(async () => await provider.createSigner(key)).rejects.toThrow(TypeError)
    }
  })
}

/** ECDSA signatures of the message whose hash is not the one that TLS gives to the curve. */
const CROSSED: readonly { scheme: number; pair: PairName; signature: string }[] = [
  {
    scheme: 0x0403,
    pair: 'p384',
    signature:
      '306502305746c5ba8bd3f8a914c0fb74ad817cf69cf6469d82acb64ce2875157f9d1c772e14c7b9319b36459354ea01f51688b47023100f7ff01018cc4c0c89aad70ca860ff08f14a2e6cdb12e77b004f80072f5eb05b529ad957f9cada828e930c4a13710aef5',
  },
  {
    scheme: 0x0503,
    pair: 'p256',
    signature:
      '3046022100b9fb5797211630e7d3d130179a9355cf62b5d1b46533c080f67addaabf4442d9022100d06618298c97efd8ba57d717d3da5599ae639d2d450bdeb918a54a2edcd4004a',
  },
]

/** RSASSA-PKCS1-v1_5 signatures of the message by the pair `rsa`. */
const PKCS1: readonly { scheme: number; signature: string }[] = [
  {
    scheme: 0x0401,
    signature:
      '76d1a1ee31b50813b67bf5e640a344b9bab864fe2328a26385ccdfbd1919f196a8786edefb2d23dda91c8f349a6a5969ab290568cf2a45378a33072a8023d176cd2950a73340ac38409ba8ab02694312d26877e1a2a8acdf1d1625f96b758d4e1096649ea99475eb13d2b34539f0ff14666cda218082a2e0509469dedc8b97d2eee7f4090e3dee2d1324640c8d23a2fa09be1dd1d016fdaa069b9b93ffa57dc523f5ce1c482a73ad3baa351d92d5b09143e67a00114ec92363c4e0304a67d4ccf56af13421ad15a88c49065f5a70df008ce2f05c1ce85ca51852e83bfa5dc8cd03c0e073e2a49d166a360ad536f54547636b82073787ce8966f17eef07698383',
  },
  {
    scheme: 0x0501,
    signature:
      'c615c8fa564658ead07d54b99f694d293a668f166eeeea747c42d69d481febe6cef76f1f0d0c92fd13d313332eb14a59199d7c32a97af8b4b87fa2e3a44e33b4806b29ef3559775f9343a64fe5e6abd919229d72460f6dd3b75ab1b9128f11e5238e00cea5554ff133de97b521ec796250029d93aed01aa44c071d5faf4b42b4cd60605dd008f51b7925add91332ca64132804e64cdfc9bba2eac9195db3361d3e5a19e80a719194f6712d98899f6dcc9f6dbc53a75f9d5ee88c1f835173fb5b471dadbe31b212f9711d283ec42d0bbad17934881ba15ba551e8df692f3b87935f0b2836ad6ba7496cfce1aad1210da63f70ee56b234337e3a01c8bef006527b',
  },
  {
    scheme: 0x0601,
    signature:
      '89fb64a651bdc4e8e9632167901a16f85cae2c185005566e08d975eda3aac9b0754e42c4231a0cb9d4322ad3e53313934254174ca60d619e53772a771856b44cca22ff93d5ec992e70f9c2eac6e067b1c5089db9ad0caf89babdc2513d255207dc9cd8efa748e3a8309e7d6ceaa1e5f9c1259df4db934b98693ce693d60f713634478ae9711f7beb3d2568223624943e40bdf41b31876a96273d1087bf2c6d577acc528efb53c207bf769689e63201d23fe113a4b228dcf29ff3e2de7dbdf4fc41d575804cf58ff9cda238db46809800ba77e9bb0ea9a73d048994979dd7bc3cd2ffc35b9ec7dc91c4b49173c3254b9c197908ffda0c4bf35d0eab6d36a1c635',
  },
]

/** The same with SHA-256 by the pair `rsa1024`: right, but for the size of the key. */
const WEAK_SIGNATURE =
  'bf1098d6e07c765e98068ed6dc4127ae83741e5be3aa921abeb68ae44a0719a0045f9f5f800604e677b830218849c21a14848d93f742b71f512d5a01addf7fd08cd6e0467291b692da1edb1266237266111a901da6bfffc3ebf1bc6ec00074a69f5a6d29638782fcddedac82af07ecb72c090de4c7dc377ae34d54e79068d6f7'
