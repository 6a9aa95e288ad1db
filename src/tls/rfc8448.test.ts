import { describe, expect, test } from 'vitest'
import { concat, EMPTY, fromHex, toHex } from '../base/bytes.ts'
import { decodeCertificate, decodeCertificateVerify } from './certificate-messages.ts'
import { decodeClientHello } from './client-hello.ts'
import { ExtensionType, NamedGroup } from './code-points.ts'
import { decodeCodePoint, decodeCookie, decodeKeyShare } from './extensions.ts'
import { checkFinished, encodeFinished } from './finished-message.ts'
import { exportKeyingMaterial, finishedVerifyData, KeySchedule } from './key-schedule.ts'
import { type HandshakeMessage, HEADER_LENGTH } from './message.ts'
import { MessageReader } from './message-reader.ts'
import { checkBinder, obfuscateAge, pskBinder, revealAge, ticketPsk } from './psk.ts'
import { decodeSelectedPsk, PskMode } from './psk-extensions.ts'
import { QUIC_CLIENT_HELLO, RESUMED, RETRIED, SIMPLE } from './rfc8448.fixtures.ts'
import { decodeEncryptedExtensions, decodeServerHello } from './server-hello.ts'
import { decodeNewSessionTicket } from './ticket-message.ts'
import { Transcript } from './transcript.ts'

function body(hex: string): Uint8Array {
  return fromHex(hex).subarray(HEADER_LENGTH)
}

function message(hex: string): HandshakeMessage {
  const reader = new MessageReader()
  reader.append(fromHex(hex))
  const whole = reader.next()
  if (whole === undefined) throw new Error('No whole message')
  return whole
}

function transcriptOf(...messages: readonly string[]): Transcript {
  const transcript = new Transcript()
  for (const bytes of messages) transcript.add(fromHex(bytes))
  transcript.begin('sha256')
  return transcript
}

describe('RFC 8448 §3, the simple 1-RTT handshake', () => {
  const { clientHello, serverHello, encryptedExtensions, certificate, certificateVerify, serverFinished } = SIMPLE

  test('the key schedule yields the secrets of the trace', () => {
    const transcript = transcriptOf(clientHello, serverHello)
    const schedule = new KeySchedule('sha256')
    const handshake = schedule.enterHandshake(fromHex(SIMPLE.shared), transcript.digest())
    expect(toHex(handshake.client)).toBe(SIMPLE.clientHandshakeSecret)
    expect(toHex(handshake.server)).toBe(SIMPLE.serverHandshakeSecret)
    for (const bytes of [encryptedExtensions, certificate, certificateVerify, serverFinished]) {
      transcript.add(fromHex(bytes))
    }
    const application = schedule.enterApplication(transcript.digest())
    expect(toHex(application.client)).toBe(SIMPLE.clientApplicationSecret)
    expect(toHex(application.server)).toBe(SIMPLE.serverApplicationSecret)
    expect(toHex(application.exporter)).toBe(SIMPLE.exporterSecret)
  })

  //= rfc9846#4.5.3-p2-1
  test('both Finished messages are as in the trace, and one bit more is decrypt_error', () => {
    const transcript = transcriptOf(clientHello, serverHello, encryptedExtensions, certificate, certificateVerify)
    const server = finishedVerifyData('sha256', fromHex(SIMPLE.serverHandshakeSecret), transcript.digest())
    expect(toHex(encodeFinished(server))).toBe(serverFinished)
    checkFinished(message(serverFinished), server)
    transcript.add(fromHex(serverFinished))
    const client = finishedVerifyData('sha256', fromHex(SIMPLE.clientHandshakeSecret), transcript.digest())
    expect(toHex(encodeFinished(client))).toBe(SIMPLE.clientFinished)
    expect(() => checkFinished(message(SIMPLE.clientFinished), server)).toThrow(
      expect.objectContaining({ description: 51 }),
    )
    expect(() => checkFinished(message('1400000101'), server)).toThrow(expect.objectContaining({ description: 50 }))
  })

  test('the messages decode', () => {
    const hello = decodeClientHello(body(clientHello))
    expect(hello.suites).toEqual([0x1301, 0x1303, 0x1302])
    expect(hello.serverName).toBe('server')
    expect(hello.versions).toEqual([0x0304])
    expect(hello.groups?.slice(0, 4)).toEqual([29, 23, 24, 25])
    expect(hello.keyShares?.map(({ group }) => group)).toEqual([NamedGroup.x25519])
    expect(hello.legacySessionId).toEqual(EMPTY)
    expect(hello.alpn).toBeUndefined()
    expect(hello.parameters).toBeUndefined()
    const answer = decodeServerHello(body(serverHello))
    expect(answer.isRetryRequest).toBe(false)
    expect(answer.suite).toBe(0x1301)
    expect([...decodeEncryptedExtensions(body(encryptedExtensions)).keys()]).toEqual([
      ExtensionType.supportedGroups,
      28,
      ExtensionType.serverName,
    ])
    expect(decodeCertificate(body(certificate)).entries).toHaveLength(1)
    const proof = decodeCertificateVerify(body(certificateVerify))
    expect(proof.scheme).toBe(0x0804)
    expect(proof.signature).toHaveLength(128)
  })
})

