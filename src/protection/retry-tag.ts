/**
 * The integrity tag of Retry packets (RFC 9001 §5.8, RFC 9369 §3.3.3). Its key is public: it proves that the sender saw the
 * client's Initial packet, and nothing more. By the portable engine in every host: a connection needs one at most.
 */
import { concat, fromHex } from '../base/bytes.ts'
import { AesGcm } from '../crypto/noble/aes-gcm.ts'
import { PacketNonce } from '../crypto/packet-nonce.ts'
import { versionSecrets } from './version-secrets.ts'

/** Bytes of the tag at the end of a Retry packet. */
export const RETRY_TAG_LENGTH = 16

/**
 * The tag of a Retry packet.
 * @param originalDestinationId the Destination Connection ID of the Initial packet that the Retry answers.
 * @param retryWithoutTag the Retry packet as it is sent, up to its tag.
 * @throws RangeError for a version that is not spoken.
 */
export function retryIntegrityTag(
  version: number,
  originalDestinationId: Uint8Array,
  retryWithoutTag: Uint8Array,
): Uint8Array {
  const { retryKey, retryNonce } = versionSecrets(version)
  const room = new Uint8Array(RETRY_TAG_LENGTH)
  const pseudoPacket = concat(Uint8Array.of(originalDestinationId.length), originalDestinationId, retryWithoutTag, room)
  const end = pseudoPacket.length - RETRY_TAG_LENGTH
  const nonce = new PacketNonce(fromHex(retryNonce))
  nonce.set(0)
  new AesGcm(fromHex(retryKey), pseudoPacket).seal(0, end, end, nonce)
  return pseudoPacket.subarray(end)
}
