/** The shape of the Wycheproof files, as far as the tests here read them. Bytes are hexadecimal. */

/** One file. */
export interface Wycheproof<Group> {
  readonly testGroups: readonly Group[]
}

/** What is common to all tests. */
export interface WycheproofCase {
  readonly tcId: number
  readonly comment: string
  readonly flags: readonly string[]
  readonly result: 'valid' | 'invalid' | 'acceptable'
}

/** An AEAD. */
export interface AeadGroup {
  readonly ivSize: number
  readonly keySize: number
  readonly tagSize: number
  readonly tests: readonly (WycheproofCase & Record<'key' | 'iv' | 'aad' | 'msg' | 'ct' | 'tag', string>)[]
}

/** A key agreement. */
export interface AgreementGroup {
  readonly tests: readonly (WycheproofCase & Record<'public' | 'private' | 'shared', string>)[]
}

/** Signatures by one key. */
export interface SignatureGroup {
  readonly publicKeyDer: string
  readonly sha?: string
  readonly mgfSha?: string
  readonly sLen?: number
  readonly tests: readonly (WycheproofCase & Record<'msg' | 'sig', string>)[]
}

/** HKDF. */
export interface HkdfGroup {
  readonly tests: readonly (WycheproofCase & Record<'ikm' | 'salt' | 'info' | 'okm', string> & { size: number })[]
}

/** A MAC. */
export interface MacGroup {
  readonly tagSize: number
  readonly tests: readonly (WycheproofCase & Record<'key' | 'msg' | 'tag', string>)[]
}

/** How a test is named where it fails. */
export function caseName(test: WycheproofCase): string {
  return `#${test.tcId} ${test.comment} (${test.flags.join(', ')})`
}
