/** The client's side of the interop cases: downloads what `REQUESTS` names, in the way that the case asks for. */
import { open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { get } from '../../src/cli/hq.ts'
import {
  type ConnectOptions,
  connect,
  type QuicConnection,
  QuicEndpoint,
  type QuicSessionDetail,
  QuicVersionError,
} from '../../src/index.ts'
import { udp } from '../../transports/udp.ts'
import { commonOptions, RESERVED_VERSION } from './case-options.ts'
import { type Contract, readAuthority, report } from './contract.ts'
import { downloadDatagrams } from './datagrams.ts'
import { H3, H3_NO_ERROR, H3Client } from './h3.ts'
import { updateKeysOnce } from './key-update.ts'
import { migrateOnce } from './migration.ts'

/** Connections at a time where each request has its own. */
const PARALLEL_CONNECTIONS = 4

/** ms until a server must have given a session, from the start of its connection. */
const SESSION_TIMEOUT = 10_000

/** Of a URL without one. */
const DEFAULT_PORT = 443

/** Windows that a transfer of some megabytes must outgrow, in bytes. */
const SMALL_WINDOWS: Partial<ConnectOptions> = {
  initialMaxData: 131_072,
  initialMaxStreamDataBidiLocal: 65_536,
}

/** Runs the case. Rejects where it fails. */
export async function runClient(contract: Contract): Promise<void> {
  const [first] = contract.requests
  if (first === undefined) throw new TypeError('REQUESTS names nothing to download')
  const client = new Client(contract)
  switch (contract.testCase) {
    case 'versionnegotiation':
      return await client.negotiate(first)
    case 'multiconnect':
    case 'handshakeloss':
      return await client.downloadEach()
    case 'transfer':
    case 'transferloss':
      return await client.downloadAll(first, SMALL_WINDOWS)
    case 'resumption':
    case 'zerortt':
      return await client.comeBack(first, contract.testCase === 'zerortt')
    case 'keyupdate':
      return await client.downloadAll(first, SMALL_WINDOWS, (connection) => void updateKeysOnce(connection))
    case 'datagrams':
      return await client.downloadDatagrams(first)
    case 'connectionmigration':
      return await client.downloadAll(first, {}, (connection) => void migrateOnce(connection))
    default:
      return await client.downloadAll(first, {})
  }
}

class Client {
  readonly #contract: Contract
  readonly #options: Omit<ConnectOptions, 'address'>

  constructor(contract: Contract) {
    const ca = readAuthority(contract)
    this.#contract = contract
    this.#options = { ...commonOptions(contract), ...(ca === undefined ? { verify: 'insecure' } : { ca }) }
  }

  /** All files over one connection, at the same time. */
  async downloadAll(
    first: URL,
    options: Partial<ConnectOptions>,
    onConnected: (connection: QuicConnection) => void = () => {},
  ): Promise<void> {
    const connection = await this.#connect(first, options)
    onConnected(connection)
    await this.#download(connection, this.#contract.requests)
  }

  /** Each file in a datagram. */
  async downloadDatagrams(first: URL): Promise<void> {
    const connection = await this.#connect(first)
    await downloadDatagrams(connection, this.#contract.requests, this.#contract.downloads)
    await this.#close(connection)
  }

  /** A connection for each file. */
  async downloadEach(): Promise<void> {
    const waiting = [...this.#contract.requests]
    const worker = async (): Promise<void> => {
      for (let url = waiting.shift(); url !== undefined; url = waiting.shift()) {
        await this.#download(await this.#connect(url), [url])
      }
    }
    await Promise.all(Array.from({ length: PARALLEL_CONNECTIONS }, worker))
  }

  /** The first file over one connection, the others over another one that goes on from its session. */
  async comeBack(first: URL, earlyData: boolean): Promise<void> {
    const endpoint = new QuicEndpoint(await udp())
    const begin = (options: Partial<ConnectOptions>): QuicConnection => {
      const connection = endpoint.connect(addressOf(first), { ...this.#options, ...options })
      connection.ready.then(
        (facts) => report('connected', { ...facts }),
        () => {},
      )
      return connection
    }
    const session = await this.#firstSession(begin({}), first)
    await this.#download(begin({ session, earlyData }), this.#contract.requests.slice(1))
    endpoint.close()
  }

  async #firstSession(connection: QuicConnection, url: URL): Promise<Uint8Array> {
    const given = new Promise<Uint8Array>((resolve, reject) => {
      connection.addEventListener('session', (event) =>
        resolve((event as CustomEvent<QuicSessionDetail>).detail.session),
      )
      setTimeout(() => reject(new Error('The server gave no session')), SESSION_TIMEOUT)
    })
    given.catch(() => {})
    // The connection is closed behind the files, and nothing comes any more.
    await connection.ready
    const session = await given
    await this.#download(connection, [url])
    return session
  }

  /** Offers a version that nobody speaks: the server must answer with Version Negotiation, and the client act on it. */
  async negotiate(url: URL): Promise<void> {
    try {
      const connection = await this.#connect(url, { version: RESERVED_VERSION })
      report('version-negotiated', { version: connection.version })
      await connection.close({ closeCode: closeCode(connection) })
      if (connection.version === RESERVED_VERSION) throw new Error('The server speaks the reserved version')
    } catch (error) {
      if (!(error instanceof QuicVersionError)) throw error
      report('version-negotiated', { supported: error.supported })
    }
  }

  async #connect(url: URL, options: Partial<ConnectOptions> = {}): Promise<QuicConnection> {
    const connection = await connect(await udp(), { address: addressOf(url), ...this.#options, ...options })
    report('connected', { alpn: connection.alpn, version: connection.version })
    return connection
  }

  async #download(connection: QuicConnection, urls: readonly URL[]): Promise<void> {
    const h3 = this.#contract.alpn === H3 ? await H3Client.start(connection) : undefined
    const downloadOne = async (url: URL): Promise<void> => {
      // Early data does not wait for a disk: the handshake may be over by then.
      const opening = open(join(this.#contract.downloads, basename(url.pathname)), 'w')
      const write = async (bytes: Uint8Array): Promise<void> => void (await (await opening).write(bytes))
      try {
        await (h3 === undefined ? get(connection, url.pathname, write) : h3.get(url, write))
      } finally {
        await (await opening).close()
      }
    }
    await Promise.all(urls.map(downloadOne))
    await this.#close(connection)
  }

  async #close(connection: QuicConnection): Promise<void> {
    await connection.close({ closeCode: closeCode(connection) })
    await connection.closed
    report('closed', { code: closeCode(connection) })
  }
}

function addressOf(url: URL): string {
  return `${url.hostname}:${url.port === '' ? DEFAULT_PORT : url.port}`
}

function closeCode(connection: QuicConnection): bigint {
  return connection.alpn === H3 ? H3_NO_ERROR : 0n
}
