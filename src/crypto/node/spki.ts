/** Public keys of the peer's shares, read in whichever form this Node reads fastest. */
import { Buffer } from 'node:buffer'
import { createPublicKey, type KeyObject } from 'node:crypto'

/**
 * Node 24 finds out what an object is that it is given as a key by four exceptions, each of which takes a stack trace: 20 µs and more.
 * Text it does not ask. Other versions ask nobody, and some (20) take 80 µs to read such a text.
 */
let prefersText: boolean | undefined

/** Whether keys should be handed over as PEM. */
export function readsTextFaster(): boolean {
  prefersText ??= process.versions.node.startsWith('24.')
  return prefersText
}

/**
 * A key by its SubjectPublicKeyInfo, as text.
 * @param prefix what stands before the key in it, hexadecimal.
 */
export function keyOfText(prefix: string, key: Uint8Array): KeyObject {
  const spki = Buffer.concat([Buffer.from(prefix, 'hex'), key])
  return createPublicKey(`-----BEGIN PUBLIC KEY-----\n${spki.toString('base64')}\n-----END PUBLIC KEY-----`)
}
