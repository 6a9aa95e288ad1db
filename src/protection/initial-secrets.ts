/** The secrets of Initial packets (RFC 9001 §5.2): anyone who saw the client's first packet can derive them. */
import { EMPTY, fromHex } from '../base/bytes.ts'
import { deriveSecrets, HmacKey } from '../crypto/hkdf.ts'
import { versionSecrets } from './version-secrets.ts'

/** The Initial secrets of both directions, 32 bytes each; the suite is TLS_AES_128_GCM_SHA256. */
export interface InitialSecrets {
  /** Protects what the client sends. */
  readonly client: Uint8Array
  /** Protects what the server sends. */
  readonly server: Uint8Array
}

/**
 * The Initial secrets of a connection.
 * @param destinationId the Destination Connection ID of the client's first Initial packet, or of its first one after a Retry.
 * @throws RangeError for a version that is not spoken.
 */
export function initialSecrets(version: number, destinationId: Uint8Array): InitialSecrets {
  // HKDF-Extract is HMAC with the salt as its key (RFC 5869 §2.2).
  const secret = saltOf(version).mac(destinationId)
  const labels = ['client in', 'server in'] as const
  const [client, server] = deriveSecrets('sha256', secret, labels, EMPTY)
  return { client, server }
}

const salts: { [version: number]: HmacKey } = {}

function saltOf(version: number): HmacKey {
  salts[version] ??= new HmacKey('sha256', fromHex(versionSecrets(version).initialSalt))
  return salts[version]
}
