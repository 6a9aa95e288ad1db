/** Peers that know a key, and lie with it; or that lie about knowing it. */
import { describe, expect, test } from 'vitest'
import { concat, fromHex } from '../base/bytes.ts'
import { TLS_CHACHA20_POLY1305_SHA256 } from '../crypto/suites.ts'
import { ExtensionType, HandshakeType, NamedGroup } from './code-points.ts'
import {
  alertOf,
  clientConfig,
  editExtensions,
  handshake,
  PACES,
  replacing,
  serverConfig,
  splitMessages,
  type Tamper,
  withBody,
} from './handshake.fixtures.ts'
import { HEADER_LENGTH } from './message.ts'
import { expectAgreement, Regulars } from './resumption.fixtures.ts'
import { TlsLevel } from './session.ts'
import type { EarlyDataAttempt } from './tickets.ts'

const { certificate, clientHello, encryptedExtensions, serverHello } = HandshakeType
const { earlyData, keyShare, preSharedKey, pskKeyExchangeModes, supportedGroups } = ExtensionType

/** Where the extension block of a ClientHello of ours begins in its body. */
function helloBlockAt(message: Uint8Array): number {
  const body = message.subarray(HEADER_LENGTH)
  const suites = ((body[35] ?? 0) << 8) | (body[36] ?? 0)
  return 37 + suites + 2
}

const inClientHello = (edit: (extensions: Map<number, Uint8Array>) => void): Tamper =>
  replacing('client', clientHello, (message) => editExtensions(message, helloBlockAt(message), edit))
const inServerHello = (edit: (extensions: Map<number, Uint8Array>) => void): Tamper =>
  replacing('server', serverHello, (message) => editExtensions(message, 38, edit))
const inEncryptedExtensions = (edit: (extensions: Map<number, Uint8Array>) => void): Tamper =>
  replacing('server', encryptedExtensions, (message) => editExtensions(message, 0, edit))

/** One bit of the last byte, which is in a binder. */
const inLastByte = (message: Uint8Array): Uint8Array => {
  const changed = message.slice()
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
  return changed
}

