import { expect, test } from 'vitest'
import { toHex } from '../base/bytes.ts'
import type { Verifier } from '../crypto/provider.ts'
import { issue, TEST_TIME, testVerifier } from './authority.fixtures.ts'
import { recallCertificate } from './certificate-memory.ts'
import { leaf, middle, root } from './path.fixtures.ts'
import { createPathVerifier } from './path.ts'

const DAY = 86_400_000

/** A verifier that counts, and what it has counted. */
function counting(): { readonly verifiers: readonly Verifier[]; count: number } {
  const counter = {
    count: 0,
    verifiers: [
      {
        scheme: testVerifier.scheme,
        verify: (...signed: Parameters<Verifier['verify']>) => {
          counter.count += 1
          return testVerifier.verify(...signed)
        },
      },
    ],
  }
  return counter
}

test('a certificate is taken apart once, and kept as it was', () => {
  const bytes = leaf.der.slice()
  const certificate = recallCertificate(bytes)
  bytes.fill(0)
  expect(recallCertificate(leaf.der)).toBe(certificate)
  expect(toHex(certificate.der)).toBe(toHex(leaf.der))
})

test('a certificate that differs in a byte before its signature is another one', () => {
  const certificate = recallCertificate(leaf.der)
  const forged = leaf.der.slice()
  // Within the key, whose bytes mean nothing to the parser.
  const at = toHex(forged).indexOf(toHex(leaf.spki.subarray(40))) / 2
  forged[at] = (forged[at] ?? 0) ^ 1
  expect(recallCertificate(forged)).not.toBe(certificate)
  expect(toHex(recallCertificate(forged).der)).toBe(toHex(forged))
})

test('a signature that was found valid is not checked again; all else is judged each time', async () => {
  const counter = counting()
  const { verifiers } = counter
  const verify = async (name: string, time: number, anchors = [root.der]): Promise<void> =>
    await createPathVerifier({ anchors, verifiers }).verify([leaf.der, middle.der], name, 'server', time)
  await verify('a.example', TEST_TIME)
  expect(counter.count).toBe(2)
  await verify('a.example', TEST_TIME)
  expect(counter.count).toBe(2)
  await expect(verify('b.example', TEST_TIME)).rejects.toMatchObject({ check: 'name' })
  await expect(verify('a.example', TEST_TIME + 2 * DAY)).rejects.toMatchObject({ check: 'validity' })
  await expect(verify('a.example', TEST_TIME - 2 * DAY)).rejects.toMatchObject({ check: 'validity' })
  await expect(verify('a.example', TEST_TIME, [])).rejects.toMatchObject({ check: 'anchor' })
  // An anchor of the same name with another key did not sign it.
  const impostor = issue({ subject: 'Root', key: 'impostor', ca: true })
  await expect(verify('a.example', TEST_TIME, [impostor.der])).rejects.toMatchObject({ check: 'signature' })
  expect(counter.count).toBe(3)
})

test('a signature that does not fit is never remembered', async () => {
  const counter = counting()
  const { verifiers } = counter
  const impostor = issue({ subject: 'Root', key: 'impostor', ca: true })
  for (let attempt = 1; attempt <= 3; attempt++) {
    const verifier = createPathVerifier({ anchors: [impostor.der], verifiers })
    const verdict = async (): Promise<void> =>
      await verifier.verify([leaf.der, middle.der], 'a.example', 'server', TEST_TIME)
    await expect(verdict()).rejects.toMatchObject({ check: 'signature' })
    // That of the leaf by the intermediate is valid, and remembered; that of the intermediate is checked each time.
    expect(counter.count).toBe(1 + attempt)
  }
})

test('what one set of verifiers found valid, another checks by itself', async () => {
  for (const counter of [counting(), counting()]) {
    const verifier = createPathVerifier({ anchors: [root.der], verifiers: counter.verifiers })
    await verifier.verify([leaf.der, middle.der], 'a.example', 'server', TEST_TIME)
    expect(counter.count).toBe(2)
  }
})
