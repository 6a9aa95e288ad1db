/** Proves: options that cannot be meant are refused before anything is sent, by their name and value. */
import { describe, test } from 'vitest'
import { expectRefusal, type Misuse } from './misuse.fixtures.ts'
import { bytesOf, Stage } from './pipe.fixtures.ts'

/** Options that both roles have, and that neither may have like this. */
const OPTIONS: readonly Misuse<object>[] = [
  ['an unknown option', { maxIdleTimout: 1 }, 'TypeError', 'Unknown connection option maxIdleTimout'],
  ['alpn', { alpn: [] }, 'TypeError', 'alpn must be an array of at least one protocol name, got []'],
  ['alpn', { alpn: 'h3' }, 'TypeError', 'alpn must be an array of at least one protocol name, got "h3"'],
  ['alpn', { alpn: [''] }, 'RangeError', 'alpn names must take 1 to 255 bytes, got 0'],
  ['cipherSuites', { cipherSuites: 'all' }, 'TypeError', "cipherSuites must be an array, got 'all'"],
  ['cipherSuites', { cipherSuites: [] }, 'RangeError', 'cipherSuites must name at least one suite, got none'],
  ['cipherSuites', { cipherSuites: ['TLS_NULL'] }, 'RangeError', 'cipherSuites names TLS_NULL'],
  ['groups', { groups: 29 }, 'TypeError', 'groups must be an array, got 29'],
  ['groups', { groups: [5] }, 'RangeError', 'groups must name at least one group that the provider has, got 5'],
  ['groups', { groups: ['x25519'] }, 'TypeError', 'groups must hold code points and groups, got x25519'],
  ['keyLog', { keyLog: 'keys.log' }, 'TypeError', "keyLog must be a function, got 'keys.log'"],
  ['observer', { observer: {} }, 'TypeError', 'observer must be a function, got an object'],
  ['crypto', { crypto: {} }, 'TypeError', 'crypto must have the method createEngine, got an object'],
  ['environment', { environment: 5 }, 'TypeError', 'environment must have the method now, got 5'],
  ['handshakeTimeout', { handshakeTimeout: 0 }, 'RangeError', 'handshakeTimeout must be an integer from 1'],
  ['handshakeTimeout', { handshakeTimeout: '1s' }, 'TypeError', "handshakeTimeout must be a number, got '1s'"],
  ['maxIdleTimeout', { maxIdleTimeout: Number.NaN }, 'RangeError', 'maxIdleTimeout must be an integer from 0'],
  ['maxIdleTimeout', { maxIdleTimeout: 1.5 }, 'RangeError', 'got 1.5'],
  ['keepAlive', { keepAlive: 'yes' }, 'TypeError', "keepAlive must be 'auto', a number or false, got 'yes'"],
  ['keepAlive', { keepAlive: -5 }, 'RangeError', 'keepAlive must be positive and finite, got -5'],
  ['congestionControl', { congestionControl: 'reno' }, 'TypeError', "'bbr' or a function, got 'reno'"],
  ['congestionThreshold', { congestionThreshold: 0 }, 'RangeError', 'must be positive and finite, got 0'],
  ['pacing', { pacing: 1 }, 'TypeError', 'pacing must be a boolean, got 1'],
  ['ackFrequency', { ackFrequency: 'x' }, 'TypeError', "ackFrequency must be a boolean, got 'x'"],
  ['initialWindow', { initialWindow: 100 }, 'RangeError', 'initialWindow must be an integer from 2400'],
  ['minimumWindow', { minimumWindow: 100 }, 'RangeError', 'minimumWindow must be an integer from 2400'],
  ['initialRtt', { initialRtt: -1 }, 'RangeError', 'initialRtt must be positive and finite, got -1'],
  ['maxAckDelay', { maxAckDelay: 20_000 }, 'RangeError', 'maxAckDelay must be an integer from 0 to 16383, got 20000'],
  ['ackDelayExponent', { ackDelayExponent: 21 }, 'RangeError', 'ackDelayExponent must be an integer from 0 to 20'],
  ['mtu', { mtu: 1500 }, 'TypeError', 'mtu must be an object, got 1500'],
  ['mtu', { mtu: { max: 100 } }, 'RangeError', 'mtu.max must be an integer from 1200 to 65527, got 100'],
  ['mtu', { mtu: { min: 1200 } }, 'TypeError', 'mtu.min'],
  ['version', { version: 'v1' }, 'TypeError', "version must be a number, got 'v1'"],
  ['versions', { versions: [] }, 'RangeError', 'versions must name at least one version'],
  ['versions', { versions: [7] }, 'RangeError', 'versions names the unknown version 0x7'],
  ['preferredVersions', { preferredVersions: 1 }, 'TypeError', 'preferredVersions must be an array, got 1'],
  [
    'preferredVersions',
    { versions: [1], preferredVersions: [0x6b3343cf] },
    'RangeError',
    'preferredVersions must be among versions, got 0x6b3343cf',
  ],
  ['greaseQuicBit', { greaseQuicBit: 1 }, 'TypeError', 'greaseQuicBit must be a boolean, got 1'],
  ['disableActiveMigration', { disableActiveMigration: 'x' }, 'TypeError', "must be a boolean, got 'x'"],
  ['preferredAddressPolicy', { preferredAddressPolicy: 'x' }, 'TypeError', "must be 'use' or 'ignore', got 'x'"],
  ['spinBit', { spinBit: 5 }, 'TypeError', 'spinBit must be a boolean, got 5'],
  ['resetStreamAt', { resetStreamAt: 5 }, 'TypeError', 'resetStreamAt must be a boolean, got 5'],
  ['maxDatagramFrameSize', { maxDatagramFrameSize: 65_536 }, 'RangeError', 'from 0 to 65535, got 65536'],
  ['datagrams', { datagrams: 5 }, 'TypeError', 'datagrams must be an object, got 5'],
  ['datagrams', { datagrams: { maxAge: 1 } }, 'TypeError', 'Unknown datagram option maxAge'],
  ['datagrams', { datagrams: { incomingMaxAge: -1 } }, 'RangeError', 'incomingMaxAge must be at least 0, got -1'],
  ['activeConnectionIdLimit', { activeConnectionIdLimit: 1 }, 'RangeError', 'from 2 to 16, got 1'],
  ...[
    'initialMaxData',
    'initialMaxStreamDataBidiLocal',
    'initialMaxStreamDataBidiRemote',
    'initialMaxStreamDataUni',
    'maxReceiveWindow',
    'maxIncomingBidirectionalStreams',
    'maxIncomingUnidirectionalStreams',
    'maxSendBuffer',
    'maxStreamSendBuffer',
  ].flatMap((name): Misuse<object>[] => [
    [name, { [name]: -1 }, 'RangeError', `${name} must be an integer from`],
    [name, { [name]: '9' }, 'TypeError', `${name} must be a number, got '9'`],
  ]),
]

