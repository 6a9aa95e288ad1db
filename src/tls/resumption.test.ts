import { describe, expect, test } from 'vitest'
import { concat, toHex } from '../base/bytes.ts'
import { TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256 } from '../crypto/suites.ts'
import { WALL_CLOCK } from './certificates.fixtures.ts'
import { HandshakeType, NamedGroup } from './code-points.ts'
import { PACES, splitMessages } from './handshake.fixtures.ts'
import { earlyDataOf, expectAgreement, Regulars, secretsOf, ticketsOf } from './resumption.fixtures.ts'
import { TlsLevel } from './session.ts'

describe.each(PACES)('resumption, when public-key work is done $name', (pace) => {
  //= rfc9846#4.7.1-p9.4-1
  test('a server gives out tickets, each with a key, an id and an age of its own, and a client makes sessions of them', async () => {
    const visit = await new Regulars(pace).visit()
    expectAgreement(visit)
    expect(visit.client.complete).toMatchObject({ resumed: false, earlyData: false, pskIdentity: undefined })
    const [first, second] = ticketsOf(visit.client)
    expect(ticketsOf(visit.client)).toHaveLength(2)
    expect(first).toMatchObject({
      alpn: 'hq-interop',
      serverName: 'server.example',
      suite: 0x1301,
      hash: 'sha256',
      allowsEarlyData: true,
      receivedAt: WALL_CLOCK,
      expiresAt: WALL_CLOCK + 86_400_000,
      authenticatedAt: WALL_CLOCK,
    })
    expect(first?.key).not.toEqual(second?.key)
    expect(first?.ticket).not.toEqual(second?.ticket)
    expect(first?.ageAdd).not.toBe(second?.ageAdd)
  })

  //= rfc9846#4.2.1-p4-1
  //= rfc9846#4.5.1-p2-1
  test('who comes back with a ticket is resumed without a certificate, and may send early data', async () => {
    const regulars = new Regulars(pace)
    const session = await regulars.session()
    regulars.elapsed = 60_000
    const sent: number[] = []
    const visit = await regulars.resume(session, {}, {}, (from, _level, bytes) => {
      if (from === 'server') sent.push(...splitMessages(bytes).map((message) => message[0] ?? 0))
      return [bytes]
    })
    expectAgreement(visit)
    expect(visit.client.complete).toMatchObject({
      resumed: true,
      earlyData: true,
      peerCertificates: [],
      group: NamedGroup.x25519,
    })
    expect(visit.server.complete).toMatchObject({ resumed: true, earlyData: true, peerCertificates: [] })
    const { serverHello, encryptedExtensions, finished, newSessionTicket } = HandshakeType
    expect(sent).toEqual([serverHello, encryptedExtensions, finished, newSessionTicket, newSessionTicket])
    expect(earlyDataOf(visit.client)).toEqual([true])
    const [written] = secretsOf(visit.client, TlsLevel.early)
    const [read] = secretsOf(visit.server, TlsLevel.early)
    expect(written?.direction).toBe('write')
    expect(read?.direction).toBe('read')
    expect(written?.secret).toEqual(read?.secret)
    expect(written?.suite).toBe(TLS_AES_128_GCM_SHA256)
  })

  test('the secret of early data is out with the ClientHello, before the server has said a word', async () => {
    const regulars = new Regulars(pace)
    const { client } = await regulars.resume(await regulars.session())
    expect(client.events.slice(0, 2).map(({ type }) => type)).toEqual(['message', 'secret'])
    const types = client.events.map(({ type }) => type)
    expect(types.indexOf('early-data')).toBeLessThan(types.indexOf('peer-parameters'))
  })

  test('tickets of a resumed session resume in their turn, and go back to the first certificate', async () => {
    const regulars = new Regulars(pace)
    const first = await regulars.session()
    regulars.elapsed = 3_600_000
    const second = ticketsOf((await regulars.resume(first)).client)[0]
    expect(second).toMatchObject({ authenticatedAt: WALL_CLOCK, certificateEnd: first.certificateEnd })
    if (second === undefined) throw new Error('No ticket')
    regulars.elapsed = 7_200_000
    const visit = await regulars.resume(second)
    expectAgreement(visit)
    expect(visit.client.complete).toMatchObject({ resumed: true, earlyData: true })
  })

  test('without leave for early data a session is resumed all the same', async () => {
    const regulars = new Regulars(pace)
    const session = await regulars.session()
    const visit = await regulars.visit({ resumption: { session, earlyData: false } })
    expectAgreement(visit)
    expect(visit.client.complete).toMatchObject({ resumed: true, earlyData: false })
    expect(earlyDataOf(visit.client)).toEqual([])
    expect(secretsOf(visit.client, TlsLevel.early)).toEqual([])
  })

  test.each([TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256])(
    'resumption keeps to $name',
    async (suite) => {
      const regulars = new Regulars(pace)
      const session = await regulars.session({}, { suites: [suite] })
      const visit = await regulars.resume(session)
      expectAgreement(visit)
      expect(visit.client.complete).toMatchObject({ resumed: true, earlyData: true, suite })
    },
  )

  //= rfc9846#4.7.1-p4-1
  test('another suite of the same hash resumes without early data, another hash not at all', async () => {
    const regulars = new Regulars(pace)
    const session = await regulars.session()
    const other = await regulars.resume(session, {}, { suites: [TLS_CHACHA20_POLY1305_SHA256] })
    expectAgreement(other)
    expect(other.client.complete).toMatchObject({
      resumed: true,
      earlyData: false,
      suite: TLS_CHACHA20_POLY1305_SHA256,
    })
    expect(earlyDataOf(other.client)).toEqual([false])
    const longer = await regulars.resume(session, {}, { suites: [TLS_AES_256_GCM_SHA384] })
    expectAgreement(longer)
    expect(longer.client.complete).toMatchObject({ resumed: false, earlyData: false, suite: TLS_AES_256_GCM_SHA384 })
    expect(earlyDataOf(longer.client)).toEqual([false])
  })

  //= rfc9846#4.3.10-p10-2
  test('another protocol resumes without early data', async () => {
    const regulars = new Regulars(pace)
    const session = await regulars.session({ alpn: ['hq-interop', 'other'] })
    const visit = await regulars.resume(session, { alpn: ['hq-interop', 'other'] }, { alpn: ['other'] })
    expectAgreement(visit)
    expect(visit.client.complete).toMatchObject({ resumed: true, earlyData: false, alpn: 'other' })
  })

  //= rfc9846#4.3.10-p9.2-1
  test('a HelloRetryRequest ends early data, and the second binder covers both', async () => {
    const regulars = new Regulars(pace)
    const session = await regulars.session()
    const hellos: Uint8Array[] = []
    const visit = await regulars.resume(session, {}, { groups: [NamedGroup.secp384r1] }, (from, level, bytes) => {
      if (from === 'client' && level === TlsLevel.initial) hellos.push(bytes)
      return [bytes]
    })
    expectAgreement(visit)
    expect(hellos).toHaveLength(2)
    expect(visit.client.complete).toMatchObject({ resumed: true, earlyData: false, group: NamedGroup.secp384r1 })
    expect(earlyDataOf(visit.client)).toEqual([false])
    expect(secretsOf(visit.server, TlsLevel.early)).toEqual([])
  })

  test('a HelloRetryRequest with another hash makes the client drop its ticket', async () => {
    const regulars = new Regulars(pace)
    const session = await regulars.session()
    const server = { groups: [NamedGroup.secp384r1], suites: [TLS_AES_256_GCM_SHA384] }
    const visit = await regulars.resume(session, {}, server)
    expectAgreement(visit)
    expect(visit.client.complete).toMatchObject({ resumed: false, suite: TLS_AES_256_GCM_SHA384 })
  })

  //= rfc9846#4.3.11-p7-1
  //= rfc9846#4.3.11-p7-2
  test('a ticket that does not open is passed over: the certificate is shown again', async () => {
    const session = await new Regulars(pace).session()
    const keys = new Uint8Array(32).fill(99)
    const stranger = new Regulars(pace)
    const forged = { ...session, ticket: concat(session.ticket.subarray(0, 40), keys) }
    for (const ticket of [forged.ticket, Uint8Array.of(1), session.ticket.subarray(0, -1)]) {
      const visit = await stranger.resume({ ...session, ticket })
      expectAgreement(visit)
      expect(visit.client.complete).toMatchObject({ resumed: false, earlyData: false })
      expect(visit.client.complete?.peerCertificates).toHaveLength(1)
    }
  })

  test('what the layers above do not want is not resumed; what they refuse early is, without early data', async () => {
    const contexts: Uint8Array[] = []
    const refusing = new Regulars(pace, {
      isUsable: (context) => {
        contexts.push(context)
        return false
      },
    })
    const visit = await refusing.resume(await refusing.session())
    expectAgreement(visit)
    expect(visit.client.complete?.resumed).toBe(false)
    expect(contexts).toEqual([Uint8Array.of(1, 2, 3)])
    const reluctant = new Regulars(pace, { acceptEarlyData: () => Promise.resolve(false) })
    // The hook may take its time only where the rest may.
    const later = new Regulars({ name: 'slowly', isSlow: true }, reluctant.tickets)
    const resumed = await later.resume(await later.session())
    expectAgreement(resumed)
    expect(resumed.client.complete).toMatchObject({ resumed: true, earlyData: false })
    expect(earlyDataOf(resumed.client)).toEqual([false])
  })

  //= rfc9001#4.6.1-p2-1
  test('a server that takes early data says 0xffffffff in its tickets, and nothing where it does not', async () => {
    for (const changes of [{}, { acceptEarlyData: undefined }]) {
      const sent: Uint8Array[] = []
      await new Regulars(pace, changes).visit({}, {}, (from, level, bytes) => {
        if (from === 'server' && level === TlsLevel.application) sent.push(bytes)
        return [bytes]
      })
      expect(sent).toHaveLength(2)
      const ending =
        changes.acceptEarlyData === undefined && 'acceptEarlyData' in changes ? '0000' : '0008002a0004ffffffff'
      for (const bytes of sent) expect(toHex(bytes).endsWith(ending)).toBe(true)
    }
  })

  test('a server that takes no early data says so in its tickets', async () => {
    const regulars = new Regulars(pace, { acceptEarlyData: undefined })
    const session = await regulars.session()
    expect(session.allowsEarlyData).toBe(false)
    const visit = await regulars.resume(session)
    expectAgreement(visit)
    expect(visit.client.complete).toMatchObject({ resumed: true, earlyData: false })
    expect(earlyDataOf(visit.client)).toEqual([])
  })

  test('a client that wants no tickets gets none, and a server without a policy gives none', async () => {
    const regulars = new Regulars(pace)
    const { client, server } = await regulars.visit({ acceptsTickets: false })
    expect(ticketsOf(client)).toEqual([])
    expect(server.events.some((event) => event.type === 'message' && event.level === TlsLevel.application)).toBe(false)
    const without = await regulars.visit({}, { tickets: undefined })
    expect(ticketsOf(without.client)).toEqual([])
    const visit = await regulars.resume(await regulars.session(), {}, { tickets: undefined })
    expectAgreement(visit)
    expect(visit.client.complete?.resumed).toBe(false)
  })
})

