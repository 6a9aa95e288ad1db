/**
 * Proves: what an application cannot mean is refused in the call itself, by a `TypeError`, `RangeError` or `InvalidStateError` whose
 * words name the argument and what came, row by row of the contract.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DatagramTransport } from '../transport.ts'
import { connect } from './client.ts'
import type { QuicConnection } from './connection.ts'
import { QuicEndpoint } from './endpoint.ts'
import { expectRefusal, type Misuse } from './misuse.fixtures.ts'
import { bytesOf, Stage } from './pipe.fixtures.ts'
import { listen, type QuicServer } from './server.ts'
import type { QuicStream } from './stream.ts'

/** Two ends that are connected, and streams of the client's of each kind. */
interface Subject {
  readonly stage: Stage
  readonly server: QuicServer
  readonly client: QuicConnection
  readonly peer: QuicConnection
  readonly both: QuicStream
  readonly sending: QuicStream
  readonly receiving: QuicStream
}

type Call = (subject: Subject) => unknown

async function subjectOf(): Promise<Subject> {
  const stage = new Stage()
  const { server, client, peer } = await stage.connected()
  const until = <T>(promise: Promise<T>): Promise<T> => stage.environment.until(promise)
  await until(client.handshakeConfirmed)
  const both = await until(client.createBidirectionalStream())
  const sending = await until(client.createUnidirectionalStream())
  sending.tryWrite(bytesOf(10))
  const { value } = await until(peer.incomingUnidirectionalStreams.getReader().read())
  if (value === undefined) throw new Error('The stream has not come')
  return { stage, server, client, peer, both, sending, receiving: value }
}

const near = (): DatagramTransport => new Stage().near

const BEGINNINGS: readonly Misuse<() => unknown>[] = [
  ['connect', () => connect(undefined as never, new Stage().clientOptions()), 'TypeError', 'transport must have'],
  ['connect', () => connect({} as never, new Stage().clientOptions()), 'TypeError', 'the method open, got an object'],
  ['connect', () => connect(near(), undefined as never), 'TypeError', 'options must be an object, got undefined'],
  ['listen', () => listen('udp' as never, new Stage().serverOptions()), 'TypeError', "the method open, got 'udp'"],
  ['listen', () => listen(near(), 5 as never), 'TypeError', 'options must be an object, got 5'],
  ['an endpoint', () => new QuicEndpoint(undefined as never), 'TypeError', 'transport must have the method open'],
  ['an endpoint', () => new QuicEndpoint(near(), { tokenKey: bytesOf(3) }), 'RangeError', 'at least 32 bytes, got 3'],
]

/** The second of two calls at once. */
function twice(call: () => Promise<unknown>): Promise<unknown> {
  call().catch(() => {})
  return call()
}

const SERVER: readonly Misuse<Call>[] = [
  ['close', ({ server }) => server.close({ timeout: -1 }), 'RangeError', 'timeout must be at least 0, got -1'],
  ['close', ({ server }) => server.close({ graceful: 1 } as never), 'TypeError', 'graceful must be a boolean, got 1'],
  ['close', ({ server }) => server.close({ now: true } as never), 'TypeError', 'options has no member now'],
  [
    'addTransport',
    ({ server }) => server.addTransport({} as never),
    'TypeError',
    'transport must have the method open',
  ],
  ['setCertificates', ({ server }) => server.setCertificates(5 as never), 'TypeError', 'privateKey, got 5'],
  ['rotateTicketKey', ({ server }) => server.rotateTicketKey('x' as never), 'TypeError', "Uint8Array, got 'x'"],
  ['rotateTicketKey', ({ server }) => server.rotateTicketKey(bytesOf(3)), 'RangeError', 'at least 32 bytes, got 3'],
  ['rotateResetKey', ({ server }) => server.rotateResetKey('x' as never), 'TypeError', "Uint8Array, got 'x'"],
  ['rotateResetKey', ({ server }) => server.rotateResetKey(bytesOf(3)), 'RangeError', 'at least 16 bytes, got 3'],
  ['rotateTokenKey', ({ server }) => server.rotateTokenKey(undefined as never), 'TypeError', 'got undefined'],
  ['rotateTokenKey', ({ server }) => server.rotateTokenKey(bytesOf(3)), 'RangeError', 'at least 32 bytes, got 3'],
  ['two iterations', ({ server }) => server.incoming, 'TypeError', 'iterated by its connections already'],
]

