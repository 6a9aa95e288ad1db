/**
 * Handshakes with an implementation that none of us wrote: OpenSSL over TCP. The extension of RFC 9001 §8.2 is a custom one to
 * it, so that the messages are those of QUIC; the record layer (RFC 8446 §5) around them is made here.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { concat, EMPTY, encodeUtf8, fromHex } from '../base/bytes.ts'
import { hkdfExpandLabel } from '../crypto/hkdf.ts'
import { node } from '../crypto/node/provider.ts'
import type { CipherSuite } from '../crypto/provider.ts'
import { TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256 } from '../crypto/suites.ts'
import { createPathVerifier } from '../x509/path.ts'
import { CA_CERTIFICATE, ED25519, P256, P384, RSA } from './certificates.fixtures.ts'
import { createClientSession } from './client-session.ts'
import { NamedGroup } from './code-points.ts'
import type { TlsClientConfig } from './config.ts'
import { clientConfig, SERVER_PARAMETERS } from './handshake.fixtures.ts'
import { PskMode } from './psk-extensions.ts'
import type { Resumption } from './resumption.ts'
import { type TlsComplete, type TlsEvent, TlsLevel, type TlsSession } from './session.ts'

const version = spawnSync('openssl', ['version'], { encoding: 'utf8' }).stdout ?? ''
const KEYS = { p256: P256, p384: P384, ed25519: ED25519, rsa: RSA }
const PATIENCE = 10_000

/** One direction of the record layer. */
class RecordKeys {
  readonly #suite: CipherSuite
  readonly #key: Uint8Array
  readonly #iv: Uint8Array
  #sequence = 0

  constructor(suite: CipherSuite, secret: Uint8Array) {
    this.#suite = suite
    this.#key = hkdfExpandLabel(suite.hash, secret, 'key', EMPTY, suite.keyLength)
    this.#iv = hkdfExpandLabel(suite.hash, secret, 'iv', EMPTY, 12)
  }