test('RFC 8448 §3: its NewSessionTicket has an early data size that QUIC does not allow', () => {
  expect(() => decodeNewSessionTicket(body(SIMPLE.newSessionTicket))).toThrow(
    expect.objectContaining({ description: 47, protocolViolation: true }),
  )
})

test('RFC 8448 §3: its ticket stands for the key that §4 resumes by', () => {
  const { clientHello, serverHello, encryptedExtensions, certificate, certificateVerify, serverFinished } = SIMPLE
  const transcript = transcriptOf(clientHello, serverHello)
  const schedule = new KeySchedule('sha256')
  schedule.enterHandshake(fromHex(SIMPLE.shared), transcript.digest())
  for (const bytes of [encryptedExtensions, certificate, certificateVerify, serverFinished])
    transcript.add(fromHex(bytes))
  schedule.enterApplication(transcript.digest())
  transcript.add(fromHex(SIMPLE.clientFinished))
  const secret = schedule.resumption(transcript.digest())
  expect(toHex(ticketPsk('sha256', secret, fromHex('0000')))).toBe(RESUMED.psk)
})

describe('RFC 8448 §4: the ClientHello of the resumed handshake', () => {
  const bytes = fromHex(RESUMED.clientHello)
  const hello = decodeClientHello(bytes.subarray(HEADER_LENGTH))

  test('offers one key, with early data, and a key exchange beside it', () => {
    expect(hello.psks?.identities).toHaveLength(1)
    expect(hello.psks?.identities[0]?.obfuscatedAge).toBe(0xfad6aacb)
    expect(hello.pskModes).toEqual([PskMode.pskDheKe])
    expect(hello.hasEarlyData).toBe(true)
    expect(decodeSelectedPsk(decodeServerHello(body(RESUMED.serverHello)).extensions.get(41) ?? EMPTY)).toBe(0)
    // The ticket is that of §3, and its age a few ms.
    expect(revealAge(0xfad6aacb, 0xfad6aac5)).toBe(6)
    expect(obfuscateAge(6, 0xfad6aac5)).toBe(0xfad6aacb)
  })

  //= rfc9846#4.3.11-p8-1
  test('has the binder that ours would be', () => {
    const covered = bytes.subarray(0, bytes.length - (hello.psks?.bindersLength ?? 0))
    expect(covered).toHaveLength(477)
    const digest = new Transcript().digestWith('sha256', covered)
    expect(toHex(digest)).toBe('63224b2e4573f2d3454ca84b9d009a04f6be9e05711a8396473aefa01e924a14')
    const binder = pskBinder('sha256', fromHex(RESUMED.psk), 'resumption', digest)
    expect(binder).toEqual(hello.psks?.binders[0])
    expect(pskBinder('sha256', fromHex(RESUMED.psk), 'external', digest)).not.toEqual(binder)
    checkBinder(hello.psks?.binders[0], binder)
    expect(() => checkBinder(undefined, binder)).toThrow(expect.objectContaining({ description: 51 }))
  })

  test('leads to the secret of early data', () => {
    const schedule = new KeySchedule('sha256', fromHex(RESUMED.psk))
    expect(toHex(schedule.earlyTraffic(transcriptOf(RESUMED.clientHello).digest()))).toBe(RESUMED.earlySecret)
  })
})

test('RFC 8448 §4: with a pre-shared key the key schedule yields the secrets of the resumed handshake', () => {
  const transcript = transcriptOf(RESUMED.clientHello, RESUMED.serverHello)
  const schedule = new KeySchedule('sha256', fromHex(RESUMED.psk))
  const handshake = schedule.enterHandshake(fromHex(RESUMED.shared), transcript.digest())
  expect(toHex(handshake.client)).toBe(RESUMED.clientHandshakeSecret)
  expect(toHex(handshake.server)).toBe(RESUMED.serverHandshakeSecret)
  for (const bytes of [RESUMED.encryptedExtensions, RESUMED.serverFinished]) transcript.add(fromHex(bytes))
  const application = schedule.enterApplication(transcript.digest())
  expect(toHex(application.client)).toBe(RESUMED.clientApplicationSecret)
  expect(toHex(application.server)).toBe(RESUMED.serverApplicationSecret)
  expect(toHex(application.exporter)).toBe(RESUMED.exporterSecret)
})

