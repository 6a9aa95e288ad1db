/** What the portable packet protector asks of an AEAD. */
import type { PacketNonce } from '../packet-nonce.ts'

/** An AEAD of one key that works in place over one arena. All offsets are those of the arena. */
export interface InPlaceAead {
  /** Encrypts `start` up to `end` and writes the 16-byte tag at `end`; the header from `header` up to `start` is authenticated. */
  seal(header: number, start: number, end: number, nonce: PacketNonce): void
  /** Decrypts `start` up to `end` if the tag at `end` is right; else changes nothing and says `false`. */
  open(header: number, start: number, end: number, nonce: PacketNonce): boolean
  /** Forgets the key. */
  wipe(): void
}
