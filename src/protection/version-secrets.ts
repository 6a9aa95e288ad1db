/** What packet protection takes from the QUIC version: labels, salts, Retry keys (RFC 9001 §5.1, §5.2, §5.8, RFC 9369 §3.3). */
import { VERSION_1, VERSION_2 } from '../wire/version.ts'

/** The constants of one version. Byte strings are hexadecimal. */
export interface VersionSecrets {
  readonly initialSalt: string
  readonly keyLabel: string
  readonly ivLabel: string
  readonly headerLabel: string
  readonly updateLabel: string
  readonly retryKey: string
  readonly retryNonce: string
}

/** RFC 9001. */
const SECRETS_1: VersionSecrets = {
  initialSalt: '38762cf7f55934b34d179ae6a4c80cadccbb7f0a',
  keyLabel: 'quic key',
  ivLabel: 'quic iv',
  headerLabel: 'quic hp',
  updateLabel: 'quic ku',
  retryKey: 'be0c690b9f66575a1d766b54e368c84e',
  retryNonce: '461599d35d632bf2239825bb',
}

/** RFC 9369. */
const SECRETS_2: VersionSecrets = {
  initialSalt: '0dede3def700a6db819381be6e269dcbf9bd2ed9',
  keyLabel: 'quicv2 key',
  ivLabel: 'quicv2 iv',
  headerLabel: 'quicv2 hp',
  updateLabel: 'quicv2 ku',
  retryKey: '8fb4b01b56ac48e260fbcbcead7ccc92',
  retryNonce: 'd86969bc2d7c6d9990efb04a',
}

/**
 * The constants of a version.
 * @throws RangeError for a version that is not spoken.
 */
export function versionSecrets(version: number): VersionSecrets {
  if (version === VERSION_1) return SECRETS_1
  if (version === VERSION_2) return SECRETS_2
  throw new RangeError(`version must be 1 or 2 of QUIC, got 0x${version.toString(16)}`)
}
