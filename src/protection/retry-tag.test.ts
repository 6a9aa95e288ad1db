import { expect, test } from 'vitest'
import { fromHex, toHex } from '../base/bytes.ts'
import { VERSION_1, VERSION_2 } from '../wire/version.ts'
import { RETRY_TAG_LENGTH, retryIntegrityTag } from './retry-tag.ts'

const ORIGINAL = fromHex('8394c8f03e515708')

/** Appendix A.4 of both documents. */
const RETRIES = [
  ['RFC 9001', VERSION_1, 'ff000000010008f067a5502a4262b5746f6b656e04a265ba2eff4d829058fb3f0f2496ba'],
  ['RFC 9369', VERSION_2, 'cf6b3343cf0008f067a5502a4262b5746f6b656ec8646ce8bfe33952d955543665dcc7b6'],
] as const

for (const [name, version, hex] of RETRIES) {
  test(`${name} A.4: the integrity tag of the Retry packet`, () => {
    const packet = fromHex(hex)
    const end = packet.length - RETRY_TAG_LENGTH
    expect(toHex(retryIntegrityTag(version, ORIGINAL, packet.subarray(0, end)))).toBe(toHex(packet.subarray(end)))
  })
}

test('the tag depends on the original destination and on every byte of the packet', () => {
  const packet = fromHex(RETRIES[0][2]).subarray(0, -RETRY_TAG_LENGTH)
  const tags = new Set([toHex(retryIntegrityTag(VERSION_1, ORIGINAL, packet))])
  tags.add(toHex(retryIntegrityTag(VERSION_1, ORIGINAL.subarray(1), packet)))
  for (let i = 0; i < packet.length; i++) {
    const changed = packet.slice()
    changed[i] = (changed[i] ?? 0) ^ 1
    tags.add(toHex(retryIntegrityTag(VERSION_1, ORIGINAL, changed)))
  }
  expect(tags.size).toBe(packet.length + 2)
})