  #nonce(): Uint8Array {
    const nonce = this.#iv.slice()
    nonce[11] = (nonce[11] ?? 0) ^ this.#sequence++
    return nonce
  }

  seal(type: number, content: Uint8Array): Uint8Array {
    const inner = concat(content, Uint8Array.of(type))
    const header = Uint8Array.of(23, 3, 3, (inner.length + 16) >>> 8, inner.length + 16)
    const cipher = createCipheriv(this.#suite.aead as 'aes-128-gcm', this.#key, this.#nonce(), { authTagLength: 16 })
    cipher.setAAD(header)
    return concat(header, cipher.update(inner), cipher.final(), cipher.getAuthTag())
  }

  open(header: Uint8Array, body: Uint8Array): { type: number; content: Uint8Array } {
    const cipher = createDecipheriv(this.#suite.aead as 'aes-128-gcm', this.#key, this.#nonce(), { authTagLength: 16 })
    cipher.setAAD(header)
    cipher.setAuthTag(body.subarray(-16))
    const inner = concat(cipher.update(body.subarray(0, -16)), cipher.final())
    return { type: inner[inner.length - 1] ?? 0, content: inner.subarray(0, -1) }
  }
}

/** A session of ours on a TCP connection. */
class TlsOverTcp {
  readonly events: TlsEvent[] = []
  readonly #session: TlsSession
  readonly #socket: Socket
  #read: { level: TlsLevel; keys: RecordKeys | undefined } = { level: TlsLevel.initial, keys: undefined }
  #write: RecordKeys | undefined
  #input: Uint8Array = EMPTY
  /** Settles with the application data that comes first, or with what went wrong. */
  readonly firstData: Promise<string>
  #resolve: (data: string) => void = () => undefined
  #reject: (reason: unknown) => void = () => undefined

  constructor(session: TlsSession, socket: Socket) {
    this.#session = session
    this.#socket = socket
    this.firstData = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    socket.on('data', (bytes) => this.#receive(bytes))
    socket.on('error', (error) => this.#reject(error))
    socket.on('close', () => this.#reject(new Error('The connection was closed')))
    socket.setTimeout(PATIENCE, () => socket.destroy(new Error('Nothing more came')))
    this.#drain()
  }

  get complete(): TlsComplete | undefined {
    return this.events.find((event) => event.type === 'complete')
  }

  end(): void {
    this.#socket.destroy()
  }

  send(text: string): void {
    if (this.#write === undefined) throw new Error('There are no keys yet')
    this.#socket.write(this.#write.seal(23, encodeUtf8(text)))
  }

  #drain(): void {
    for (let event = this.#session.poll(); event !== undefined; event = this.#session.poll()) {
      this.events.push(event)
      if (event.type === 'message') this.#sendMessage(event.bytes)
      if (event.type !== 'secret') continue
      const keys = new RecordKeys(event.suite, event.secret)
      if (event.direction === 'write') this.#write = keys
      else this.#read = { level: event.level, keys }
    }
    if (this.complete !== undefined) this.onComplete()
  }

  /** Called once or more when the handshake is complete. */
  onComplete: () => void = () => undefined

  #sendMessage(bytes: Uint8Array): void {
    const header = Uint8Array.of(22, 3, 3, bytes.length >>> 8, bytes.length)
    this.#socket.write(this.#write === undefined ? concat(header, bytes) : this.#write.seal(22, bytes))
  }

  #receive(bytes: Uint8Array): void {
    this.#input = concat(this.#input, bytes)
    try {
      for (;;) {
        const length = ((this.#input[3] ?? 0) << 8) | (this.#input[4] ?? 0)
        if (this.#input.length < 5 + length) return
        const header = this.#input.slice(0, 5)
        const body = this.#input.slice(5, 5 + length)
        this.#input = this.#input.subarray(5 + length)
        const { keys, level } = this.#read
        const isSealed = keys !== undefined && header[0] === 23
        const { type, content } = isSealed ? keys.open(header, body) : { type: header[0] ?? 0, content: body }
        this.#onRecord(type, content, level)
      }
    } catch (error) {
      this.#reject(error)
      this.#socket.destroy()
    }
  }

  #onRecord(type: number, content: Uint8Array, level: TlsLevel): void {
    if (type === 21) throw new Error(`OpenSSL sent alert ${content[1]}`)
    if (type === 23) this.#resolve(new TextDecoder().decode(content))
    if (type !== 22) return
    this.#session.receive(level, content)
    this.#drain()
  }
}

let folder = ''
const children: ChildProcess[] = []

function pem(label: string, der: Uint8Array): string {
  return `-----BEGIN ${label}-----\n${Buffer.from(der).toString('base64')}\n-----END ${label}-----\n`
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'isoquic-tls-'))
  writeFileSync(join(folder, 'ca.pem'), pem('CERTIFICATE', fromHex(CA_CERTIFICATE)))
  for (const [name, pair] of Object.entries(KEYS)) {
    writeFileSync(join(folder, `${name}.pem`), pem('CERTIFICATE', fromHex(pair.certificate)))
    writeFileSync(join(folder, `${name}.key`), pem('PRIVATE KEY', fromHex(pair.privateKey)))
  }
  // Context (ClientHello and EncryptedExtensions), type 57, length: what OpenSSL answers the extension with.
  const { length } = SERVER_PARAMETERS
  const info = concat(fromHex('00000480' + '0039'), Uint8Array.of(length >>> 8, length), SERVER_PARAMETERS)
  writeFileSync(join(folder, 'parameters.pem'), pem('SERVERINFOV2 FOR QUIC', info))
})

afterAll(() => {
  for (const child of children) child.kill()
  if (folder !== '') rmSync(folder, { recursive: true })
})

function run(args: readonly string[]): ChildProcess {
  const child = spawn('openssl', args, { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] })
  children.push(child)
  return child
}

/** Collects what a child says until it has said `text`. */
async function saying(child: ChildProcess, text: string): Promise<string> {
  let said = ''
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`OpenSSL did not say ${text}: ${said}`)), PATIENCE)
    const listen = (bytes: Buffer): void => {
      said += bytes.toString()
      if (!said.includes(text)) return
      clearTimeout(timer)
      resolve(said)
    }
    child.stdout?.on('data', listen)
    child.stderr?.on('data', listen)
  })
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' && address !== null ? address.port : 0
}

const verifier = createPathVerifier({ anchors: [fromHex(CA_CERTIFICATE)], verifiers: node.verifiers })

/** Our client against `openssl s_server`. */
async function connectToOpenssl(
  key: keyof typeof KEYS,
  args: readonly string[],
  changes: Partial<TlsClientConfig> = {},
  visits = 1,
): Promise<{ tls: TlsOverTcp; server: ChildProcess; port: number }> {
  const port = await freePort()
  const server = run(
    [
      ['s_server', '-accept', `127.0.0.1:${port}`, '-tls1_3', '-alpn', 'hq-interop', '-naccept', `${visits}`],
      ['-cert', `${key}.pem`, '-key', `${key}.key`, '-serverinfo', 'parameters.pem', ...args],
    ].flat(),
  )
  await saying(server, 'ACCEPT')
  return { tls: await connectTo(port, changes), server, port }
}

async function connectTo(port: number, changes: Partial<TlsClientConfig>): Promise<TlsOverTcp> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  // OpenSSL wants a custom extension of a client to be empty.
  const session = createClientSession(clientConfig({ crypto: node, verifier, parameters: () => EMPTY, ...changes }))
  return new TlsOverTcp(session, socket)
}

