/** Keys that the host holds and does not give away, in handshakes with real cryptography. */
import { describe, expect, test } from 'vitest'
import { pipe } from '../../transports/pipe.ts'
import type { Signer } from '../crypto/provider.ts'
import { signerOfCryptoKey } from '../crypto/web/signatures.ts'
import { later } from '../tls/slow-provider.fixtures.ts'
import { generateCertificate } from '../x509/generate.ts'
import { connect } from './client.ts'
import type { ConnectOptions } from './endpoint-core.ts'
import { QuicTlsError } from './errors.ts'
import type { CertificateOptions } from './identity.ts'
import { rejection } from './pipe.fixtures.ts'
import { type ListenOptions, listen } from './server.ts'

const { subtle } = globalThis.crypto
const random = { fill: (bytes: Uint8Array<ArrayBuffer>): void => void globalThis.crypto.getRandomValues(bytes) }

interface Held {
  readonly der: Uint8Array
  readonly privateKey: CryptoKey
  readonly publicKey: CryptoKey
  readonly signer: Signer
  readonly options: CertificateOptions
}

/** A key pair of which the private half cannot be exported, and its certificate. */
async function hold(algorithm: EcKeyGenParams | RsaHashedKeyGenParams): Promise<Held> {
  const { privateKey, publicKey } = (await subtle.generateKey(algorithm, false, ['sign', 'verify'])) as CryptoKeyPair
  const spki = new Uint8Array(await subtle.exportKey('spki', publicKey))
  const signer = signerOfCryptoKey(subtle, privateKey)
  const der = await generateCertificate({ names: ['localhost'], spki }, signer, random, Date.now())
  return { der, privateKey, publicKey, signer, options: { certificate: [der], privateKey } }
}

const P256: EcKeyGenParams = { name: 'ECDSA', namedCurve: 'P-256' }

/** Both ends know each other, or one of them says why not. */
async function meet(
  server: Omit<ListenOptions, 'alpn'>,
  client: Partial<ConnectOptions>,
): Promise<{ shown: readonly Uint8Array[] | undefined; seen: readonly Uint8Array[] | undefined }> {
  const [near, far] = pipe()
  await using listening = await listen(far, { alpn: ['x'], ...server })
  const peers = listening[Symbol.asyncIterator]()
  await using connection = await connect(near, { alpn: ['x'], serverName: 'localhost', ...client })
  const { value: peer } = await peers.next()
  return { shown: connection.peerCertificates, seen: peer?.peerCertificates }
}

describe('a CryptoKey that is not extractable', () => {
  const algorithms: readonly (EcKeyGenParams | RsaHashedKeyGenParams)[] = [
    P256,
    { name: 'ECDSA', namedCurve: 'P-384' },
    { name: 'RSA-PSS', modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' },
  ]
  test.each(algorithms)('is a server’s private key: $name $namedCurve', async (algorithm) => {
    const { der, options, publicKey } = await hold(algorithm)
    const { shown } = await meet({ certificate: options }, { spkiPins: [publicKey] })
    expect(shown).toEqual([der])
  })

  test('is a client’s, and public keys are pins of both', async () => {
    const [server, client] = await Promise.all([hold(P256), hold(P256)])
    const clientCertificates = { mode: 'require', spkiPins: [client.publicKey] } as const
    const { seen } = await meet(
      { certificate: server.options, clientCertificates },
      { certificate: client.options, spkiPins: [server.publicKey] },
    )
    expect(seen).toEqual([client.der])
  })

  test('of another certificate is found out by the other end', async () => {
    const [one, other] = await Promise.all([hold(P256), hold(P256)])
    const certificate = { certificate: [one.der], privateKey: other.privateKey }
    const error = await rejection(meet({ certificate }, { spkiPins: [one.publicKey] }))
    expect(error).toMatchObject({ side: 'local', alert: 51 })
  })
})

test('a signer that takes its time stands in for the private key on both ends', async () => {
  const [server, client] = await Promise.all([hold(P256), hold(P256)])
  const slow = ({ der, signer }: Held): CertificateOptions => ({
    certificate: der,
    privateKey: { schemes: signer.schemes, sign: (scheme, message) => later(() => signer.sign(scheme, message)) },
  })
  const { seen } = await meet(
    { certificate: slow(server), clientCertificates: { mode: 'require', ca: client.der } },
    { certificate: slow(client), ca: server.der },
  )
  expect(seen).toEqual([client.der])
})

test('keys that cannot do what they are given for are refused', async () => {
  const { der, publicKey } = await hold(P256)
  const wrong = { certificate: der, privateKey: publicKey }
  expect(await rejection(meet({ certificate: wrong }, {}))).toMatchObject({
    message: 'A public key for ECDSA does not sign TLS handshakes',
  })
  const good = await hold(P256)
  const error = await rejection(meet({ certificate: good.options }, { certificate: wrong, ca: good.der }))
  expect(error).toBeInstanceOf(QuicTlsError)
  expect(error).toMatchObject({ side: 'local', cause: { name: 'TypeError' } })
  expect(await rejection(meet({ certificate: good.options }, { spkiPins: [good.privateKey] }))).toMatchObject({
    message: 'A pin needs a public key that is extractable, got a private one',
  })
})
