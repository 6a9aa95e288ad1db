/** Proves, over UDP: a server with a name, key or certificate that is not the expected one gets no connection, and no byte of data. */
import { expect, test } from 'vitest'
import { devCertificate } from '../../src/api/dev.ts'
import { type CertificateOptions, connect, listen, QuicTlsError } from '../../src/index.ts'
import { udp } from '../../transports/udp.ts'

const ALPN = ['promise']

test('the peer is authenticated', async () => {
  const [own, other] = [await devCertificate(), await devCertificate()]
  const visit = async (certificate: CertificateOptions, trust: object): Promise<unknown> => {
    const server = await listen(await udp({ host: '127.0.0.1' }), { alpn: ALPN, certificate })
    const accepted: unknown[] = []
    void (async () => {
      for await (const connection of server) accepted.push(connection)
    })()
    try {
      const connection = await connect(await udp(), { address: server.address, alpn: ALPN, ...trust })
      const { peerCertificates, alpn } = connection
      await connection.close()
      return { peerCertificates, alpn }
    } catch (error) {
      expect(accepted).toEqual([])
      return error
    } finally {
      await server.close()
    }
  }
  const pin = { serverCertificateHashes: [own.hash] }
  expect(await visit(own, pin)).toEqual({ peerCertificates: [own.certificateDer], alpn: 'promise' })
  expect(await visit(own, { ca: [own.certificateDer] })).toMatchObject({ alpn: 'promise' })
  // Another certificate, no certificate that anybody vouches for, the right one under another name, the right one without its key.
  const stolen = { certificate: own.certificate, privateKey: { schemes: [0x0403], sign: await signerOf(other) } }
  const wrong: readonly (readonly [CertificateOptions, object, number])[] = [
    [other, pin, 46],
    [own, {}, 48],
    [own, { ca: [own.certificateDer], serverName: 'example.org' }, 42],
    [stolen, pin, 51],
  ]
  for (const [certificate, trust, alert] of wrong) {
    const error = await visit(certificate, trust)
    expect(error).toBeInstanceOf(QuicTlsError)
    expect([alert, (error as QuicTlsError).message]).toEqual([(error as QuicTlsError).alert, expect.any(String)])
  }
  // Believing everybody has to be spelled out.
  expect(await visit(other, { verify: 'insecure' })).toMatchObject({ alpn: 'promise' })
  expect(await visit(other, { verify: false })).toBeInstanceOf(TypeError)
})

/** Signs with the key of `certificate`, which is another's. */
async function signerOf({ privateKeyDer }: { readonly privateKeyDer: Uint8Array }) {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' }
  const key = await crypto.subtle.importKey('pkcs8', Uint8Array.from(privateKeyDer), algorithm, false, ['sign'])
  return async (_scheme: number, message: Uint8Array): Promise<Uint8Array> => {
    const hash = { name: 'ECDSA', hash: 'SHA-256' }
    return derOf(new Uint8Array(await crypto.subtle.sign(hash, key, Uint8Array.from(message))))
  }
}

/** Two numbers of 32 bytes as TLS wants them: SEQUENCE of INTEGER (RFC 3279 §2.2.3). */
function derOf(signature: Uint8Array): Uint8Array {
  const integers = [signature.subarray(0, 32), signature.subarray(32)].flatMap((bytes) => {
    const digits = [...bytes.subarray(bytes.findIndex((byte) => byte !== 0))]
    if ((digits[0] ?? 0) >= 0x80) digits.unshift(0)
    return [0x02, digits.length, ...digits]
  })
  return Uint8Array.from([0x30, integers.length, ...integers])
}
