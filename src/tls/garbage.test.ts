import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromHex } from '../base/bytes.ts'
import type { PublicKeyProvider } from '../crypto/provider.ts'
import { AlertDescription, TlsAlert } from './alert.ts'
import { P256 } from './certificates.fixtures.ts'
import { createClientSession } from './client-session.ts'
import { NamedGroup } from './code-points.ts'
import { clientConfig, handshake, PACES, serverConfig, splitMessages, type Tamper } from './handshake.fixtures.ts'
import { createServerSession } from './server-session.ts'
import { TlsLevel, type TlsSession } from './session.ts'

const AT_ONCE = { name: 'at once', isSlow: false }

/** Public-key work that costs nothing and proves nothing, so that many handshakes can be tried. */
const cheap: PublicKeyProvider = {
  groups: [NamedGroup.x25519, NamedGroup.secp256r1].map((group) => ({
    group,
    generate: () => ({ share: new Uint8Array(32).fill(group), agree: () => new Uint8Array(32) }),
    respond: () => ({ share: new Uint8Array(32).fill(group), secret: new Uint8Array(32) }),
  })),
  verifiers: [{ scheme: 0x0403, verify: (_spki, _message, signature) => signature[0] === 0x5a }],
  createSigner: () => ({ schemes: [0x0403], sign: () => fromHex('5a5a') }),
}

const identity = { chain: [fromHex(P256.certificate)], signer: { schemes: [0x0403], sign: () => fromHex('5a5a') } }
const client = clientConfig({ crypto: cheap })
const server = serverConfig({ crypto: cheap, selectIdentity: () => identity })

function expectAlertOnly(error: unknown): void {
  if (error === undefined) return
  if (!(error instanceof TlsAlert)) throw error
  // An internal error would be our own.
  expect(error.description).not.toBe(AlertDescription.internalError)
}

function feed(session: TlsSession, level: TlsLevel, bytes: Uint8Array): void {
  try {
    session.receive(level, bytes)
  } catch (error) {
    expectAlertOnly(error)
  }
  while (session.poll() !== undefined);
}

const level = fc.constantFrom(...Object.values(TlsLevel))

describe('random bytes', () => {
  test.each([
    ['a client', () => createClientSession(client)],
    ['a server', () => createServerSession(server)],
  ])('at any level bring forth nothing but alerts in %s', (_name, create) => {
    fc.assert(
      fc.property(fc.array(fc.tuple(level, fc.uint8Array({ maxLength: 80 })), { maxLength: 6 }), (pieces) => {
        const session = create()
        for (const [at, bytes] of pieces) feed(session, at, bytes)
      }),
    )
  })
})

/** Changes to one message, by where they are as a fraction of its length. */
const change = fc.record({
  message: fc.nat({ max: 7 }),
  where: fc.double({ min: 0, max: 0.999, noNaN: true }),
  kind: fc.constantFrom('set', 'cut', 'insert', 'double', 'drop', 'retype'),
  value: fc.nat({ max: 255 }),
})

function applyChange(message: Uint8Array, kind: string, where: number, value: number): Uint8Array {
  const at = Math.floor(where * message.length)
  switch (kind) {
    case 'set':
      return message.map((byte, index) => (index === at ? value : byte))
    case 'cut':
      return message.subarray(0, at)
    case 'insert':
      return concat(message.subarray(0, at), Uint8Array.of(value), message.subarray(at))
    case 'double':
      return concat(message, message)
    case 'retype':
      return message.map((byte, index) => (index === 0 ? value : byte))
    default:
      return message.subarray(0, 0)
  }
}

describe.each(PACES)('a handshake with changed messages, public-key work $name', (pace) => {
  test('ends with an alert of the one who notices, or completes on both sides', async () => {
    await fc.assert(
      fc.asyncProperty(change, fc.boolean(), async ({ message, where, kind, value }, retries) => {
        let index = 0
        const tamper: Tamper = (_from, _level, bytes) => [
          concat(
            ...splitMessages(bytes).map((one) => (index++ === message ? applyChange(one, kind, where, value) : one)),
          ),
        ]
        const config = retries ? { ...server, groups: [NamedGroup.secp256r1] } : server
        // One that is cut short leaves both waiting; then time has to end it, which is not TLS's business.
        const outcome = await handshake(client, config, pace, tamper)
        expectAlertOnly(outcome.client.error)
        expectAlertOnly(outcome.server.error)
        if (outcome.client.complete !== undefined && outcome.server.complete !== undefined) {
          expect(outcome.client.complete.alpn).toBe(outcome.server.complete.alpn)
        }
      }),
      { numRuns: pace.isSlow ? 100 : 400 },
    )
  })
})

test('messages cut in two at every byte make the same handshake', async () => {
  const whole = await handshake(client, server, AT_ONCE)
  const lengths = whole.server.events.flatMap((event) => (event.type === 'message' ? [event.bytes.length] : []))
  const longest = Math.max(...lengths)
  for (let at = 1; at < longest; at += 1) {
    const outcome = await handshake(client, server, AT_ONCE, (_from, _level, bytes) => [
      bytes.subarray(0, at),
      bytes.subarray(at),
    ])
    expect(outcome.client.complete).toBeDefined()
    expect(outcome.server.complete).toBeDefined()
  }
})
