/** Who a server is: by the name that the client asks for, and changed while it runs. */
import { andThen, type Eventually } from '../crypto/eventually.ts'
import type { PublicKeyProvider } from '../crypto/provider.ts'
import type { ClientHelloSummary, Identity } from '../tls/config.ts'
import { CertificateError } from '../x509/certificate-error.ts'
import { recallCertificate } from '../x509/certificate-memory.ts'
import { checkName } from '../x509/names.ts'
import { type CertificateSource, identitySelector, type SelectIdentity } from './identity.ts'

/**
 * Several certificates: the first that fits the client's name and signature schemes is shown, else the first of all. Or a
 * function that is asked in each handshake; where it gives none, a client that named a server is refused with
 * unrecognized_name.
 */
export type ServerCertificates = CertificateSource<ClientHelloSummary>

/** The identities of a server, which may be exchanged. */
export class ServerIdentities {
  readonly #crypto: PublicKeyProvider
  #select: SelectIdentity<ClientHelloSummary> = () => undefined
  #changes = 0

  constructor(crypto: PublicKeyProvider) {
    this.#crypto = crypto
  }

  /**
   * Shows `given` in every handshake from now on; of changes under way at once the last one counts. Until it is read, and if it
   * cannot be, what was there before is shown.
   * @throws (or rejects with) TypeError, CertificateError for what cannot be used.
   */
  set(given: ServerCertificates, signal?: AbortSignal): Eventually<void> {
    this.#changes += 1
    const change = this.#changes
    return andThen(identitySelector(given, this.#crypto, chooseByName), (select) => {
      if (change === this.#changes && signal?.aborted !== true) this.#select = select
    })
  }

  /** The identity to show to a client. */
  select(hello: ClientHelloSummary): Eventually<Identity | undefined> {
    return this.#select(hello)
  }
}

function chooseByName(usable: readonly Identity[], { serverName }: ClientHelloSummary): Identity | undefined {
  const named = serverName === undefined ? undefined : usable.find((identity) => isFor(identity, serverName))
  return named ?? usable[0]
}

function isFor(identity: Identity, name: string): boolean {
  const [leaf] = identity.chain
  if (leaf === undefined) return false
  try {
    checkName(recallCertificate(leaf), name)
    return true
  } catch (error) {
    if (error instanceof CertificateError) return false
    throw error
  }
}
