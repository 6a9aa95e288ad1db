import { describe, expect, test } from 'vitest'
import { LongHeader } from '../wire/long-header.ts'
import { VERSION_1, VERSION_2 } from '../wire/version.ts'
import { Pair } from './test-pair.fixtures.ts'

/** A version that nobody speaks. */
const RESERVED = 0x1a2a3a4a

/** What becomes of an offer of the reserved version, and the versions in the datagrams of the client. */
function offering(versions: readonly number[], spoken: readonly number[]) {
  const offered = new Set<number>()
  const pair = new Pair({
    client: { version: RESERVED, versions },
    listen: { versions: spoken },
    tap: (bytes, from) => {
      const header = new LongHeader()
      if (from === 'client' && header.parse(bytes, 0, bytes.length)) offered.add(header.version)
      return true
    },
  })
  const client = pair.connect()
  pair.run(() => client.isHandshakeConfirmed || client.state === 'closed')
  return { client, offered: [...offered] }
}

describe('A client that offers a version that nobody speaks', () => {
  test('is told what the server speaks, and goes on with that', () => {
    const { client, offered } = offering([VERSION_2, VERSION_1], [VERSION_1])
    expect(client.isHandshakeConfirmed).toBe(true)
    expect(client.version).toBe(VERSION_1)
    expect(offered).toEqual([RESERVED, VERSION_1])
  })

  test('gives up where there is no version in common', () => {
    const { client, offered } = offering([VERSION_2], [VERSION_1])
    expect(client.closeReason).toMatchObject({ kind: 'version', offered: RESERVED })
    expect(offered).toEqual([RESERVED])
  })
})