describe('RFC 8448 §5, HelloRetryRequest', () => {
  test('the transcript folds the first ClientHello, and the secrets are those of the trace', () => {
    const transcript = transcriptOf(RETRIED.firstClientHello)
    transcript.foldForRetry()
    transcript.begin('sha384')
    for (const bytes of [RETRIED.retryRequest, RETRIED.secondClientHello, RETRIED.serverHello]) {
      transcript.add(fromHex(bytes))
    }
    const schedule = new KeySchedule('sha256')
    const handshake = schedule.enterHandshake(fromHex(RETRIED.shared), transcript.digest())
    expect(toHex(handshake.client)).toBe(RETRIED.clientHandshakeSecret)
    expect(toHex(handshake.server)).toBe(RETRIED.serverHandshakeSecret)
    for (const bytes of [RETRIED.encryptedExtensions, RETRIED.certificate, RETRIED.certificateVerify]) {
      transcript.add(fromHex(bytes))
    }
    const server = finishedVerifyData('sha256', handshake.server, transcript.digest())
    expect(toHex(encodeFinished(server))).toBe(RETRIED.serverFinished)
    transcript.add(fromHex(RETRIED.serverFinished))
    const client = finishedVerifyData('sha256', handshake.client, transcript.digest())
    expect(toHex(encodeFinished(client))).toBe(RETRIED.clientFinished)
    const application = schedule.enterApplication(transcript.digest())
    expect(toHex(application.client)).toBe(RETRIED.clientApplicationSecret)
    expect(toHex(application.server)).toBe(RETRIED.serverApplicationSecret)
    expect(toHex(application.exporter)).toBe(RETRIED.exporterSecret)
  })

  test('the request is told from a ServerHello, and cookie and group are read', () => {
    const request = decodeServerHello(body(RETRIED.retryRequest))
    expect(request.isRetryRequest).toBe(true)
    const { cookie, keyShare } = ExtensionType
    expect(decodeCodePoint(request.extensions.get(keyShare) ?? EMPTY, 'key_share')).toBe(NamedGroup.secp256r1)
    const second = decodeClientHello(body(RETRIED.secondClientHello))
    expect(second.cookie).toEqual(decodeCookie(request.extensions.get(cookie) ?? EMPTY))
    expect(second.keyShares?.map(({ group }) => group)).toEqual([NamedGroup.secp256r1])
    const answer = decodeServerHello(body(RETRIED.serverHello))
    expect(decodeKeyShare(answer.extensions.get(keyShare) ?? EMPTY).group).toBe(NamedGroup.secp256r1)
  })
})

test('RFC 9001 §A.2: the ClientHello of the sample Initial decodes', () => {
  const hello = decodeClientHello(body(QUIC_CLIENT_HELLO))
  expect(toHex(hello.random)).toBe('ebf8fa56f12939b9584a3896472ec40bb863cfd3e86804fe3a47f06a2b69484c')
  expect(hello.legacyVersion).toBe(0x0303)
  expect(hello.suites).toEqual([0x1301, 0x1302])
  expect(hello.serverName).toBe('example.com')
  expect(hello.groups).toEqual([NamedGroup.x25519, NamedGroup.secp256r1, NamedGroup.secp384r1])
  expect(hello.alpn?.map((name) => String.fromCharCode(...name))).toEqual(['alpn'])
  expect(hello.versions).toEqual([0x0304])
  expect(hello.schemes).toHaveLength(7)
  expect(toHex(hello.keyShares?.[0]?.share ?? EMPTY)).toBe(
    '9370b2c9caa47fbabaf4559fedba753de171fa71f50f1ce15d43e994ec74d748',
  )
  expect(hello.parameters).toHaveLength(50)
})

test('an exporter binds label, context and length', () => {
  const secret = fromHex(SIMPLE.exporterSecret)
  const material = exportKeyingMaterial('sha256', secret, 'EXPORTER-isoquic', fromHex('0102'), 48)
  // Reckoned with Python's hmac and hashlib by the formulas of RFC 8446 §7.1 and §7.5.
  expect(toHex(material)).toBe(
    'd4631ffc01b2513e7a6fba1128107cc5b43fb59375de12df1255f700220807fc72aefb997df807055678cf1ff8fe84b5',
  )
  const others = [
    exportKeyingMaterial('sha256', secret, 'EXPORTER-isoquid', fromHex('0102'), 48),
    exportKeyingMaterial('sha256', secret, 'EXPORTER-isoquic', fromHex('0103'), 48),
    exportKeyingMaterial('sha256', secret, 'EXPORTER-isoquic', EMPTY, 48),
    exportKeyingMaterial('sha256', secret, 'EXPORTER-isoquic', fromHex('0102'), 47),
  ]
  for (const other of others) expect(toHex(material).startsWith(toHex(other))).toBe(false)
  expect(concat(...others)).toHaveLength(3 * 48 + 47)
})