const CLIENT_OPTIONS: readonly Misuse<object>[] = [
  ['an option of servers', { retry: 'always' }, 'TypeError', 'Unknown connection option retry'],
  ['address', { address: 5 }, 'TypeError', 'address must be host:port, IPv6 in brackets, got 5'],
  ['address', { address: 'a.test' }, 'TypeError', 'address must be host:port, IPv6 in brackets, got a.test'],
  ['serverName', { serverName: 5 }, 'TypeError', 'serverName must be a string, got 5'],
  ['serverName', { serverName: 'a b' }, 'RangeError', 'serverName must be at most 253 ASCII characters'],
  ['ca', { ca: 5 }, 'TypeError', 'ca must be PEM, DER or an array of them, got 5'],
  ['serverCertificateHashes', { serverCertificateHashes: 'abc' }, 'TypeError', "must be an array, got 'abc'"],
  [
    'serverCertificateHashes',
    { serverCertificateHashes: [bytesOf(32)] },
    'TypeError',
    'serverCertificateHashes must hold objects with algorithm and value, got an object',
  ],
  ['spkiPins', { spkiPins: 'abc' }, 'TypeError', "spkiPins must be an array, got 'abc'"],
  [
    'spkiPins',
    { spkiPins: [bytesOf(31)] },
    'TypeError',
    'SHA-256 hashes of 32 bytes, or public keys as CryptoKey, got 31',
  ],
  ['verify', { verify: 'no' }, 'TypeError', "verify must be 'insecure' or a function, got no"],
  ['certificate', { certificate: 5 }, 'TypeError', 'members certificate and privateKey, got 5'],
  ['signal', { signal: 5 }, 'TypeError', 'signal must have the method throwIfAborted, got 5'],
  ['session', { session: 'abc' }, 'TypeError', "session must be a Uint8Array, got 'abc'"],
  ['sessionStore', { sessionStore: {} }, 'TypeError', 'sessionStore must have the methods get and set'],
  ['token', { token: 'abc' }, 'TypeError', "token must be a Uint8Array, got 'abc'"],
  ['tokenStore', { tokenStore: 5 }, 'TypeError', 'tokenStore must have the methods get and set'],
  ['earlyData', { earlyData: 1 }, 'TypeError', 'earlyData must be a boolean, got 1'],
  ['psk', { psk: { identity: 'a', key: bytesOf(15) } }, 'RangeError', 'psk.key must take at least 16 bytes, got 15'],
]

