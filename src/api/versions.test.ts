import { describe, expect, test } from 'vitest'
import { VERSION_1, VERSION_2 } from '../wire/version.ts'
import { rejection, Stage } from './pipe.fixtures.ts'

describe('The version of a connection', () => {
  test('is the one that the server prefers, where the client offers it', async () => {
    const { client, peer } = await new Stage({ server: { preferredVersions: [VERSION_2] } }).connected()
    expect([client.version, peer.version]).toEqual([VERSION_2, VERSION_2])
    expect((await client.ready).version).toBe(VERSION_2)
    expect(client.peerTransportParameters?.versionInformation?.chosen).toBe(VERSION_2)
  })

  test('is the client’s where the server has no preference, or the client has no other', async () => {
    expect((await new Stage().connected()).client.version).toBe(VERSION_1)
    expect((await new Stage({ client: { version: VERSION_2 } }).connected()).peer.version).toBe(VERSION_2)
    const alone = new Stage({ server: { preferredVersions: [VERSION_2] }, client: { versions: [VERSION_1] } })
    expect((await alone.connected()).client.version).toBe(VERSION_1)
  })

  test('is found by Version Negotiation where the server does not take the first', async () => {
    const { client } = await new Stage({ server: { versions: [VERSION_2] } }).connected()
    expect(client.version).toBe(VERSION_2)
  })

  test('is one of those that are spoken', async () => {
    const wrong: readonly object[] = [
      { preferredVersions: [3] },
      { preferredVersions: [VERSION_2], versions: [VERSION_1] },
      { preferredVersions: VERSION_2 },
      { versions: [] },
      { greaseQuicBit: 'sometimes' },
    ]
    for (const options of wrong) {
      const error = await rejection(new Stage().listen(options))
      expect(error instanceof RangeError || error instanceof TypeError).toBe(true)
    }
  })
})
