import { describe, expect, test } from 'vitest'
import { hashOf } from '../crypto/hkdf.ts'
import { AlertDescription } from '../tls/alert.ts'
import type { CertificateRequestSummary } from '../tls/config.ts'
import { later } from '../tls/slow-provider.fixtures.ts'
import { type Issued, issue, TEST_TIME } from '../x509/authority.fixtures.ts'
import { CertificateError } from '../x509/certificate-error.ts'
import { encodeExtendedKeyUsage } from '../x509/generate.ts'
import { Oid } from '../x509/oids.ts'
import type { ClientCertificateOptions } from './client-certificates.ts'
import type { QuicConnection } from './connection.ts'
import { QuicEndpoint } from './endpoint.ts'
import type { ConnectOptions } from './endpoint-core.ts'
import { QuicTlsError } from './errors.ts'
import type { CertificateOptions } from './identity.ts'
import { rejection, Stage, testCertificate } from './pipe.fixtures.ts'
import type { ListenOptions } from './server.ts'

const root: Issued = issue({ subject: 'Clients', ca: true })
const alice = issue({
  subject: 'alice',
  issuer: root,
  extensions: [encodeExtendedKeyUsage([Oid.clientAuth])],
})
const ALICE: CertificateOptions = { certificate: [alice.der], privateKey: alice.signer }
const REQUIRED: ClientCertificateOptions = { mode: 'require', ca: [root.der] }

interface Ends {
  readonly client: QuicConnection
  readonly peer: QuicConnection
}

/** Both ends once the server knows who the client is. */
async function connected(client: Partial<ConnectOptions>, server: Partial<ListenOptions>): Promise<Ends> {
  const stage = new Stage({ client, server })
  const ends = await stage.connected()
  await stage.environment.until(ends.client.handshakeConfirmed)
  return ends
}

/** What a client hears that is not let in. It believes itself connected before it hears of it (RFC 8446 §4.4.2.4). */
async function refusal(client: Partial<ConnectOptions>, server: Partial<ListenOptions>): Promise<unknown> {
  const stage = new Stage({ client, server })
  await stage.listen()
  const refused = (async () => await (await stage.connect()).closed)()
  return await stage.environment.until(rejection(refused))
}

test('a server that requires certificates knows who its clients are', async () => {
  const { client, peer } = await connected({ certificate: ALICE }, { clientCertificates: REQUIRED })
  expect(peer.peerCertificates).toEqual([alice.der])
  expect(client.peerCertificates).toEqual(testCertificate().certificate)
})

test('a server that merely asks takes those who show none, and still judges those who show one', async () => {
  const clientCertificates: ClientCertificateOptions = { mode: 'request', ca: [root.der] }
  expect((await connected({}, { clientCertificates })).peer.peerCertificates).toBeUndefined()
  expect((await connected({ certificate: ALICE }, { clientCertificates })).peer.peerCertificates).toEqual([alice.der])
  const stranger = issue({ subject: 'stranger', issuer: issue({ subject: 'Elsewhere', ca: true }) })
  const certificate = { certificate: [stranger.der], privateKey: stranger.signer }
  const error = await refusal({ certificate }, { clientCertificates })
  expect(error).toMatchObject({ side: 'remote', alert: AlertDescription.unknownCa })
})

test('a server that does not ask is shown nothing', async () => {
  const { peer } = await connected({ certificate: ALICE }, {})
  expect(peer.peerCertificates).toBeUndefined()
})

describe('a client is refused', () => {
  const bob = (options: Partial<Parameters<typeof issue>[0]>): Partial<ConnectOptions> => {
    const { der, signer } = issue({ subject: 'bob', issuer: root, ...options })
    return { certificate: { certificate: [der], privateKey: signer } }
  }
  const cases: readonly [name: string, client: Partial<ConnectOptions>, alert: number][] = [
    ['without a certificate', {}, AlertDescription.certificateRequired],
    ['with one that has expired', bob({ notAfter: TEST_TIME - 1 }), AlertDescription.certificateExpired],
    [
      'with one that is for servers',
      bob({ extensions: [encodeExtendedKeyUsage([Oid.serverAuth])] }),
      AlertDescription.unsupportedCertificate,
    ],
    [
      'with one of another authority',
      bob({ issuer: issue({ subject: 'Other', ca: true }) }),
      AlertDescription.unknownCa,
    ],
  ]
  test.each(cases)('%s', async (_name, client, alert) => {
    const error = await refusal(client, { clientCertificates: REQUIRED })
    expect(error).toBeInstanceOf(QuicTlsError)
    expect(error).toMatchObject({ side: 'remote', alert })
  })
})

test('clients may be known by their keys', async () => {
  const pinned: ClientCertificateOptions = { mode: 'require', spkiPins: [hashOf('sha256', alice.spki)] }
  expect((await connected({ certificate: ALICE }, { clientCertificates: pinned })).peer.peerCertificates).toHaveLength(
    1,
  )
  const other: ClientCertificateOptions = { mode: 'require', spkiPins: [new Uint8Array(32)] }
  expect(await refusal({ certificate: ALICE }, { clientCertificates: other })).toMatchObject({ alert: 46 })
})

