import { describe, expect, test } from 'vitest'
import { concat, EMPTY, fromHex } from '../base/bytes.ts'
import { AlertDescription } from './alert.ts'
import { decodeClientHello } from './client-hello.ts'
import { createClientSession } from './client-session.ts'
import { NamedGroup } from './code-points.ts'
import type { TlsClientConfig } from './config.ts'
import { clientConfig } from './handshake.fixtures.ts'
import { HEADER_LENGTH } from './message.ts'
import { ScriptedServer } from './scripted-server.fixtures.ts'
import { type TlsEvent, TlsLevel, type TlsSession } from './session.ts'

function drain(session: TlsSession): readonly TlsEvent[] {
  const events: TlsEvent[] = []
  for (let event = session.poll(); event !== undefined; event = session.poll()) events.push(event)
  return events
}

function written(events: readonly TlsEvent[]): Uint8Array {
  return concat(...events.flatMap((event) => (event.type === 'message' ? [event.bytes] : [])))
}

/** A client that has gone through a handshake whose server also said `extra` after its EncryptedExtensions. */
function connect(extra: Uint8Array = EMPTY, changes: Partial<TlsClientConfig> = {}) {
  const session = createClientSession(clientConfig(changes))
  const server = new ScriptedServer()
  const { hello, flight } = server.answer(written(drain(session)), extra)
  session.receive(TlsLevel.initial, hello)
  session.receive(TlsLevel.handshake, flight)
  return { session, server, events: drain(session) }
}

const CERTIFICATE_REQUEST = fromHex('0d00000f00000c' + '000d00080006040308040807')

//= rfc9846#4.5.1-p3-2
//= rfc9846#4.5.1-p3-3
//= rfc9846#4.4.2-p4.4-2
test('a CertificateRequest is answered with an empty Certificate, and the handshake completes', () => {
  const unknownExtension = '12340000'
  const request = fromHex(`0d000013000010${'000d00080006040308040807'}${unknownExtension}`)
  for (const extra of [CERTIFICATE_REQUEST, request]) {
    const { server, events } = connect(extra)
    const certificate = fromHex('0b00000400000000')
    expect(written(events)).toEqual(concat(certificate, server.clientFinished(certificate)))
    expect(events.at(-1)?.type).toBe('complete')
  }
})

describe('a CertificateRequest', () => {
  test.each([
    ['with a context', '0d000010' + '0101' + '000c' + '000d00080006040308040807', 47],
    ['without signature_algorithms', '0d000003' + '000000', 109],
    ['that is cut short', '0d000002' + '0000', 50],
    //= rfc9846#4.5.1-p3-1
    ['that comes twice', '0d00000f00000c000d000800060403080408070d00000f00000c000d00080006040308040807', 10],
  ])('%s is refused', (_name, hex, description) => {
    expect(() => connect(fromHex(hex))).toThrow(expect.objectContaining({ description }))
  })
})

//= rfc9846#4.3.2-p4-1
test('a cookie is returned in the second ClientHello, and the handshake completes', () => {
  const cookie = fromHex('c00c1e'.repeat(50))
  for (const group of [undefined, NamedGroup.x25519]) {
    const shares = group === undefined ? [NamedGroup.x25519] : [NamedGroup.secp256r1]
    const session = createClientSession(clientConfig({ shares }))
    const server = new ScriptedServer()
    const first = written(drain(session))
    expect(decodeClientHello(first.subarray(HEADER_LENGTH)).cookie).toBeUndefined()
    session.receive(TlsLevel.initial, server.retry(first, group, cookie))
    const second = written(drain(session))
    const hello = decodeClientHello(second.subarray(HEADER_LENGTH))
    expect(hello.cookie).toEqual(cookie)
    expect(hello.keyShares?.map((entry) => entry.group)).toEqual([NamedGroup.x25519])
    const answer = server.answer(second, EMPTY)
    session.receive(TlsLevel.initial, answer.hello)
    session.receive(TlsLevel.handshake, answer.flight)
    const events = drain(session)
    expect(written(events)).toEqual(server.clientFinished(EMPTY))
    expect(events.at(-1)?.type).toBe('complete')
  }
})

describe('after the handshake', () => {
  const ticket = (extensions: string): Uint8Array => {
    const body = fromHex(`00093a80${'01020304'}${'0100'}${'0003abcdef'}${extensions}`)
    return concat(Uint8Array.of(4, 0, 0, body.length), body)
  }

  //= rfc9846#4.7.1-p2-1
  //= rfc9846#4.7.1-p9.10-1
  test('tickets are passed over, with early data and unknown extensions or without', () => {
    const { session } = connect()
    for (const extensions of ['0000', '0008002a0004ffffffff', '00051234000101', '00080a0a00043a3a3a3a']) {
      session.receive(TlsLevel.application, ticket(extensions))
    }
    expect(session.poll()).toBeUndefined()
    expect(session.exportKeyingMaterial('EXPORTER-x', EMPTY, 16)).toHaveLength(16)
  })

  test.each([
    ['a malformed ticket', '0400000100', AlertDescription.decodeError, false],
    //= rfc9001#4.4-p5-2
    ['a CertificateRequest', '0d00000f00000c000d00080006040308040807', AlertDescription.unexpectedMessage, true],
    ['a KeyUpdate', '1800000100', AlertDescription.unexpectedMessage, false],
    ['a ServerHello', '02000000', AlertDescription.unexpectedMessage, false],
    ['a HelloRequest', '00000000', AlertDescription.unexpectedMessage, false],
    //= rfc9846#4.6-p2-3
    ['EndOfEarlyData', '05000000', AlertDescription.unexpectedMessage, false],
    ['Finished', '14000000', AlertDescription.unexpectedMessage, false],
  ])('%s is refused', (_name, hex, description, protocolViolation) => {
    const { session } = connect()
    const call = (): void => session.receive(TlsLevel.application, fromHex(hex))
    expect(call).toThrow(expect.objectContaining({ description, protocolViolation }))
    expect(() => session.exportKeyingMaterial('EXPORTER-x', EMPTY, 16)).toThrow(Error)
    expect(call).not.toThrow()
  })

  //= rfc9001#4.6.1-p2-2
  test('a ticket with an early data size that QUIC does not have is refused', () => {
    const { session } = connect()
    expect(() => session.receive(TlsLevel.application, ticket('0008002a000400001000'))).toThrow(
      expect.objectContaining({ description: AlertDescription.illegalParameter, protocolViolation: true }),
    )
  })

  test('a ticket without a ticket, or with an extension twice, is refused', () => {
    for (const [hex, description] of [
      ['0400000d' + '00093a80' + '01020304' + '00' + '0000' + '0000', AlertDescription.decodeError],
      ['04000016' + '00093a80' + '01020304' + '00' + '0001ab' + '0008' + '1234000012340000', 47],
    ] as const) {
      const { session } = connect()
      expect(() => session.receive(TlsLevel.application, fromHex(hex))).toThrow(
        expect.objectContaining({ description }),
      )
    }
  })
})