describe.each(PACES)('a server, public-key work $name', (pace) => {
  //= rfc9846#4.3.11-p8-2
  test('refuses a wrong binder with decrypt_error, and gives out no secret', async () => {
    const regulars = new Regulars(pace)
    const { server } = await regulars.resume(
      await regulars.session(),
      {},
      {},
      replacing('client', clientHello, inLastByte),
    )
    expect(alertOf(server).description).toBe(51)
    expect(server.events.some(({ type }) => type === 'secret')).toBe(false)
  })

  test('refuses who has the ticket and not its key', async () => {
    const regulars = new Regulars(pace)
    const session = await regulars.session()
    const { server } = await regulars.resume({ ...session, key: new Uint8Array(32) })
    expect(alertOf(server).description).toBe(51)
  })

  test('refuses a ClientHello in which anything before the binders was changed', async () => {
    const regulars = new Regulars(pace)
    const { server } = await regulars.resume(
      await regulars.session(),
      {},
      {},
      replacing('client', clientHello, (message) => {
        const changed = message.slice()
        // In the random.
        changed[10] = (changed[10] ?? 0) ^ 1
        return changed
      }),
    )
    expect(alertOf(server).description).toBe(51)
  })

  test('refuses a wrong binder in the second ClientHello', async () => {
    const regulars = new Regulars(pace)
    let hellos = 0
    const { server } = await regulars.resume(
      await regulars.session(),
      {},
      { groups: [NamedGroup.secp384r1] },
      replacing('client', clientHello, (message) => {
        hellos += 1
        return hellos === 2 ? inLastByte(message) : message
      }),
    )
    expect(hellos).toBe(2)
    expect(alertOf(server).description).toBe(51)
  })

  test('goes on with a certificate where the second ClientHello has no key any more', async () => {
    const regulars = new Regulars(pace)
    let hellos = 0
    const { server, client } = await regulars.resume(
      await regulars.session(),
      {},
      { groups: [NamedGroup.secp384r1] },
      replacing('client', clientHello, (message) => {
        hellos += 1
        if (hellos === 1) return message
        return editExtensions(message, helloBlockAt(message), (extensions) => extensions.delete(preSharedKey))
      }),
    )
    // The transcripts differ, as somebody in between has changed one; what matters is that a certificate is shown.
    expect(server.error).toBeUndefined()
    expect(server.events.some(({ type }) => type === 'secret')).toBe(true)
    expect(client.complete).toBeUndefined()
  })

  test('refuses early data in a second ClientHello', async () => {
    const regulars = new Regulars(pace)
    let hellos = 0
    const { server } = await regulars.resume(
      await regulars.session(),
      {},
      { groups: [NamedGroup.secp384r1] },
      replacing('client', clientHello, (message) => {
        hellos += 1
        if (hellos === 1) return message
        return editExtensions(message, helloBlockAt(message), (extensions) => {
          const psk = extensions.get(preSharedKey) ?? new Uint8Array()
          extensions.delete(preSharedKey)
          extensions.set(earlyData, new Uint8Array())
          extensions.set(preSharedKey, psk)
        })
      }),
    )
    expect(alertOf(server).description).toBe(47)
  })

  //= rfc9846#4.3.9-p2-2
  test('refuses keys without modes', async () => {
    const regulars = new Regulars(pace)
    const { server } = await regulars.resume(
      await regulars.session(),
      {},
      {},
      inClientHello((extensions) => extensions.delete(pskKeyExchangeModes)),
    )
    expect(alertOf(server).description).toBe(109)
  })

  //= rfc9846#4.3.9-p2-3
  test('does not use a ticket in a mode that the client does not offer', async () => {
    const regulars = new Regulars(pace)
    const { server } = await regulars.resume(
      await regulars.session(),
      {},
      {},
      inClientHello((extensions) => extensions.set(pskKeyExchangeModes, fromHex('0100'))),
    )
    // The binder, which is wrong now, is not looked at: the ticket is passed over, and the certificate shown.
    expect(server.error).toBeUndefined()
    const shown = server.events.flatMap((event) => (event.type === 'message' ? splitMessages(event.bytes) : []))
    expect(shown.some((message) => message[0] === certificate)).toBe(true)
  })

  //= rfc9846#4.3.10-p6-1
  //= rfc9846#4.3.10-p6-2
  test.each([
    [-10_001, false],
    [-9_999, true],
    [9_999, true],
    [10_001, false],
  ])('with a ticket %d ms older than it says takes early data: %s', async (error, isTaken) => {
    const regulars = new Regulars(pace)
    const session = await regulars.session()
    regulars.elapsed = 600_000
    const visit = await regulars.resume({ ...session, receivedAt: session.receivedAt + error })
    expectAgreement(visit)
    expect(visit.client.complete).toMatchObject({ resumed: true, earlyData: isTaken })
  })

  test('does not go on from a stale ticket, whatever the client makes of its age', async () => {
    const HOUR = 3600
    const regulars = new Regulars(pace, { lifetime: HOUR })
    const session = await regulars.session()
    const after = async (elapsed: number): Promise<unknown> => {
      regulars.elapsed = elapsed
      const { receivedAt, expiresAt } = { receivedAt: session.receivedAt + elapsed, expiresAt: Number.MAX_SAFE_INTEGER }
      const visit = await regulars.resume({ ...session, receivedAt, expiresAt, certificateEnd: expiresAt })
      expectAgreement(visit)
      return [visit.client.complete?.resumed, visit.server.complete?.resumed, visit.client.complete?.earlyData]
    }
    // Its age is hidden from the first on: early data is refused for that.
    expect(await after(HOUR * 1000 - 20_000)).toEqual([true, true, false])
    expect(await after(HOUR * 1000 + 20_000)).toEqual([false, false, false])
  })

  test('asks the layers above once for each attempt, with what the ticket says', async () => {
    const attempts: EarlyDataAttempt[] = []
    const regulars = new Regulars(pace, {
      acceptEarlyData: (attempt) => {
        attempts.push(attempt)
        return attempts.length === 1
      },
    })
    const session = await regulars.session()
    expect((await regulars.resume(session)).client.complete?.earlyData).toBe(true)
    expect((await regulars.resume(session)).client.complete).toMatchObject({ resumed: true, earlyData: false })
    expect(attempts[0]).toMatchObject({ alpn: 'hq-interop', serverName: 'server.example', context: fromHex('010203') })
    expect(attempts[0]?.ticketId).toHaveLength(16)
    expect(attempts[1]).toEqual(attempts[0])
  })

  test('ends with internal_error where the layers above throw', async () => {
    const regulars = new Regulars(pace, {
      acceptEarlyData: () => {
        throw new Error('the database is gone')
      },
    })
    const { server } = await regulars.resume(await regulars.session())
    expect(alertOf(server).description).toBe(80)
  })

  test('looks at a few identities only', async () => {
    let lookups = 0
    const find = (): undefined => {
      lookups += 1
    }
    const many = concat(...Array.from({ length: 50 }, () => fromHex('000161' + '00000000')))
    const binders = concat(...Array.from({ length: 50 }, () => concat(fromHex('20'), new Uint8Array(32))))
    const length = (bytes: Uint8Array): Uint8Array => Uint8Array.of(bytes.length >>> 8, bytes.length)
    const { server } = await handshake(
      clientConfig(),
      serverConfig({ psk: { find } }),
      pace,
      inClientHello((extensions) => {
        extensions.set(pskKeyExchangeModes, fromHex('0101'))
        extensions.set(preSharedKey, concat(length(many), many, length(binders), binders))
      }),
    )
    expect(lookups).toBe(4)
    expect(server.events.some(({ type }) => type === 'message')).toBe(true)
  })
})

