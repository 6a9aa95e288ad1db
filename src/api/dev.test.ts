import { p256 } from '@noble/curves/nist.js'
import { expect, test } from 'vitest'
import { equalBytes } from '../base/bytes.ts'
import type { Verifier } from '../crypto/provider.ts'
import { parseCertificate } from '../x509/certificate.ts'
import { createPathVerifier } from '../x509/path.ts'
import { certificatesFromPem, decodePem } from '../x509/pem.ts'
import { createPinVerifier } from '../x509/pins.ts'
import { devCertificate } from './dev.ts'

const verifiers: readonly Verifier[] = [
  {
    scheme: 0x0403,
    verify: (spki, message, signature) =>
      p256.verify(signature, message, spki.subarray(-65), { format: 'der', lowS: false }),
  },
]

test('the certificate is good for the names of this machine, by its hash and as its own authority', async () => {
  const made = await devCertificate()
  const byHash = createPinVerifier({ serverCertificateHashes: [made.hash] })
  await byHash.verify([made.certificateDer], undefined, 'server', Date.now())
  const byAnchor = createPathVerifier({ anchors: certificatesFromPem(made.certificate), verifiers })
  for (const name of ['localhost', '127.0.0.1', '::1', '[::1]']) {
    await byAnchor.verify([made.certificateDer], name, 'server', Date.now())
  }
  expect(() => byAnchor.verify([made.certificateDer], 'example.com', 'server', Date.now())).toThrow(
    'name "example.com" is not in [localhost, 127.0.0.1, ::1]',
  )
})

test('it lasts 13 days at most, is no CA, and is signed by its own key', async () => {
  const made = await devCertificate({ names: ['desk.local', '192.0.2.7', 'localhost'], days: 2 })
  const certificate = parseCertificate(made.certificateDer)
  expect(certificate.notAfter - certificate.notBefore).toBe(2 * 86_400_000)
  expect(certificate.extensions.basicConstraints?.ca).toBe(false)
  expect(certificate.extensions.subjectAltName).toHaveLength(5)
  expect(verifiers[0]?.verify(certificate.spki, certificate.tbs, certificate.signature)).toBe(true)
  const longest = parseCertificate((await devCertificate()).certificateDer)
  expect(longest.notAfter - longest.notBefore).toBe(13 * 86_400_000)
})

test('PEM and DER are the same key and certificate, and no two are alike', async () => {
  const [first, second] = [await devCertificate(), await devCertificate()]
  const [certificate, key] = decodePem(first.certificate + first.privateKey)
  expect(certificate).toEqual({ label: 'CERTIFICATE', der: first.certificateDer })
  expect(key).toEqual({ label: 'PRIVATE KEY', der: first.privateKeyDer })
  expect(equalBytes(first.hash.value, second.hash.value)).toBe(false)
  expect(equalBytes(first.privateKeyDer, second.privateKeyDer)).toBe(false)
})

test('wrong options reject', async () => {
  await expect(devCertificate({ days: 14 })).rejects.toThrow('days must be from 1 to 13, got 14')
  await expect(devCertificate({ names: ['a b'] })).rejects.toThrow('got "a b"')
  const unknown: object = { name: 'x' }
  await expect(devCertificate(unknown)).rejects.toThrow(new TypeError('Unknown option name'))
})