const STREAMS: readonly Misuse<Call>[] = [
  [
    'an unknown option',
    ({ client }) => client.createBidirectionalStream({ x: 1 } as never),
    'TypeError',
    'no member x',
  ],
  ['no options', ({ client }) => client.createUnidirectionalStream(5 as never), 'TypeError', 'must be an object'],
  ['urgency', ({ client }) => client.createBidirectionalStream({ urgency: 8 }), 'RangeError', 'from 0 to 7, got 8'],
  [
    'incremental',
    ({ client }) => client.createBidirectionalStream({ incremental: 'x' } as never),
    'TypeError',
    "incremental must be a boolean, got 'x'",
  ],
  [
    'waitUntilAvailable',
    ({ client }) => client.createUnidirectionalStream({ waitUntilAvailable: 0 } as never),
    'TypeError',
    'waitUntilAvailable must be a boolean, got 0',
  ],
  ['sendOrder', ({ client }) => client.createBidirectionalStream({ sendOrder: 0.5 }), 'RangeError', 'integer, got 0.5'],
  [
    'sendGroup',
    ({ client, peer }) => client.createBidirectionalStream({ sendGroup: peer.createSendGroup() }),
    'TypeError',
    'sendGroup must be of createSendGroup of the same connection',
  ],
  ['signal', ({ client }) => client.createBidirectionalStream({ signal: 5 } as never), 'TypeError', 'signal must have'],
  ['tryWrite', ({ both }) => both.tryWrite('text' as never), 'TypeError', "bytes must be a Uint8Array, got 'text'"],
  ['tryWrite', ({ receiving }) => receiving.tryWrite(bytesOf(1)), 'TypeError', 'Stream 2 is for receiving alone'],
  ['read', ({ both }) => both.read([] as never), 'TypeError', 'into must be a Uint8Array, got an array'],
  ['read', ({ sending }) => sending.read(bytesOf(1)), 'TypeError', 'Stream 2 is for sending alone'],
  ['writable', ({ receiving }) => receiving.writable, 'TypeError', 'Stream 2 is for receiving alone'],
  ['readable', ({ sending }) => sending.readable, 'TypeError', 'Stream 2 is for sending alone'],
  ['finish', ({ receiving }) => receiving.finish(), 'TypeError', 'Stream 2 is for receiving alone'],
  ['close', ({ receiving }) => receiving.close(), 'TypeError', 'Stream 2 is for receiving alone'],
  ['close', ({ both }) => both.close({ code: 1 } as never), 'TypeError', 'options has no member code'],
  [
    'close',
    ({ both }) => both.close({ signal: 'x' } as never),
    'TypeError',
    "signal must have the method throwIfAborted, got 'x'",
  ],
  [
    'whenReadable',
    ({ both }) => both.whenReadable({ timeout: 1 } as never),
    'TypeError',
    'options has no member timeout',
  ],
  ['whenWritable', ({ both }) => both.whenWritable({ signal: 1 } as never), 'TypeError', 'throwIfAborted, got 1'],
  ['reset', ({ both }) => both.reset(-1), 'RangeError', 'code must be from 0 to 2^62-1, got -1'],
  ['reset', ({ both }) => both.reset(1.5), 'RangeError', 'code must be an integer, got 1.5'],
  ['reset', ({ both }) => both.reset('x' as never), 'TypeError', 'code must be a bigint or a number, got string'],
  ['reset', ({ receiving }) => receiving.reset(1), 'TypeError', 'Stream 2 is for receiving alone'],
  ['stopSending', ({ both }) => both.stopSending(1n << 62n), 'RangeError', 'got 4611686018427387904'],
  ['stopSending', ({ sending }) => sending.stopSending(1), 'TypeError', 'Stream 2 is for sending alone'],
  ['abort', ({ both }) => both.abort(-1n), 'RangeError', 'code must be from 0 to 2^62-1, got -1'],
  ['resetAt', ({ both }) => both.resetAt(undefined as never), 'TypeError', 'options must be an object, got undefined'],
  ['resetAt', ({ sending }) => sending.resetAt({ reliableSize: 11 }), 'RangeError', 'from 0 to 10, got 11'],
  ['resetAt', ({ both }) => both.resetAt({} as never), 'RangeError', 'reliableSize must be an integer'],
  ['resetAt', ({ receiving }) => receiving.resetAt({ reliableSize: 0 }), 'TypeError', 'for receiving alone'],
  ['setDeadline', ({ both }) => both.setDeadline(0), 'RangeError', 'ms must be positive and finite, got 0'],
  ['setDeadline', ({ both }) => both.setDeadline('5' as never), 'TypeError', 'ms must be a number, got string'],
  ['setDeadline', ({ both }) => both.setDeadline(5, { action: 'x' } as never), 'TypeError', "or 'both', got x"],
  [
    'setDeadline',
    ({ both }) => both.setDeadline(5, { code: -1 }),
    'RangeError',
    'code must be from 0 to 2^62-1, got -1',
  ],
  ['priority', ({ both }) => Object.assign(both, { priority: { urgency: 9 } }), 'RangeError', 'from 0 to 7, got 9'],
  ['priority', ({ both }) => Object.assign(both, { priority: { incremental: 1 } }), 'TypeError', 'a boolean, got 1'],
  [
    'priority',
    ({ both }) => Object.assign(both, { priority: { level: 1 } }),
    'TypeError',
    'priority has no member level',
  ],
  ['sendOrder', ({ both }) => Object.assign(both, { sendOrder: Number.NaN }), 'RangeError', 'a safe integer, got NaN'],
  [
    'sendGroup',
    ({ both, peer }) => Object.assign(both, { sendGroup: peer.createSendGroup() }),
    'InvalidStateError',
    'sendGroup must',
  ],
]

