/** What others make of the development certificate: node:crypto always, openssl where it is installed. */
import { execFileSync } from 'node:child_process'
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { devCertificate } from './dev.ts'

function hasOpenssl(): boolean {
  try {
    return execFileSync('openssl', ['version']).toString().startsWith('OpenSSL')
  } catch {
    return false
  }
}

test('node:crypto reads it and finds key and names', async () => {
  const { certificate, privateKey, hash, certificateDer } = await devCertificate({ names: ['desk.local'] })
  const read = new X509Certificate(certificate)
  expect(read.ca).toBe(false)
  expect(read.checkPrivateKey(createPrivateKey(privateKey))).toBe(true)
  expect(read.verify(read.publicKey)).toBe(true)
  expect(read.checkHost('localhost')).toBe('localhost')
  expect(read.checkHost('desk.local')).toBe('desk.local')
  expect(read.checkIP('127.0.0.1')).toBe('127.0.0.1')
  expect(read.checkIP('::1')).toBe('::1')
  expect(read.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'])
  expect(Date.parse(read.validTo) - Date.parse(read.validFrom)).toBe(13 * 86_400_000)
  expect(createHash('sha256').update(certificateDer).digest()).toEqual(Buffer.from(hash.value))
})

test.skipIf(!hasOpenssl())('openssl verifies it strictly', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'isoquic-'))
  try {
    const { certificate, privateKey } = await devCertificate()
    const [certificateFile, keyFile] = [join(folder, 'certificate.pem'), join(folder, 'key.pem')]
    writeFileSync(certificateFile, certificate)
    writeFileSync(keyFile, privateKey)
    const openssl = (...parameters: string[]): string =>
      execFileSync('openssl', parameters, { stdio: 'pipe' }).toString()
    const strict = ['-partial_chain', '-purpose', 'sslserver', '-verify_hostname', 'localhost']
    expect(openssl('verify', ...strict, '-CAfile', certificateFile, certificateFile)).toContain(': OK')
    const text = openssl('x509', '-noout', '-text', '-in', certificateFile)
    expect(text).toContain('CA:FALSE')
    expect(text).toContain('DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1')
    expect(openssl('pkey', '-check', '-noout', '-in', keyFile)).toContain('Key is valid')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
