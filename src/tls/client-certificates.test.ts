import { describe, expect, test } from 'vitest'
import { concat, EMPTY, fromHex, toHex } from '../base/bytes.ts'
import { noble } from '../crypto/noble/provider.ts'
import type { Signer } from '../crypto/provider.ts'
import { insecureVerifier } from '../x509/certificate-verifier.ts'
import { createPathVerifier } from '../x509/path.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { decodeCertificateRequest, encodeCertificate, encodeCertificateVerify } from './certificate-messages.ts'
import { CA_CERTIFICATE, ED25519, P256, P384 } from './certificates.fixtures.ts'
import { HandshakeType } from './code-points.ts'
import type {
  CertificateRequestSummary,
  ClientCertificatePolicy,
  Identity,
  TlsClientConfig,
  TlsServerConfig,
} from './config.ts'
import {
  alertOf,
  clientConfig,
  handshake,
  identityOf,
  type Outcome,
  PACES,
  replacing,
  serverConfig,
  splitMessages,
  type Tamper,
  withBody,
} from './handshake.fixtures.ts'
import { HEADER_LENGTH, messageName } from './message.ts'
import { createServerSession } from './server-session.ts'

const AUTHORITY = fromHex('301a3118301606035504030c0f69736f717569632074657374204341')
const KEYS = { P256, P384, ED25519 }
const { certificate, certificateRequest, certificateVerify, finished } = HandshakeType

function asking(
  policy: Partial<ClientCertificatePolicy> = {},
  changes: Partial<TlsServerConfig> = {},
): TlsServerConfig {
  return serverConfig({
    clientCertificates: { isRequired: true, verifier: insecureVerifier, authorities: [], ...policy },
    ...changes,
  })
}

function showing(
  identity: Identity | undefined = identityOf(P256),
  changes: Partial<TlsClientConfig> = {},
): TlsClientConfig {
  return clientConfig({ selectIdentity: () => identity, ...changes })
}

function said(outcome: Outcome): readonly string[] {
  return outcome.events.flatMap((event) =>
    event.type === 'message' ? splitMessages(event.bytes).map((message) => messageName(message[0] ?? 0)) : [],
  )
}