const DATAGRAMS: readonly Misuse<Call>[] = [
  ['send', ({ client }) => client.datagrams.send('x' as never), 'TypeError', 'must be a Uint8Array, got string'],
  ['send', ({ client }) => client.datagrams.send(bytesOf(60_000)), 'RangeError', 'bytes, got 60000'],
  [
    'maxAge',
    ({ client }) => client.datagrams.send(bytesOf(1), { maxAge: -1 }),
    'RangeError',
    'maxAge must be at least 0',
  ],
  ['an option', ({ client }) => client.datagrams.send(bytesOf(1), { age: 1 } as never), 'TypeError', 'no member age'],
  [
    'incomingMaxAge',
    ({ client }) => Object.assign(client.datagrams, { incomingMaxAge: -1 }),
    'RangeError',
    'at least 0, got -1',
  ],
  [
    'outgoingMaxAge',
    ({ client }) => Object.assign(client.datagrams, { outgoingMaxAge: 'x' }),
    'TypeError',
    'number, got x',
  ],
  ['marks', ({ client }) => Object.assign(client.datagrams, { outgoingHighWaterMark: 1.5 }), 'RangeError', 'got 1.5'],
]

const CONNECTION: readonly Misuse<Call>[] = [
  ['close', ({ client }) => client.close({ code: 1 } as never), 'TypeError', 'options has no member code'],
  [
    'close',
    ({ client }) => client.close({ closeCode: -1 }),
    'RangeError',
    'closeCode must be from 0 to 2^62-1, got -1',
  ],
  [
    'close',
    ({ client }) => client.close({ closeCode: '1' } as never),
    'TypeError',
    'closeCode must be a bigint or a number',
  ],
  ['close', ({ client }) => client.close({ reason: 5 } as never), 'TypeError', 'reason must be a string, got 5'],
  ['ping', ({ client }) => client.ping({ timeout: 3 } as never), 'TypeError', 'options has no member timeout'],
  ['ping', ({ client }) => client.ping({ signal: 3 } as never), 'TypeError', 'signal must have the method'],
  ['drained', ({ client }) => client.drained({ timeout: 3 } as never), 'TypeError', 'options has no member timeout'],
  ['serve', ({ client }) => client.serve(undefined as never), 'TypeError', 'handlers must be an object, got undefined'],
  [
    'serve',
    ({ client }) => client.serve({ streams: () => {} } as never),
    'TypeError',
    'handlers has no member streams',
  ],
  ['serve', ({ client }) => client.serve({ stream: 3 } as never), 'TypeError', 'stream must be a function, got 3'],
  ['configure', ({ client }) => client.configure(undefined as never), 'TypeError', 'options must be an object'],
  ['configure', ({ client }) => client.configure({ alpn: ['x'] } as never), 'TypeError', 'options has no member alpn'],
  [
    'configure',
    ({ client }) => client.configure({ maxIdleTimeout: 60_000 }),
    'RangeError',
    '30000 ms that the peer was told, got 60000',
  ],
  ['configure', ({ client }) => client.configure({ keepAlive: 'x' } as never), 'TypeError', "or false, got 'x'"],
  ['configure', ({ client }) => client.configure({ maxIncomingBidirectionalStreams: -1 }), 'RangeError', 'got -1'],
  [
    'configure',
    ({ client }) => client.configure({ maxIncomingUnidirectionalStreams: 'x' } as never),
    'TypeError',
    "'x'",
  ],
  ['configure', ({ client }) => client.configure({ maxReceiveWindow: 0 }), 'RangeError', 'from 1 to'],
  [
    'configure',
    ({ client }) => client.configure({ pacing: 'x' } as never),
    'TypeError',
    "pacing must be a boolean, got 'x'",
  ],
  [
    'configure',
    ({ client }) => client.configure({ datagrams: { age: 1 } } as never),
    'TypeError',
    'datagram option age',
  ],
  ['congestionControl', ({ client }) => Object.assign(client, { congestionControl: 'x' }), 'TypeError', "got 'x'"],
  [
    'congestionControl',
    ({ client }) => Object.assign(client, { congestionControl: () => ({}) }),
    'TypeError',
    'must have the method',
  ],
  [
    'exportKeyingMaterial',
    ({ client }) => client.exportKeyingMaterial(5 as never, bytesOf(1), 5),
    'TypeError',
    'label must be a string, got 5',
  ],
  [
    'exportKeyingMaterial',
    ({ client }) => client.exportKeyingMaterial('', bytesOf(1), 5),
    'RangeError',
    'label must take 1 to 249 bytes, got 0',
  ],
  [
    'exportKeyingMaterial',
    ({ client }) => client.exportKeyingMaterial('x'.repeat(250), bytesOf(1), 5),
    'RangeError',
    'got 250',
  ],
  [
    'exportKeyingMaterial',
    ({ client }) => client.exportKeyingMaterial('x', 'y' as never, 5),
    'TypeError',
    "context must be a Uint8Array, got 'y'",
  ],
  [
    'exportKeyingMaterial',
    ({ client }) => client.exportKeyingMaterial('x', bytesOf(1), -5),
    'RangeError',
    'length must be an integer from 0, got -5',
  ],
  [
    'exportKeyingMaterial',
    ({ client }) => client.exportKeyingMaterial('x', bytesOf(1), 8161),
    'RangeError',
    'at most 8160 bytes, got 8161',
  ],
  ['migrate', ({ client }) => client.migrate(undefined as never), 'TypeError', 'transport must have the method open'],
  [
    'migrate',
    ({ client }) => client.migrate(near(), { timeout: -1 }),
    'RangeError',
    'timeout must be positive and finite, got -1',
  ],
  ['migrate', ({ client }) => client.migrate(near(), { to: 1 } as never), 'TypeError', 'Unknown path option to'],
  [
    'addPath',
    ({ client }) => client.addPath({} as never),
    'TypeError',
    'transport must have the method open, got an object',
  ],
  [
    'addPath',
    ({ client }) => client.addPath(near(), { signal: 1 } as never),
    'TypeError',
    'signal must have the method',
  ],
  [
    'addEventListener',
    ({ client }) => client.addEventListener('closed', 5 as never),
    'TypeError',
    'listener must have the method handleEvent, got 5',
  ],
  ['updateKeys', ({ client }) => client.updateKeys({ signal: 5 } as never), 'TypeError', 'throwIfAborted, got 5'],
  ['getStats', ({ client }) => client.getStats({ path: 0 } as never), 'TypeError', 'options has no member path'],
  [
    'updateKeys',
    ({ client }) => twice(() => client.updateKeys()),
    'InvalidStateError',
    'Keys cannot be updated before those in use are confirmed',
  ],
]

