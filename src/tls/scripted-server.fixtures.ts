/** A server that says what ours never would: a cookie, a CertificateRequest, anything after the handshake. */
import { concat, fromHex } from '../base/bytes.ts'
import { isPending } from '../crypto/eventually.ts'
import { hashOf } from '../crypto/hkdf.ts'
import { nobleX25519 } from '../crypto/noble/groups.ts'
import { encodeCertificate, encodeCertificateVerify, signedContent } from './certificate-messages.ts'
import { P256 } from './certificates.fixtures.ts'
import { decodeClientHello } from './client-hello.ts'
import { encodeFinished } from './finished-message.ts'
import { identityOf, SERVER_PARAMETERS, seededRandom } from './handshake.fixtures.ts'
import { finishedVerifyData, KeySchedule } from './key-schedule.ts'
import { HEADER_LENGTH } from './message.ts'
import { encodeEncryptedExtensions, encodeRetryRequest, encodeServerHello } from './server-hello.ts'

const SUITE = 0x1301
const X25519 = 29

/** Plays a server step by step, with TLS_AES_128_GCM_SHA256, X25519 and a P-256 key. */
export class ScriptedServer {
  #transcript: Uint8Array = new Uint8Array()
  #clientSecret: Uint8Array = new Uint8Array()

  /** Answers the first ClientHello with a HelloRetryRequest. */
  retry(clientHello: Uint8Array, group: number | undefined, cookie: Uint8Array | undefined): Uint8Array {
    const request = encodeRetryRequest(SUITE, group, cookie)
    this.#transcript = concat(fromHex('fe000020'), hashOf('sha256', clientHello), request)
    return request
  }

  /** Answers a ClientHello; `afterExtensions` stands between EncryptedExtensions and Certificate. */
  answer(
    clientHello: Uint8Array,
    afterExtensions: Uint8Array,
  ): { readonly hello: Uint8Array; readonly flight: Uint8Array } {
    const { keyShares } = decodeClientHello(clientHello.subarray(HEADER_LENGTH))
    const entry = keyShares?.find(({ group }) => group === X25519)
    if (entry === undefined) throw new Error('The client has no X25519 share')
    const response = nobleX25519.respond(entry.share, seededRandom(5))
    if (isPending(response)) throw new Error('noble takes its time')
    const hello = encodeServerHello(new Uint8Array(32).fill(7), SUITE, { group: X25519, share: response.share })
    this.#add(clientHello, hello)
    const secrets = new KeySchedule('sha256').enterHandshake(response.secret, this.#digest())
    this.#clientSecret = secrets.client
    const { chain, signer } = identityOf(P256)
    const alpn = new Uint8Array([...'hq-interop'].map((letter) => letter.charCodeAt(0)))
    const extensions = encodeEncryptedExtensions({ serverNameUsed: false, alpn, parameters: SERVER_PARAMETERS })
    const certificate = encodeCertificate(chain)
    this.#add(extensions, afterExtensions, certificate)
    const signature = signer.sign(0x0403, signedContent('server', this.#digest()))
    if (isPending(signature)) throw new Error('noble takes its time')
    const proof = encodeCertificateVerify(0x0403, signature)
    this.#add(proof)
    const finished = encodeFinished(finishedVerifyData('sha256', secrets.server, this.#digest()))
    this.#add(finished)
    return { hello, flight: concat(extensions, afterExtensions, certificate, proof, finished) }
  }

  /** What the client's Finished must be when `before` stands before it in its flight. */
  clientFinished(before: Uint8Array): Uint8Array {
    const digest = hashOf('sha256', concat(this.#transcript, before))
    return encodeFinished(finishedVerifyData('sha256', this.#clientSecret, digest))
  }

  #add(...messages: readonly Uint8Array[]): void {
    this.#transcript = concat(this.#transcript, ...messages)
  }

  #digest(): Uint8Array {
    return hashOf('sha256', this.#transcript)
  }
}