describe.each(PACES)('client certificates, public-key work $name', (pace) => {
  //= rfc9846#4.5.2-p1-2
  //= rfc9846#4.5.2-p1-3
  test.each(Object.entries(KEYS))('a client shows its %s certificate, and the server verifies it', async (_, pair) => {
    const { client, server } = await handshake(showing(identityOf(pair)), asking(), pace)
    expect([client.error, server.error]).toEqual([undefined, undefined])
    expect(client.complete).toBeDefined()
    expect(server.complete?.peerCertificates.map(toHex)).toEqual([pair.certificate])
    expect(said(client)).toEqual(['ClientHello', 'Certificate', 'CertificateVerify', 'Finished'])
    //= rfc9846#4.4.2-p1-1
    expect(said(server)).toEqual([
      'ServerHello',
      'EncryptedExtensions',
      'CertificateRequest',
      'Certificate',
      'CertificateVerify',
      'Finished',
    ])
    for (const label of ['EXPORTER-a', 'EXPORTER-b']) {
      const keys = [client, server].map(({ session }) => session.exportKeyingMaterial(label, EMPTY, 32))
      expect(keys[0]).toEqual(keys[1])
    }
  })

  //= rfc9846#4.5.1-p3-1
  test('a server that asks for none is shown none', async () => {
    let isAsked = false
    const select = (): Identity => {
      isAsked = true
      return identityOf(P256)
    }
    const { client, server } = await handshake(clientConfig({ selectIdentity: select }), serverConfig(), pace)
    expect(server.complete?.peerCertificates).toEqual([])
    expect(said(client)).toEqual(['ClientHello', 'Finished'])
    expect(isAsked).toBe(false)
  })

  //= rfc9846#4.5.1-p3-2
  //= rfc9846#4.5.1-p3-3
  test('a client without a certificate is let in where the server merely asks', async () => {
    for (const config of [clientConfig(), showing({ chain: [], signer: identityOf(P256).signer })]) {
      const { client, server } = await handshake(config, asking({ isRequired: false }), pace)
      expect(server.complete?.peerCertificates).toEqual([])
      expect(said(client)).toEqual(['ClientHello', 'Certificate', 'Finished'])
    }
  })

  test('a client without a certificate is refused where the server must have one', async () => {
    const { server } = await handshake(clientConfig(), asking(), pace)
    expect(alertOf(server).description).toBe(AlertDescription.certificateRequired)
    expect(server.complete).toBeUndefined()
  })

  test('a client that can sign with nothing that the server verifies shows none', async () => {
    const onlyEd25519 = { ...noble, verifiers: noble.verifiers.filter(({ scheme }) => scheme === 0x0807) }
    const { client, server } = await handshake(showing(), asking({ isRequired: false }, { crypto: onlyEd25519 }), pace)
    expect(said(client)).toEqual(['ClientHello', 'Certificate', 'Finished'])
    expect(server.complete?.peerCertificates).toEqual([])
  })

  test('the client may choose by schemes and authorities', async () => {
    const asked: CertificateRequestSummary[] = []
    const selectIdentity = (request: CertificateRequestSummary): Identity => {
      asked.push(request)
      return identityOf(P384)
    }
    const { server } = await handshake(clientConfig({ selectIdentity }), asking({ authorities: [AUTHORITY] }), pace)
    expect(server.complete?.peerCertificates.map(toHex)).toEqual([P384.certificate])
    expect(asked.map(({ authorities }) => authorities)).toEqual([[AUTHORITY]])
    const schemes = noble.verifiers.map(({ scheme }) => scheme)
    expect(asked[0]).toMatchObject({ schemes, certificateSchemes: schemes })
  })

  //= rfc9846#4.4.2-p4.2-2
  //= rfc9846#4.4.2-p4.4-1
  test('the request has an empty context, and the schemes for handshakes apart from those for certificates', async () => {
    const more = { scheme: 0x0401, verify: () => false }
    const crypto = { ...noble, verifiers: [...noble.verifiers, more] }
    const { server } = await handshake(showing(), asking({}, { crypto }), pace)
    const messages = server.events.flatMap((event) => (event.type === 'message' ? splitMessages(event.bytes) : []))
    const message = messages.find(([type]) => type === certificateRequest) ?? EMPTY
    const request = decodeCertificateRequest(message.subarray(HEADER_LENGTH))
    expect(request.context).toEqual(EMPTY)
    expect(request.schemes).not.toContain(0x0401)
    expect(request.certificateSchemes).toContain(0x0401)
  })

  test('the chain is judged for the purpose of a client', async () => {
    const verifier = createPathVerifier({ anchors: [fromHex(CA_CERTIFICATE)], verifiers: noble.verifiers })
    // The certificate of the fixtures is a server's.
    const wrong = await handshake(showing(), asking({ verifier }), pace)
    expect(alertOf(wrong.server).description).toBe(AlertDescription.unsupportedCertificate)
    expect(alertOf(wrong.server).message).toMatch(/^The client is not authenticated: extended key usage/)
    const foreign = createPathVerifier({ anchors: [fromHex(P384.certificate)], verifiers: noble.verifiers })
    const roles: string[] = []
    const lenient = {
      verify(...[chain, name, role, at]: Parameters<typeof foreign.verify>) {
        roles.push(`${role} ${name}`)
        return foreign.verify(chain, 'server.example', 'server', at)
      },
    }
    const unknown = await handshake(showing(), asking({ verifier: lenient }), pace)
    expect(alertOf(unknown.server).description).toBe(AlertDescription.unknownCa)
    expect(roles).toEqual(['client undefined'])
  })

  test('an alert of the verifier is sent as it is, any other error as certificate_unknown', async () => {
    for (const [thrown, description] of [
      [new TlsAlert(AlertDescription.accessDenied, 'You are not on the list'), 49],
      [new Error('The disk is full'), 46],
    ] as const) {
      const verifier = {
        verify(): never {
          throw thrown
        },
      }
      const { server } = await handshake(showing(), asking({ verifier }), pace)
      expect(alertOf(server).description).toBe(description)
    }
  })

  test('a client that cannot choose or sign ends the handshake with internal_error', async () => {
    const fail = (): never => {
      throw new Error('No smart card')
    }
    const signer: Signer = { schemes: [0x0403], sign: fail }
    for (const config of [
      clientConfig({ selectIdentity: fail }),
      showing({ chain: [fromHex(P256.certificate)], signer }),
    ]) {
      const { client, server } = await handshake(config, asking(), pace)
      expect(alertOf(client).description).toBe(AlertDescription.internalError)
      expect([client.complete, server.complete]).toEqual([undefined, undefined])
    }
  })

  describe('a server refuses', () => {
    const edited = (type: number, edit: (body: Uint8Array) => Uint8Array): Tamper =>
      replacing('client', type, (message) => withBody(message, edit(message.subarray(HEADER_LENGTH))))
    const cases: readonly { name: string; alert: number; tamper: Tamper; identity?: Identity }[] = [
      { name: 'Finished in place of Certificate', alert: 10, tamper: replacing('client', certificate, () => EMPTY) },
      {
        name: 'Finished in place of CertificateVerify',
        alert: 10,
        tamper: replacing('client', certificateVerify, () => EMPTY),
      },
      {
        name: 'a second Certificate',
        alert: 10,
        tamper: replacing('client', certificateVerify, () => encodeCertificate([])),
      },
      {
        name: 'CertificateVerify behind an empty Certificate',
        alert: 10,
        tamper: replacing('client', certificate, () => encodeCertificate([])),
      },
      {
        name: 'another context',
        alert: 47,
        tamper: edited(certificate, (body) => concat(fromHex('0107'), body.subarray(1))),
      },
      {
        name: 'a Certificate that is cut short',
        alert: 50,
        tamper: edited(certificate, (body) => body.subarray(0, body.length - 1)),
      },
      {
        //= rfc9846#4.5.1-p6.6-2
        name: 'an extension that was not asked for',
        alert: 110,
        tamper: edited(certificate, (body) => {
          const length = body.length - 4 + 4
          return concat(
            fromHex('00'),
            Uint8Array.of(0, length >>> 8, length),
            body.subarray(4, body.length - 2),
            fromHex('000400050000'),
          )
        }),
      },
      {
        name: 'an extension that was asked for and has no place there',
        alert: 47,
        tamper: edited(certificate, (body) =>
          concat(
            fromHex('00'),
            Uint8Array.of(0, body.length >>> 8, body.length),
            body.subarray(4, body.length - 2),
            fromHex('0004000d0000'),
          ),
        ),
      },
      {
        name: 'what is no certificate',
        alert: 42,
        tamper: replacing('client', certificate, () => encodeCertificate([fromHex('3000')])),
      },
      {
        //= rfc9846#4.5.2-p17-1
        //= rfc9846#4.5.2-p19-1
        name: 'a signature with a bit more',
        alert: 51,
        tamper: edited(certificateVerify, (body) => body.map((byte, i) => (i === body.length - 1 ? byte ^ 1 : byte))),
      },
      {
        //= rfc9846#4.5.2-p15-1
        name: 'a scheme that it does not verify',
        alert: 47,
        tamper: replacing('client', certificateVerify, () => encodeCertificateVerify(0x0804, new Uint8Array(64))),
      },
      {
        //= rfc9846#4.5.2-p16-1
        name: 'a scheme that does not fit the key',
        alert: 47,
        tamper: replacing('client', certificateVerify, () => encodeCertificateVerify(0x0807, new Uint8Array(64))),
      },
      {
        name: 'the certificate of somebody else',
        alert: 51,
        tamper: replacing('client', certificate, () => encodeCertificate([fromHex(CA_CERTIFICATE)])),
      },
      {
        name: 'a Finished over another transcript',
        alert: 51,
        tamper: edited(finished, (body) => body.map((byte) => byte ^ 0xff)),
      },
    ]
    test.each(cases)('$name', async ({ alert, tamper }) => {
      const { server } = await handshake(showing(), asking({ isRequired: false }), pace, tamper)
      expect(alertOf(server).description).toBe(alert)
      expect(server.complete).toBeUndefined()
    })

    test('the proof of a server in place of a client’s', async () => {
      const asServer: Signer = {
        schemes: [0x0403],
        sign: (scheme, message) => {
          // The context string of the signed content begins behind 64 bytes of padding and `TLS 1.3, `.
          const content = message.slice()
          content.set([0x73, 0x65, 0x72, 0x76], 64 + 9)
          return identityOf(P256).signer.sign(scheme, content)
        },
      }
      const { server } = await handshake(showing({ chain: identityOf(P256).chain, signer: asServer }), asking(), pace)
      expect(alertOf(server).description).toBe(AlertDescription.decryptError)
    })
  })
})

test('a server’s wish for certificates is checked at the start', () => {
  const tooMany = Array.from({ length: 20 }, () => new Uint8Array(1000))
  expect(() => createServerSession(asking({ authorities: tooMany }))).toThrow(RangeError)
  const blind = { ...noble, verifiers: [] }
  expect(() => createServerSession(asking({}, { crypto: blind }))).toThrow(RangeError)
  expect(() => createServerSession(serverConfig({ crypto: blind }))).not.toThrow()
})