describe.skipIf(!version.startsWith('OpenSSL 3'))('OpenSSL as a server', () => {
  const groups = [
    ['X25519', NamedGroup.x25519],
    ['P-256', NamedGroup.secp256r1],
    ['P-384', NamedGroup.secp384r1],
  ] as const
  const cases = [TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384, TLS_CHACHA20_POLY1305_SHA256].flatMap((suite, i) =>
    groups.map(([name, group], j) => ({
      suite,
      name,
      group,
      key: (['p256', 'p384', 'ed25519', 'rsa'] as const)[(i + j) % 4] ?? 'rsa',
    })),
  )

  test.each(cases)('takes $suite.name, $name and shows $key', async ({ suite, name, group, key }) => {
    const { tls } = await connectToOpenssl(key, ['-rev', '-groups', name, '-ciphersuites', suite.name])
    await answered(tls)
    expect(tls.complete).toMatchObject({ suite, group, alpn: 'hq-interop' })
    expect(tls.events).toContainEqual({ type: 'peer-parameters', bytes: SERVER_PARAMETERS })
  })

  test('asks for a certificate and is content with none', async () => {
    const { tls } = await connectToOpenssl('rsa', ['-rev', '-verify', '1'])
    await answered(tls)
    expect(tls.events.filter(({ type }) => type === 'message')).toHaveLength(2)
  })

  test('asks for a cookie back', async () => {
    const { tls, server } = await connectToOpenssl('p256', ['-stateless'])
    await completed(tls)
    const heard = saying(server, 'isoquic')
    tls.send('isoquic\n')
    await heard
    expect(tls.events.filter(({ type }) => type === 'message')).toHaveLength(3)
  })
})

const PSK = { identity: encodeUtf8('sensor'), key: fromHex('00112233445566778899aabbccddeeff') }
const PSK_ARGS = ['-psk_identity', 'sensor', '-psk', '00112233445566778899aabbccddeeff']

/**
 * OpenSSL leaves its answer to custom extensions out where it shows no certificate, so our client ends there; that it has read
 * EncryptedExtensions proves that binder, selection and key schedule were right.
 */
describe.skipIf(!version.startsWith('OpenSSL 3'))('OpenSSL as a server that knows a key', () => {
  const NO_PARAMETERS = 'EncryptedExtensions have no quic_transport_parameters'

  test.each([TLS_AES_128_GCM_SHA256, TLS_AES_256_GCM_SHA384])('goes on from a ticket of $name', async (suite) => {
    const wants = { acceptsTickets: true }
    const { tls, port } = await connectToOpenssl('p256', ['-rev', '-ciphersuites', suite.name], wants, 3)
    await answered(tls)
    const session = ticketOf(tls)
    expect(session).toMatchObject({ suite: suite.id, hash: suite.hash, allowsEarlyData: false })
    tls.end()
    const broken = { ...session, key: new Uint8Array(session.key.length) }
    const stranger = await connectTo(port, { resumption: { session: broken, earlyData: false } })
    await expect(answered(stranger)).rejects.toThrow('OpenSSL sent alert')
    const again = await connectTo(port, { ...wants, resumption: { session, earlyData: true } })
    await expect(answered(again)).rejects.toThrow(NO_PARAMETERS)
  })

  test('goes on from a ticket through a HelloRetryRequest', async () => {
    const { tls, port } = await connectToOpenssl('p256', ['-rev', '-groups', 'P-384'], { acceptsTickets: true }, 2)
    await answered(tls)
    const resumption = { session: ticketOf(tls), earlyData: false }
    tls.end()
    await expect(answered(await connectTo(port, { resumption }))).rejects.toThrow(NO_PARAMETERS)
  })

  test('takes an external key, with a key exchange and alone', async () => {
    const { tls } = await connectToOpenssl('p256', ['-rev', ...PSK_ARGS], { psk: PSK })
    await expect(answered(tls)).rejects.toThrow(NO_PARAMETERS)
    const changes = { psk: PSK, pskModes: [PskMode.pskKe] }
    const alone = await connectToOpenssl('p256', ['-rev', ...PSK_ARGS, '-allow_no_dhe_kex'], changes)
    await expect(answered(alone.tls)).rejects.toThrow(NO_PARAMETERS)
  })
})

function ticketOf(tls: TlsOverTcp): Resumption {
  const event = tls.events.find((candidate) => candidate.type === 'ticket')
  if (event === undefined) throw new Error('There was no ticket')
  return event.session
}

async function completed(tls: TlsOverTcp): Promise<void> {
  if (tls.complete !== undefined) return
  const complete = new Promise<void>((resolve) => {
    tls.onComplete = resolve
  })
  // Only what goes wrong can come first.
  await Promise.race([complete, tls.firstData])
}

/** The server turns lines around (`-rev`). */
async function answered(tls: TlsOverTcp): Promise<void> {
  await completed(tls)
  tls.send('isoquic\n')
  expect(await tls.firstData).toBe('ciuqosi\n')
}
