import { describe, expect, test } from 'vitest'
import { concat, EMPTY, fromHex, toHex } from '../base/bytes.ts'
import type { Eventually } from '../crypto/eventually.ts'
import { noble } from '../crypto/noble/provider.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { P256 } from './certificates.fixtures.ts'
import { createClientSession } from './client-session.ts'
import type { Identity } from './config.ts'
import { clientConfig, handshake, identityOf, PACES, serverConfig } from './handshake.fixtures.ts'
import { MAX_CERTIFICATE_LENGTH, MAX_MESSAGE_LENGTH } from './message.ts'
import { createServerSession } from './server-session.ts'
import { type TlsEvent, TlsLevel, type TlsSession } from './session.ts'
import { slowProvider } from './slow-provider.fixtures.ts'

function clientHello(): Uint8Array {
  const event = createClientSession(clientConfig()).poll()
  return event?.type === 'message' ? event.bytes : EMPTY
}

function drain(session: TlsSession): readonly TlsEvent[] {
  const events: TlsEvent[] = []
  for (let event = session.poll(); event !== undefined; event = session.poll()) events.push(event)
  return events
}

function expectAlert(call: () => void, description: number, protocolViolation = false): void {
  expect(call).toThrow(expect.objectContaining({ description, protocolViolation }))
  expect(call).not.toThrow()
}

/** An identity that arrives when the test says so. */
function suspendedServer() {
  let arrive: (identity: Identity | undefined) => void = () => undefined
  let fail: (reason: unknown) => void = () => undefined
  const identity: Eventually<Identity | undefined> = new Promise((resolve, reject) => {
    arrive = resolve
    fail = reject
  })
  const session = createServerSession(serverConfig({ selectIdentity: () => identity }))
  let rings = 0
  const progress = new Promise<void>((resolve) => {
    session.onProgress = () => {
      rings++
      resolve()
    }
  })
  return { session, arrive, fail, progress, rings: () => rings }
}

describe('levels', () => {
  //= rfc9001#8.3-p2-2
  test('CRYPTO data of 0-RTT is refused', () => {
    const session = createServerSession(serverConfig())
    expectAlert(() => session.receive(TlsLevel.early, clientHello()), AlertDescription.unexpectedMessage, true)
  })

  test('a message at a level that is not read yet is refused', () => {
    for (const level of [TlsLevel.handshake, TlsLevel.application]) {
      const session = createServerSession(serverConfig())
      expectAlert(() => session.receive(level, clientHello()), AlertDescription.unexpectedMessage, true)
    }
  })

  //= rfc9001#4.1.3-p10.2-1
  //= rfc9001#4.1.3-p10.2-2
  test('new data at a level that is no longer read is refused', () => {
    const session = createServerSession(serverConfig())
    session.receive(TlsLevel.initial, clientHello())
    expectAlert(() => session.receive(TlsLevel.initial, fromHex('01')), AlertDescription.unexpectedMessage, true)
  })

  //= rfc9001#4.1.3-p10.3-1
  //= rfc9846#5.1-p3.2-1
  //= rfc9846#5.1-p3.2-2
  test('bytes left over before a change of keys are refused, and nothing of the message comes out', () => {
    const session = createServerSession(serverConfig())
    const bytes = concat(clientHello(), fromHex('14'))
    expectAlert(() => session.receive(TlsLevel.initial, bytes), AlertDescription.unexpectedMessage, true)
    expect(session.poll()).toBeUndefined()
  })

  test.each(PACES)('a byte behind ServerHello or either Finished is refused, $name', async (pace) => {
    for (const [from, type] of [
      ['server', 2],
      ['server', 20],
      ['client', 20],
    ] as const) {
      const outcome = await handshake(clientConfig(), serverConfig(), pace, (sender, _level, bytes) => {
        const last = type === 2 ? bytes[0] === 2 : bytes[0] !== 1 && bytes[0] !== 2
        return [sender === from && last ? concat(bytes, fromHex('04')) : bytes]
      })
      const { error, complete } = outcome[from === 'server' ? 'client' : 'server']
      expect(error).toMatchObject({ description: AlertDescription.unexpectedMessage, protocolViolation: true })
      expect(complete).toBeUndefined()
    }
  })

  test('empty input is nothing, at any level', () => {
    const session = createServerSession(serverConfig())
    for (const level of Object.values(TlsLevel)) session.receive(level, EMPTY)
    session.receive(TlsLevel.initial, clientHello())
    expect(session.poll()).toBeDefined()
  })
})

