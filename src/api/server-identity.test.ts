import { describe, expect, test } from 'vitest'
import { AlertDescription } from '../tls/alert.ts'
import type { ClientHelloSummary } from '../tls/config.ts'
import { later } from '../tls/slow-provider.fixtures.ts'
import { CertificateError } from '../x509/certificate-error.ts'
import type { QuicConnection } from './connection.ts'
import { QuicEndpoint } from './endpoint.ts'
import type { CertificateOptions } from './identity.ts'
import { rejection, Stage, testCertificate } from './pipe.fixtures.ts'
import type { QuicServer } from './server.ts'
import type { ServerCertificates } from './server-identity.ts'

const A = testCertificate({ subject: 'a', names: ['a.test'] })
const B = testCertificate({ subject: 'b', names: ['b.test'] })
const RENEWED = testCertificate({ subject: 'a again', names: ['a.test'] })

/** One server, and clients that ask for it by different names. */
class Names {
  readonly stage = new Stage()
  readonly #clients: QuicEndpoint
  server: QuicServer | undefined

  constructor() {
    this.#clients = new QuicEndpoint(this.stage.near, this.stage.clientOptions())
  }

  async listen(certificate: ServerCertificates): Promise<QuicServer> {
    this.server = await this.stage.listen({ certificate })
    return this.server
  }

  connect(serverName: string): Promise<QuicConnection> {
    const connection = this.#clients.connect('x:1', this.stage.clientOptions({ serverName }))
    return this.stage.environment.until(connection.ready.then(() => connection))
  }
}

describe('a server shows', () => {
  test('the certificate that fits the name, else the first', async () => {
    const names = new Names()
    await names.listen([A, B])
    expect((await names.connect('b.test')).peerCertificates).toEqual(B.certificate)
    expect((await names.connect('a.test')).peerCertificates).toEqual(A.certificate)
    const error = await rejection(names.connect('c.test'))
    expect(error).toMatchObject({ side: 'local', alert: AlertDescription.badCertificate })
  })

  test('other certificates from the moment on when they are set, and its connections stay', async () => {
    const names = new Names()
    const server = await names.listen(A)
    const before = await names.connect('a.test')
    await server.setCertificates([RENEWED, B])
    const after = await names.connect('a.test')
    expect(after.peerCertificates).toEqual(RENEWED.certificate)
    expect((await names.connect('b.test')).peerCertificates).toEqual(B.certificate)
    expect(before.state).toBe('connected')
    expect(before.peerCertificates).toEqual(A.certificate)
    const stream = await before.createUnidirectionalStream()
    await names.stage.environment.until(stream.close())
  })

  test('what it showed before, where the new certificates cannot be used', async () => {
    const names = new Names()
    const server = await names.listen(A)
    const broken: readonly unknown[] = [[], {}, { ...B, privateKey: undefined }, { ...B, privateKey: 1 }]
    for (const each of broken) {
      expect(await rejection(server.setCertificates(each as CertificateOptions))).toBeInstanceOf(TypeError)
    }
    const unreadable = { ...B, certificate: 'nothing' }
    expect(await rejection(server.setCertificates(unreadable))).toBeInstanceOf(CertificateError)
    expect((await names.connect('a.test')).peerCertificates).toEqual(A.certificate)
  })

  test('what was set last, whichever change takes longest', async () => {
    const names = new Names()
    const slow = (given: CertificateOptions): CertificateOptions => ({
      certificate: given.certificate,
      privateKey: new Uint8Array(1),
    })
    // Private keys are read by the provider, the first of them late.
    let turns = 20
    const crypto = {
      ...names.stage.serverOptions().crypto,
      createSigner: async () => {
        for (let turn = turns; turn > 0; turn--) await undefined
        return B.privateKey
      },
    } as NonNullable<ReturnType<Stage['serverOptions']>['crypto']>
    const server = await names.stage.listen({ certificate: A, crypto })
    const first = server.setCertificates(slow(RENEWED))
    turns = 0
    const second = server.setCertificates(B)
    await Promise.all([first, second])
    expect((await names.connect('b.test')).peerCertificates).toEqual(B.certificate)
  })
})

describe('a server asks a function', () => {
  test('in each handshake, with what the client said; what is given again is not read again', async () => {
    const asked: ClientHelloSummary[] = []
    let reads = 0
    const counted: CertificateOptions = {
      get certificate() {
        reads += 1
        return A.certificate
      },
      privateKey: A.privateKey,
    }
    const names = new Names()
    await names.listen((hello) => {
      asked.push(hello)
      return later(() => (hello.serverName === 'a.test' ? counted : [B]))
    })
    expect((await names.connect('a.test')).peerCertificates).toEqual(A.certificate)
    expect((await names.connect('b.test')).peerCertificates).toEqual(B.certificate)
    expect((await names.connect('a.test')).peerCertificates).toEqual(A.certificate)
    expect(asked.map(({ serverName }) => serverName)).toEqual(['a.test', 'b.test', 'a.test'])
    expect(asked[0]).toMatchObject({ alpn: ['test'], schemes: [0x0403] })
    expect(reads).toBe(1)
  })

  test('that knows no certificate: the client is told unrecognized_name', async () => {
    const names = new Names()
    await names.listen(() => undefined)
    const error = await rejection(names.connect('c.test'))
    expect(error).toMatchObject({ side: 'remote', alert: AlertDescription.unrecognizedName })
  })

  test('that fails, or gives what cannot be used: this one connection ends with internal_error', async () => {
    const names = new Names()
    const answers: (() => unknown)[] = [
      () => {
        throw new Error('The database is gone')
      },
      () => Promise.reject(new Error('The database is gone')),
      () => ({ certificate: 'nothing', privateKey: 'nothing' }),
      () => [],
    ]
    const failures = answers.length
    await names.listen(() => (answers.length > 0 ? (answers.shift()?.() as CertificateOptions) : A))
    for (let count = 0; count < failures; count++) {
      const error = await rejection(names.connect('a.test'))
      expect(error).toMatchObject({ side: 'remote', alert: AlertDescription.internalError })
    }
    expect((await names.connect('a.test')).state).toBe('connected')
  })
})