describe('a client keeps its tickets to what they are for', () => {
  const [pace = { name: 'at once', isSlow: false }] = PACES

  test.each([
    ['another name', { serverName: 'other.example' }],
    ['another trust', { trust: 'pins' }],
    ['no suite of the hash', { suites: [TLS_AES_256_GCM_SHA384] }],
  ] as const)('not offered: %s', async (_name, client) => {
    const regulars = new Regulars(pace)
    const visit = await regulars.resume(await regulars.session(), client)
    expectAgreement(visit)
    expect(visit.client.complete?.resumed).toBe(false)
    expect(secretsOf(visit.client, TlsLevel.early)).toEqual([])
  })

  //= rfc9846#4.3.11.1-p1-1
  test('not offered: after its lifetime, after the certificate, or a week after it was shown', async () => {
    const regulars = new Regulars(pace, { lifetime: 604_800 })
    const session = await regulars.session()
    const offers = async (at: number, changes: Partial<typeof session> = {}): Promise<boolean> => {
      regulars.elapsed = at - WALL_CLOCK
      const { client } = await regulars.resume({ ...session, ...changes })
      return secretsOf(client, TlsLevel.early).length > 0
    }
    expect(await offers(session.expiresAt - 1)).toBe(true)
    expect(await offers(session.expiresAt)).toBe(false)
    expect(await offers(WALL_CLOCK + 10, { certificateEnd: WALL_CLOCK + 10 })).toBe(false)
  })

  test('the certificate that has ended is not resumed by, and one that had ended at the time did not matter', async () => {
    const regulars = new Regulars(pace)
    const { certificateEnd } = await regulars.session()
    expect(certificateEnd).toBeGreaterThan(WALL_CLOCK)
    regulars.elapsed = certificateEnd - WALL_CLOCK + 1
    const late = await regulars.session()
    expect(late.certificateEnd).toBe(Number.MAX_SAFE_INTEGER)
  })

  test('early data is not sent for a protocol that is not on offer', async () => {
    const regulars = new Regulars(pace)
    const session = await regulars.session({ alpn: ['hq-interop'] }, {})
    const visit = await regulars.resume(session, { alpn: ['other'] }, { alpn: ['other'] })
    expectAgreement(visit)
    expect(visit.client.complete).toMatchObject({ resumed: true, earlyData: false })
    expect(secretsOf(visit.client, TlsLevel.early)).toEqual([])
  })
})
