/** Public-key work that takes its time, as Web Crypto or an external signer does: every operation becomes a promise. */
import type { Eventually } from '../crypto/eventually.ts'
import type { KeyShare, PublicKeyProvider, Signer } from '../crypto/provider.ts'
import type { CertificateVerifier } from '../x509/certificate-verifier.ts'
import type { Identity } from './config.ts'

/** Turns of the microtask queue that one operation takes: enough that nothing is done in the turn in which it began. */
const TURNS = 3

/** Does the work some turns later. */
export async function later<T>(work: () => Eventually<T>): Promise<T> {
  for (let turn = 0; turn < TURNS; turn++) await undefined
  return await work()
}

/** The same provider with every operation delayed. */
export function slowProvider(provider: PublicKeyProvider): PublicKeyProvider {
  return {
    groups: provider.groups.map((exchange) => ({
      group: exchange.group,
      generate: (random) => later(async () => slowShare(await exchange.generate(random))),
      respond: (peer, random) => later(() => exchange.respond(peer, random)),
    })),
    verifiers: provider.verifiers.map((verifier) => ({
      scheme: verifier.scheme,
      verify: (spki, message, signature) => later(() => verifier.verify(spki, message, signature)),
    })),
    createSigner: (pkcs8) => later(async () => slowSigner(await provider.createSigner(pkcs8))),
  }
}

function slowShare(share: KeyShare): KeyShare {
  return { share: share.share, agree: (peer) => later(() => share.agree(peer)) }
}

/** The same signer, delayed. */
export function slowSigner(signer: Signer): Signer {
  return { schemes: signer.schemes, sign: (scheme, message) => later(() => signer.sign(scheme, message)) }
}

/** The same verifier of certificates, delayed. */
export function slowVerifier(verifier: CertificateVerifier): CertificateVerifier {
  return {
    verify: (chain, name, role, wallClock) => later(() => verifier.verify(chain, name, role, wallClock)),
  }
}

/** The same choice of identities, delayed, with a slow signer in them. */
export function slowSelection<Question>(
  select: (question: Question) => Eventually<Identity | undefined>,
): (question: Question) => Promise<Identity | undefined> {
  return (question) =>
    later(async () => {
      const identity = await select(question)
      return identity === undefined ? undefined : { chain: identity.chain, signer: slowSigner(identity.signer) }
    })
}