test('a function may judge clients, at once or later', async () => {
  const seen: unknown[] = []
  const verify = (chain: readonly Uint8Array[], name: string | undefined): Promise<boolean> =>
    later(() => {
      seen.push(name)
      return chain.length === 1
    })
  const policy = (judge: NonNullable<ClientCertificateOptions['verify']>): Partial<ListenOptions> => ({
    clientCertificates: { mode: 'require', verify: judge },
  })
  await connected({ certificate: ALICE }, policy(verify))
  expect(seen).toEqual([undefined])
  await connected({ certificate: ALICE }, policy('insecure'))
  expect(
    await refusal(
      { certificate: ALICE },
      policy(() => false),
    ),
  ).toMatchObject({ alert: 46 })
  const fail = (): never => {
    throw new CertificateError('validity', 'certificate was withdrawn')
  }
  expect(await refusal({ certificate: ALICE }, policy(fail))).toMatchObject({ alert: 45 })
})

test('a function may judge servers in place of all else', async () => {
  const asked: unknown[] = []
  const trust = { verify: (chain: readonly Uint8Array[], name: string | undefined) => asked.push(chain, name) > 0 }
  const client = { ...trust, ca: undefined } as unknown as Partial<ConnectOptions>
  await connected(client, {})
  expect(asked).toEqual([testCertificate().certificate, 'server.test'])
})

test('of several certificates a client shows one of an authority that the server names', async () => {
  const other = issue({ subject: 'alice elsewhere', issuer: issue({ subject: 'Other', ca: true }) })
  const certificate = [{ certificate: [other.der], privateKey: other.signer }, ALICE]
  const { peer } = await connected({ certificate }, { clientCertificates: REQUIRED })
  expect(peer.peerCertificates).toEqual([alice.der])
})

test('a client may be asked for its certificate in each handshake', async () => {
  const asked: CertificateRequestSummary[] = []
  const certificate = (request: CertificateRequestSummary): Promise<CertificateOptions> =>
    later(() => {
      asked.push(request)
      return ALICE
    })
  const { peer } = await connected({ certificate }, { clientCertificates: REQUIRED })
  expect(peer.peerCertificates).toEqual([alice.der])
  expect(asked).toEqual([{ schemes: [0x0403], certificateSchemes: [0x0403], authorities: [root.name] }])
  const nobody = await refusal({ certificate: () => undefined }, { clientCertificates: REQUIRED })
  expect(nobody).toMatchObject({ alert: AlertDescription.certificateRequired })
})

test('a signer that fails ends the attempt on our side, with its error below', async () => {
  const failure = new Error('The card was pulled out')
  const signer = { schemes: [0x0403], sign: () => later(() => Promise.reject(failure)) }
  const stage = new Stage({
    client: { certificate: { certificate: [alice.der], privateKey: signer } },
    server: { clientCertificates: REQUIRED },
  })
  await stage.listen()
  const error = await stage.environment.until(rejection(stage.connect()))
  expect(error).toMatchObject({ side: 'local', alert: AlertDescription.internalError })
  expect((error as QuicTlsError).cause).toMatchObject({ cause: failure })
})

test('what cannot be a certificate, a key or a policy throws at once', async () => {
  const stage = new Stage()
  const endpoint = new QuicEndpoint(stage.near, stage.clientOptions())
  const wrong = (options: object): unknown => {
    try {
      return endpoint.connect('x:1', stage.clientOptions(options as Partial<ConnectOptions>))
    } catch (error) {
      return error
    }
  }
  const [key, certificate] = [alice.signer, [alice.der]]
  expect(wrong({ certificate: {} })).toBeInstanceOf(TypeError)
  expect(wrong({ certificate: [] })).toBeInstanceOf(TypeError)
  expect(wrong({ certificate: { certificate: 'none', privateKey: key } })).toBeInstanceOf(CertificateError)
  expect(wrong({ certificate: { certificate, privateKey: 7 } })).toBeInstanceOf(TypeError)
  expect(wrong({ certificate: { certificate: [new Uint8Array(9)], privateKey: key } })).toBeInstanceOf(CertificateError)
  const foreign = { certificate, privateKey: { schemes: [0x0807], sign: key.sign } }
  expect(wrong({ certificate: foreign })).toMatchObject({
    message: 'privateKey does not belong to the certificate, which has a key for ec',
  })
  expect(wrong({ verify: 'unsafe', ca: undefined })).toBeInstanceOf(TypeError)
  expect(wrong({ verify: () => true, ca: [root.der] })).toBeInstanceOf(TypeError)
  expect(wrong({ spkiPins: [new Uint8Array(31)], ca: undefined })).toBeInstanceOf(TypeError)
  const policies = [
    {},
    { mode: 'require' },
    { mode: 'maybe', ca: [root.der] },
    { mode: 'request', ca: [root.der], verify: () => true },
    { mode: 'request', ca: [root.der], roots: [] },
  ]
  for (const policy of policies) {
    const clientCertificates = policy as ClientCertificateOptions
    expect(await rejection(new Stage().listen({ clientCertificates }))).toBeInstanceOf(TypeError)
  }
  const broken: ClientCertificateOptions = { mode: 'request', ca: 'no certificate' }
  expect(await rejection(new Stage().listen({ clientCertificates: broken }))).toBeInstanceOf(CertificateError)
})
