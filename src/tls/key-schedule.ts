/** The key schedule of TLS 1.3 (RFC 8446 §7.1), from (no) PSK to the exporter; Finished (§4.4.4) and exporters (§7.5). */
import { EMPTY } from '../base/bytes.ts'
import { deriveSecret, deriveSecrets, hashLength, hashOf, hkdfExpandLabel, hkdfExtract, hmac } from '../crypto/hkdf.ts'
import type { HashName } from '../crypto/provider.ts'

/** The traffic secrets of one level. Whoever gets them wipes them. */
export interface TrafficSecrets {
  /** For what the client writes. */
  readonly client: Uint8Array
  /** For what the server writes. */
  readonly server: Uint8Array
}

/** The traffic secrets of 1-RTT, and what exporters start from. */
export interface ApplicationSecrets extends TrafficSecrets {
  readonly exporter: Uint8Array
}

/** The chain of secrets. Each stage is entered once, in order; the one before is wiped. */
export class KeySchedule {
  readonly #hash: HashName
  #secret: Uint8Array
  /** What the next stage is extracted with, where that is known beforehand. */
  #salt: Uint8Array | undefined

  /** Begins with the early secret. Without a pre-shared key zeros stand in for it (RFC 8446 §7.1). */
  constructor(hash: HashName, psk?: Uint8Array) {
    this.#hash = hash
    const { secret, salt } = psk === undefined ? beginningWithoutPsk(hash) : { secret: hkdfExtract(hash, EMPTY, psk) }
    this.#secret = secret
    this.#salt = salt
  }

  /**
   * The traffic secret of 0-RTT packets (RFC 8446 §7.1); before the handshake stage is entered.
   * @param transcriptHash over the first ClientHello.
   */
  earlyTraffic(transcriptHash: Uint8Array): Uint8Array {
    return deriveSecret(this.#hash, this.#secret, 'c e traffic', transcriptHash)
  }

  /**
   * The handshake stage.
   * @param shared the shared secret of the key exchange; not kept.
   * @param transcriptHash over ClientHello to ServerHello.
   */
  enterHandshake(shared: Uint8Array, transcriptHash: Uint8Array): TrafficSecrets {
    this.#advance(shared)
    const labels = ['c hs traffic', 's hs traffic'] as const
    const [client, server] = deriveSecrets(this.#hash, this.#secret, labels, transcriptHash)
    return { client, server }
  }

  /**
   * The last stage. Its secret stays until {@link resumption} or {@link discard}.
   * @param transcriptHash over ClientHello to the server's Finished.
   */
  enterApplication(transcriptHash: Uint8Array): ApplicationSecrets {
    this.#advance(zeros(this.#hash))
    const labels = ['c ap traffic', 's ap traffic', 'exp master'] as const
    const [client, server, exporter] = deriveSecrets(this.#hash, this.#secret, labels, transcriptHash)
    return { client, server, exporter }
  }

  /**
   * What the keys of tickets are made from; ends the schedule.
   * @param transcriptHash over ClientHello to the client's Finished.
   */
  resumption(transcriptHash: Uint8Array): Uint8Array {
    const secret = deriveSecret(this.#hash, this.#secret, 'res master', transcriptHash)
    this.discard()
    return secret
  }

  /** Wipes the secret of the present stage. */
  discard(): void {
    this.#secret.fill(0)
  }

  #advance(inputKeyingMaterial: Uint8Array): void {
    const salt = this.#salt ?? derivedSalt(this.#hash, this.#secret)
    this.#salt = undefined
    this.discard()
    this.#secret = hkdfExtract(this.#hash, salt, inputKeyingMaterial)
    salt.fill(0)
  }
}

function derivedSalt(hash: HashName, secret: Uint8Array): Uint8Array {
  return deriveSecret(hash, secret, 'derived', hashOf(hash, EMPTY))
}

/** The early secret, and the salt of the handshake stage. */
interface Beginning {
  readonly secret: Uint8Array
  readonly salt?: Uint8Array
}

const beginningsWithoutPsk: { [name in HashName]?: Required<Beginning> } = {}

/** What follows from zeros in place of a PSK, which is the same in every handshake; a copy. */
function beginningWithoutPsk(hash: HashName): Beginning {
  let known = beginningsWithoutPsk[hash]
  if (known === undefined) {
    const secret = hkdfExtract(hash, EMPTY, zeros(hash))
    known = { secret, salt: derivedSalt(hash, secret) }
    beginningsWithoutPsk[hash] = known
  }
  return { secret: known.secret.slice(), salt: known.salt.slice() }
}

function zeros(hash: HashName): Uint8Array {
  return new Uint8Array(hashLength(hash))
}

/**
 * The `verify_data` of a Finished message (RFC 8446 §4.4.4).
 * @param trafficSecret the handshake traffic secret of the message's sender.
 * @param transcriptHash over everything before the message.
 */
export function finishedVerifyData(hash: HashName, trafficSecret: Uint8Array, transcriptHash: Uint8Array): Uint8Array {
  const key = hkdfExpandLabel(hash, trafficSecret, 'finished', EMPTY, hashLength(hash))
  const verifyData = hmac(hash, key, transcriptHash)
  key.fill(0)
  return verifyData
}

/**
 * TLS-Exporter (RFC 8446 §7.5).
 * @param exporterSecret the `exporter` of {@link ApplicationSecrets}.
 * @param length bytes, up to 255 times that of the hash.
 */
export function exportKeyingMaterial(
  hash: HashName,
  exporterSecret: Uint8Array,
  label: string,
  context: Uint8Array,
  length: number,
): Uint8Array {
  const secret = deriveSecret(hash, exporterSecret, label, hashOf(hash, EMPTY))
  const material = hkdfExpandLabel(hash, secret, 'exporter', hashOf(hash, context), length)
  secret.fill(0)
  return material
}