const SERVER_OPTIONS: readonly Misuse<object>[] = [
  ['signal', { signal: 5 }, 'TypeError', 'signal must have the method throwIfAborted, got 5'],
  ['an option of clients', { serverName: 'a.test' }, 'TypeError', 'Unknown connection option serverName'],
  ['certificate', { certificate: undefined }, 'TypeError', 'certificate must be given, or psk in its place'],
  ['certificate', { certificate: [] }, 'TypeError', 'certificate must name at least one certificate'],
  ['certificate', { certificate: 5 }, 'TypeError', 'members certificate and privateKey, got 5'],
  ['clientCertificates', { clientCertificates: { mode: 'x' } }, 'TypeError', "'request' or 'require', got x"],
  ['clientCertificates', { clientCertificates: { mode: 'require' } }, 'TypeError', 'must have ca, spkiPins or verify'],
  ['tickets', { tickets: true }, 'TypeError', 'tickets must be an object, got boolean'],
  ['tickets', { tickets: { key: bytesOf(31) } }, 'RangeError', 'at least 32 bytes, got 31'],
  ['earlyData', { earlyData: true, tickets: false }, 'TypeError', 'earlyData needs tickets'],
  ['acceptEarlyData', { acceptEarlyData: () => true }, 'TypeError', 'acceptEarlyData needs earlyData'],
  ['psk', { psk: {} }, 'TypeError', 'psk.find must be a function'],
  ['retry', { retry: 'sometimes' }, 'TypeError', "'under-load' or a function, got sometimes"],
  ['preferredAddress', { preferredAddress: 5 }, 'TypeError', 'preferredAddress must be an object, got number'],
  ['preferredAddress', { preferredAddress: {} }, 'TypeError', 'preferredAddress.transport must have the method open'],
  ['limits', { limits: 5 }, 'TypeError', 'limits must be an object, got 5'],
  ['limits', { limits: { maxThings: 1 } }, 'TypeError', 'Unknown limit maxThings'],
  ['limits', { limits: { maxConnections: -1 } }, 'RangeError', 'maxConnections must be a non-negative integer'],
  ['resetKey', { resetKey: 'secret' }, 'TypeError', "resetKey must be a Uint8Array, got 'secret'"],
  ['resetKey', { resetKey: bytesOf(5) }, 'RangeError', 'resetKey must have at least 16 bytes, got 5'],
  ['tokenKey', { tokenKey: 5 }, 'TypeError', 'tokenKey must be a Uint8Array, got 5'],
  ['tokenKey', { tokenKey: bytesOf(31) }, 'RangeError', 'at least 32 bytes, got 31'],
  [
    'connectionIdGenerator',
    { connectionIdGenerator: 5 },
    'TypeError',
    'must be an object with a length and a generate',
  ],
  [
    'connectionIdGenerator',
    { connectionIdGenerator: { length: 30, generate: () => bytesOf(30) } },
    'RangeError',
    'connectionIdGenerator.length must be an integer from 0 to 20, got 30',
  ],
]

describe('An option that cannot be meant is refused:', () => {
  test.each([...OPTIONS, ...CLIENT_OPTIONS])('%s of a client (%#)', async (_, options, kind, words) => {
    await expectRefusal(() => new Stage().connect(options), kind, words)
  })

  test.each([...OPTIONS, ...SERVER_OPTIONS])('%s of a server (%#)', async (_, options, kind, words) => {
    await expectRefusal(() => new Stage().listen(options), kind, words)
  })
})
