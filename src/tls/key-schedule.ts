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

  /** Begins with the early secret. Without a pre-shared key zeros stand in for it (RFC 8446 §7.1). */
  constructor(hash: HashName, psk?: Uint8Array) {
    this.#hash = hash
    this.#secret = hkdfExtract(hash, EMPTY, psk ?? new Uint8Array(hashLength(hash)))
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
    this.#advance(new Uint8Array(hashLength(this.#hash)))
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
    const salt = deriveSecret(this.#hash, this.#secret, 'derived', hashOf(this.#hash, EMPTY))
    this.discard()
    this.#secret = hkdfExtract(this.#hash, salt, inputKeyingMaterial)
    salt.fill(0)
  }
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
