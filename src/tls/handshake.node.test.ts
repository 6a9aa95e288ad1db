import { constants, verify, X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { fromHex } from '../base/bytes.ts'
import { noble } from '../crypto/noble/provider.ts'
import { node } from '../crypto/node/provider.ts'
import { TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256 } from '../crypto/suites.ts'
import { createPathVerifier } from '../x509/path.ts'
import { decodeCertificate, decodeCertificateVerify, signedContent } from './certificate-messages.ts'
import { CA_CERTIFICATE, ED25519, P256, P384, RSA } from './certificates.fixtures.ts'
import { decodeClientHello } from './client-hello.ts'
import { ExtensionType, HandshakeType, NamedGroup } from './code-points.ts'
import { decodeCodePoints } from './extensions.ts'
import {
  alertOf,
  clientConfig,
  handshake,
  identityOf,
  PACES,
  replacing,
  serverConfig,
  splitMessages,
} from './handshake.fixtures.ts'
import { HEADER_LENGTH } from './message.ts'
import { SIMPLE } from './rfc8448.fixtures.ts'
import { Transcript } from './transcript.ts'

const SUITES = [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256]
const GROUPS = [NamedGroup.x25519, NamedGroup.secp256r1, NamedGroup.secp384r1]
const KEYS = { P256, P384, ED25519, RSA }
const verifier = createPathVerifier({ anchors: [fromHex(CA_CERTIFICATE)], verifiers: node.verifiers })

describe.each(PACES)('with node:crypto, public-key work $name', (pace) => {
  for (const group of GROUPS) {
    for (const [name, pair] of Object.entries(KEYS)) {
      test(`a handshake with group ${group} and a ${name} certificate completes, its chain verified`, async () => {
        const { client, server } = await handshake(
          clientConfig({ crypto: node, groups: [group], verifier }),
          serverConfig({ crypto: node, selectIdentity: () => identityOf(pair, node) }),
          pace,
        )
        expect(client.error).toBeUndefined()
        expect(client.complete).toMatchObject({ group })
        expect(server.complete).toMatchObject({ group })
      })
    }
  }

  for (const suite of SUITES) {
    test(`noble and node:crypto understand each other with ${suite.name}`, async () => {
      for (const [one, other] of [
        [noble, node],
        [node, noble],
      ] as const) {
        for (const group of GROUPS) {
          const { client, server } = await handshake(
            clientConfig({ crypto: one, groups: [group], suites: [suite] }),
            serverConfig({ crypto: other, selectIdentity: () => identityOf(P384, other) }),
            pace,
          )
          expect(client.complete).toMatchObject({ group, suite })
          expect(server.complete).toMatchObject({ group, suite })
        }
      }
    })
  }

  for (const scheme of [0x0804, 0x0805, 0x0806]) {
    //= rfc9846#4.3.3-p13.6-1
    test(`an RSA key signs with scheme ${scheme}`, async () => {
      const { chain, signer } = identityOf(RSA, node)
      const { client } = await handshake(
        clientConfig({ crypto: node }),
        serverConfig({ crypto: node, selectIdentity: () => ({ chain, signer: { ...signer, schemes: [scheme] } }) }),
        pace,
      )
      expect(client.complete).toBeDefined()
    })
  }

  test('RSASSA-PKCS1-v1_5 is offered for certificates only, and refused in CertificateVerify', async () => {
    const identity = identityOf(RSA, node)
    const tamper = replacing('server', HandshakeType.certificateVerify, (message) => {
      const copy = message.slice()
      copy.set([0x04, 0x01], HEADER_LENGTH)
      return copy
    })
    const { client } = await handshake(
      clientConfig({ crypto: node }),
      serverConfig({ crypto: node, selectIdentity: () => identity }),
      pace,
      tamper,
    )
    expect(alertOf(client).description).toBe(47)
    const sent = client.events.find((event) => event.type === 'message')
    const hello = decodeClientHello(sent?.type === 'message' ? sent.bytes.subarray(HEADER_LENGTH) : new Uint8Array())
    expect(hello.schemes).not.toContain(0x0401)
    const certificates = hello.extensions.get(ExtensionType.signatureAlgorithmsCert) ?? new Uint8Array()
    expect(decodeCodePoints(certificates, 'schemes')).toContain(0x0401)
  })
})

test('a client without RSA meets a server with nothing else, and is told handshake_failure', async () => {
  const { server } = await handshake(
    clientConfig(),
    serverConfig({ crypto: node, selectIdentity: () => identityOf(RSA, node) }),
    { name: 'at once', isSlow: false },
  )
  expect(alertOf(server).description).toBe(40)
})

test('node:crypto by itself finds our CertificateVerify good, and that of RFC 8448 §3 as we read it', async () => {
  const { client, server } = await handshake(clientConfig(), serverConfig(), { name: 'at once', isSlow: false })
  const transcript = new Transcript()
  const flight = [client, server].flatMap(({ events }) =>
    events.flatMap((event) => (event.type === 'message' ? splitMessages(event.bytes) : [])),
  )
  const find = (type: number): Uint8Array => flight.find((message) => message[0] === type) ?? new Uint8Array()
  for (const type of [1, 2, 8, 11]) transcript.add(find(type))
  transcript.begin('sha256')
  const { signature } = decodeCertificateVerify(find(15).subarray(HEADER_LENGTH))
  const key = new X509Certificate(fromHex(P256.certificate)).publicKey
  expect(verify('sha256', signedContent('server', transcript.digest()), key, signature)).toBe(true)

  const trace = new Transcript()
  trace.begin('sha256')
  const { clientHello, serverHello, encryptedExtensions, certificate, certificateVerify } = SIMPLE
  for (const message of [clientHello, serverHello, encryptedExtensions, certificate]) trace.add(fromHex(message ?? ''))
  const [leaf] = decodeCertificate(fromHex(certificate ?? '').subarray(HEADER_LENGTH)).entries
  const proof = decodeCertificateVerify(fromHex(certificateVerify ?? '').subarray(HEADER_LENGTH))
  const rsa = new X509Certificate(leaf?.certificate ?? new Uint8Array()).publicKey
  const padding = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }
  expect(verify('sha256', signedContent('server', trace.digest()), { key: rsa, ...padding }, proof.signature)).toBe(
    true,
  )
})
