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

/** How an operation is done: {@link later}, or by somebody who has to know when it is over. */
export type Manner = <T>(work: () => Eventually<T>) => Promise<T>

/** The same provider with every operation delayed. */
export function slowProvider(provider: PublicKeyProvider, manner: Manner = later): PublicKeyProvider {
  return {
    groups: provider.groups.map((exchange) => ({
      group: exchange.group,
      generate: (random) => manner(async () => slowShare(await exchange.generate(random), manner)),
      respond: (peer, random) => manner(() => exchange.respond(peer, random)),
    })),
    verifiers: provider.verifiers.map((verifier) => ({
      scheme: verifier.scheme,
      verify: (spki, message, signature) => manner(() => verifier.verify(spki, message, signature)),
    })),
    createSigner: (pkcs8) => manner(async () => slowSigner(await provider.createSigner(pkcs8), manner)),
  }
}

function slowShare(share: KeyShare, manner: Manner): KeyShare {
  const { half } = share
  return {
    share: share.share,
    agree: (peer) => manner(() => share.agree(peer)),
    half: half && { group: half.group, share: slowShare(half.share, manner) },
  }
}

/** The same signer, delayed. */
export function slowSigner(signer: Signer, manner: Manner = later): Signer {
  return { schemes: signer.schemes, sign: (scheme, message) => manner(() => signer.sign(scheme, message)) }
}

/** The same verifier of certificates, delayed. */
export function slowVerifier(verifier: CertificateVerifier, manner: Manner = later): CertificateVerifier {
  return {
    verify: (chain, name, role, wallClock) => manner(() => verifier.verify(chain, name, role, wallClock)),
  }
}

/** The same choice of identities, delayed, with a slow signer in them; `replace` may put in another one. */
export function slowSelection<Question>(
  select: (question: Question) => Eventually<Identity | undefined>,
  manner: Manner = later,
  replace: (identity: Identity) => Eventually<Identity> = (identity) => identity,
): (question: Question) => Promise<Identity | undefined> {
  return (question) =>
    manner(async () => {
      const chosen = await select(question)
      if (chosen === undefined) return undefined
      const { chain, signer } = await replace(chosen)
      return { chain, signer: slowSigner(signer, manner) }
    })
}