describe('A beginning that cannot be meant is refused:', () => {
  test.each(BEGINNINGS)('%s (%#)', async (_, call, kind, words) => {
    await expectRefusal(call, kind, words)
  })
})

describe('A call that cannot be meant is refused, and changes nothing:', () => {
  let subject: Subject
  beforeAll(async () => {
    subject = await subjectOf()
  })

  test.each([
    ...SERVER.map((each) => ['a server', ...each] as const),
    ...STREAMS.map((each) => ['a stream', ...each] as const),
    ...DATAGRAMS.map((each) => ['datagrams', ...each] as const),
    ...CONNECTION.map((each) => ['a connection', ...each] as const),
  ])('of %s: %s (%#)', async (_, _name, call, kind, words) => {
    await expectRefusal(() => call(subject), kind, words)
    expect([subject.client.state, subject.peer.state]).toEqual(['connected', 'connected'])
  })

  afterAll(async () => {
    const { both, client, sending, server, stage } = subject
    // All of it can still be used as it is meant.
    expect([both.deadline, both.sendOrder, both.priority]).toEqual([undefined, 0, { urgency: 3, incremental: false }])
    expect([both.tryWrite(bytesOf(3)), sending.tryWrite(bytesOf(3))]).toEqual([3, 3])
    await stage.environment.until(client.close())
    await stage.environment.until(server.close())
  })
})