describe('bounds', () => {
  test('a message that announces too much is refused by its header', () => {
    const session = createServerSession(serverConfig())
    session.receive(TlsLevel.initial, fromHex('010100'))
    expectAlert(() => session.receive(TlsLevel.initial, fromHex('01')), AlertDescription.decodeError)
  })

  test('a client takes a Certificate of 256 KiB and no more', async () => {
    const huge = (length: number): Uint8Array =>
      concat(Uint8Array.of(11, length >>> 16, (length >>> 8) & 0xff, length & 0xff), new Uint8Array(length))
    for (const [length, description] of [
      [MAX_CERTIFICATE_LENGTH, AlertDescription.decodeError],
      [MAX_CERTIFICATE_LENGTH + 1, AlertDescription.decodeError],
    ] as const) {
      const messages: string[] = []
      const { client } = await handshake(
        clientConfig(),
        serverConfig(),
        PACES[0] ?? { name: '', isSlow: false },
        (from, level, bytes) => {
          if (from === 'client' || level !== TlsLevel.handshake) return [bytes]
          return [concat(bytes.subarray(0, 4 + (bytes[3] ?? 0)), huge(length))]
        },
      )
      expect(client.error).toMatchObject({ description })
      messages.push(String((client.error as TlsAlert).message))
      expect(messages[0]).toMatch(length === MAX_CERTIFICATE_LENGTH ? /Certificate has/ : /announces 262145 bytes/)
    }
  })

  test('what waits for the end of a suspension is bounded', () => {
    const { session } = suspendedServer()
    session.receive(TlsLevel.initial, clientHello())
    const chunk = new Uint8Array(16 * 1024)
    let taken = 0
    const flood = (): void => {
      for (; taken < 100 * chunk.length; taken += chunk.length) session.receive(TlsLevel.handshake, chunk)
    }
    expect(flood).toThrow(expect.objectContaining({ description: AlertDescription.decodeError }))
    expect(taken).toBeLessThanOrEqual(MAX_CERTIFICATE_LENGTH + MAX_MESSAGE_LENGTH + 8)
  })
})

describe('suspension', () => {
  //= rfc9001#4.1.4-p3-1
  test('input that comes meanwhile is kept, and the doorbell rings once', async () => {
    const { session, arrive, progress, rings } = suspendedServer()
    session.receive(TlsLevel.initial, clientHello())
    expect(session.poll()).toBeUndefined()
    session.receive(TlsLevel.handshake, fromHex('14'))
    session.receive(TlsLevel.handshake, fromHex('0000'))
    expect(rings()).toBe(0)
    arrive(identityOf(P256))
    await progress
    expect(drain(session).map(({ type }) => type)).toEqual([
      'peer-parameters',
      'message',
      'secret',
      'secret',
      'message',
      'secret',
    ])
    expect(rings()).toBe(1)
    expect(() => session.receive(TlsLevel.handshake, fromHex('00'))).toThrow(TlsAlert)
  })

  test('input that was kept and proves wrong is told as an event', async () => {
    const { session, arrive, progress } = suspendedServer()
    session.receive(TlsLevel.initial, clientHello())
    session.receive(TlsLevel.handshake, fromHex('18000001'))
    session.receive(TlsLevel.handshake, fromHex('00'))
    arrive(identityOf(P256))
    await progress
    const events = drain(session)
    expect(events.at(-1)).toMatchObject({ type: 'failed', alert: { description: AlertDescription.unexpectedMessage } })
    expect(events.filter(({ type }) => type === 'failed')).toHaveLength(1)
    expect(() => session.receive(TlsLevel.handshake, fromHex('00'))).not.toThrow()
  })

  test('a rejection is told as an event, with its cause', async () => {
    const { session, fail, progress } = suspendedServer()
    const cause = new Error('The directory is down')
    session.receive(TlsLevel.initial, clientHello())
    fail(cause)
    await progress
    expect(drain(session)).toEqual([{ type: 'failed', alert: expect.objectContaining({ description: 80, cause }) }])
  })

  test('a session that was discarded stays silent when the work ends', async () => {
    const { session, arrive, rings } = suspendedServer()
    session.receive(TlsLevel.initial, clientHello())
    session.discard()
    session.discard()
    arrive(identityOf(P256))
    for (let turn = 0; turn < 20; turn++) await undefined
    expect(session.poll()).toBeUndefined()
    expect(rings()).toBe(0)
    expect(() => session.receive(TlsLevel.initial, clientHello())).not.toThrow()
  })

  test('a client whose share takes time has its ClientHello when the doorbell rings', async () => {
    const session = createClientSession(clientConfig({ crypto: slowProvider(noble) }))
    expect(session.poll()).toBeUndefined()
    await new Promise<void>((resolve) => {
      session.onProgress = resolve
    })
    expect(drain(session).map(({ type }) => type)).toEqual(['message'])
  })
})

describe('discarding', () => {
  test('wipes secrets that were not polled', () => {
    const session = createServerSession(serverConfig())
    session.receive(TlsLevel.initial, clientHello())
    expect(session.poll()?.type).toBe('peer-parameters')
    session.discard()
    expect(session.poll()).toBeUndefined()
  })

  //= rfc9846#6-p3-2
  test('a session does not keep the secrets that it gave away', async () => {
    const { client } = await handshake(clientConfig(), serverConfig(), { name: '', isSlow: false })
    const secrets = client.events.flatMap((event) => (event.type === 'secret' ? [event.secret] : []))
    const before = secrets.map(toHex)
    client.session.discard()
    expect(secrets.map(toHex)).toEqual(before)
  })
})
