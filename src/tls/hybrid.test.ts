import { describe, expect, test } from 'vitest'
import { concat } from '../base/bytes.ts'
import { hybridGroup } from '../crypto/hybrid-group.ts'
import { nobleX25519 } from '../crypto/noble/groups.ts'
import { nobleMlKem768, x25519MlKem768 } from '../crypto/noble/ml-kem.ts'
import { noble } from '../crypto/noble/provider.ts'
import { AlertDescription } from './alert.ts'
import { decodeClientHello } from './client-hello.ts'
import { HandshakeType, NamedGroup } from './code-points.ts'
import {
  alertOf,
  clientConfig,
  handshake,
  type Outcome,
  PACES,
  replacing,
  serverConfig,
  splitMessages,
} from './handshake.fixtures.ts'
import { HEADER_LENGTH } from './message.ts'

const crypto = { ...noble, groups: [x25519MlKem768, ...noble.groups] }
const { secp256r1, x25519, x25519MlKem768: hybrid } = NamedGroup

function hellos(client: Outcome): readonly ReturnType<typeof decodeClientHello>[] {
  return client.events
    .flatMap((event) => (event.type === 'message' ? splitMessages(event.bytes) : []))
    .filter(([type]) => type === HandshakeType.clientHello)
    .map((message) => decodeClientHello(message.subarray(HEADER_LENGTH)))
}

describe.each(PACES)('X25519MLKEM768, public-key work $name', (pace) => {
  test('goes before all others where both ends have it', async () => {
    const { client, server } = await handshake(clientConfig({ crypto }), serverConfig({ crypto }), pace)
    expect([client.error, server.error]).toEqual([undefined, undefined])
    expect([client.complete?.group, server.complete?.group]).toEqual([hybrid, hybrid])
    const [hello] = hellos(client)
    expect(hello?.keyShares?.map(({ group, share }) => [group, share.length])).toEqual([
      [hybrid, 1216],
      [x25519, 32],
    ])
  })

  test('costs no round trip where the server lacks it', async () => {
    const { client, server } = await handshake(clientConfig({ crypto }), serverConfig(), pace)
    expect([client.error, server.error]).toEqual([undefined, undefined])
    expect([client.complete?.group, server.complete?.group]).toEqual([x25519, x25519])
    expect(hellos(client)).toHaveLength(1)
    // One key pair of X25519 serves both (draft-ietf-tls-hybrid-design §3.2).
    const [inHybrid, byItself] = hellos(client)[0]?.keyShares ?? []
    expect(byItself?.share).toEqual(inHybrid?.share.subarray(-32))
  })

  test('is asked for by a HelloRetryRequest where the client has sent another share', async () => {
    const groups = [secp256r1, hybrid]
    const { client, server } = await handshake(
      clientConfig({ crypto, groups }),
      serverConfig({ crypto, groups: [hybrid] }),
      pace,
    )
    expect([client.complete?.group, server.complete?.group]).toEqual([hybrid, hybrid])
    expect(hellos(client)[1]?.keyShares?.map(({ share }) => share.length)).toEqual([1216])
  })

  test('a share of the server that is too short is an illegal_parameter', async () => {
    // The server's share is the first extension; its length stands behind type, length and group.
    const tamper = replacing('server', HandshakeType.serverHello, (message) => {
      const short = concat(message.subarray(0, 60), message.subarray(61))
      for (const at of [3, 43, 47, 51]) short[at] = ((short[at] ?? 0) + 255) & 255
      return short
    })
    const only = { crypto, groups: [hybrid] }
    const { client } = await handshake(clientConfig(only), serverConfig(only), pace, tamper)
    expect(alertOf(client).description).toBe(AlertDescription.illegalParameter)
    expect(alertOf(client).cause).toBeInstanceOf(RangeError)
  })

  test('a key of the client beyond the modulus is an illegal_parameter', async () => {
    const bad = {
      ...crypto,
      groups: [
        {
          ...x25519MlKem768,
          generate: async (...given: Parameters<typeof x25519MlKem768.generate>) => {
            const share = await x25519MlKem768.generate(...given)
            return { ...share, share: share.share.slice().fill(0xff, 0, 3) }
          },
        },
      ],
    }
    const { server } = await handshake(clientConfig({ crypto: bad }), serverConfig({ crypto }), {
      ...pace,
      isSlow: true,
    })
    expect(alertOf(server).description).toBe(AlertDescription.illegalParameter)
  })

  test('a client that cannot decapsulate ends with internal_error', async () => {
    const broken = hybridGroup(
      {
        ...nobleMlKem768,
        generate: async (random) => ({
          ...(await nobleMlKem768.generate(random)),
          decapsulate: () => {
            throw new Error('No memory')
          },
        }),
      },
      nobleX25519,
    )
    const { client } = await handshake(
      clientConfig({ crypto: { ...noble, groups: [broken] } }),
      serverConfig({ crypto }),
      { ...pace, isSlow: true },
    )
    expect(alertOf(client).description).toBe(AlertDescription.internalError)
  })
})