describe.each(PACES)('a client, public-key work $name', (pace) => {
  const fails = async (tamper: Tamper, alert: number, server = {}): Promise<void> => {
    const regulars = new Regulars(pace)
    const { client } = await regulars.resume(await regulars.session(), {}, server, tamper)
    expect(alertOf(client).description).toBe(alert)
    expect(client.complete).toBeUndefined()
  }

  //= rfc9846#4.3.11-p9-1
  //= rfc9846#4.3.11-p9-2
  test('refuses a key that it did not offer', () =>
    fails(
      inServerHello((extensions) => extensions.set(preSharedKey, fromHex('0001'))),
      47,
    ))

  test('refuses a malformed selection', () =>
    fails(
      inServerHello((extensions) => extensions.set(preSharedKey, fromHex('00'))),
      50,
    ))

  test('refuses a key selected without the key exchange that belongs to it', () =>
    fails(
      inServerHello((extensions) => extensions.delete(keyShare)),
      47,
    ))

  test('refuses a key selected for a suite with another hash', () =>
    fails(
      replacing('server', serverHello, (message) => {
        const body = message.slice(HEADER_LENGTH)
        body.set(fromHex('1302'), 35)
        return withBody(message, body)
      }),
      47,
    ))

  //= rfc9846#4.3.11-p10-1
  //= rfc9846#4.3.11-p10-2
  test('refuses early data accepted under another suite, or with no key selected', async () => {
    await fails(
      inEncryptedExtensions((extensions) => extensions.set(earlyData, new Uint8Array())),
      47,
      { suites: [TLS_CHACHA20_POLY1305_SHA256] },
    )
    await fails(
      inEncryptedExtensions((extensions) => extensions.set(earlyData, new Uint8Array())),
      47,
      { tickets: undefined },
    )
  })

  test('refuses early data accepted that it did not offer, and an acceptance with a body', async () => {
    const regulars = new Regulars(pace)
    const { client } = await regulars.visit(
      {},
      {},
      inEncryptedExtensions((extensions) => extensions.set(earlyData, new Uint8Array())),
    )
    expect(alertOf(client).description).toBe(110)
    await fails(
      inEncryptedExtensions((extensions) => extensions.set(earlyData, fromHex('00'))),
      50,
    )
  })

  test('refuses a key where it offered none', async () => {
    const regulars = new Regulars(pace)
    const { client } = await regulars.visit(
      { acceptsTickets: false },
      {},
      inServerHello((extensions) => extensions.set(preSharedKey, fromHex('0000'))),
    )
    expect(alertOf(client).description).toBe(110)
  })

  //= rfc9846#4.3.9-p3-1
  test('refuses psk_key_exchange_modes from a server', () =>
    fails(
      inServerHello((extensions) => extensions.set(pskKeyExchangeModes, fromHex('0101'))),
      47,
    ))

  //= rfc9846#4.4.2-p6-1
  test.each([
    ['CertificateRequest', '0d00000b000008000d000400020403'],
    ['Certificate', '0b00000400000000'],
    ['EndOfEarlyData', '05000000'],
  ])('refuses %s where a key stands for the certificate', async (_name, message) => {
    await fails((from, level, bytes) => {
      if (from === 'client' || level !== TlsLevel.handshake) return [bytes]
      const end = HEADER_LENGTH + (((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0))
      return [concat(bytes.subarray(0, end), fromHex(message), bytes.subarray(end))]
    }, 10)
  })

  test('goes on where the groups of the server are told', async () => {
    const regulars = new Regulars(pace)
    const { client } = await regulars.resume(
      await regulars.session(),
      {},
      {},
      inEncryptedExtensions((extensions) => extensions.set(supportedGroups, fromHex('0002001d'))),
    )
    // Only the Finished does not match any more.
    expect(alertOf(client).description).toBe(51)
  })
})
