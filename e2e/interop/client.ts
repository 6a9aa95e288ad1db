/** The client's side of the interop cases: downloads what `REQUESTS` names, in the way that the case asks for. */
import { open } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { get } from '../../src/cli/hq.ts'
import { type ConnectOptions, connect, type QuicConnection, QuicVersionError } from '../../src/index.ts'
import { udp } from '../../transports/udp.ts'
import { commonOptions, RESERVED_VERSION } from './case-options.ts'
import { type Contract, readAuthority, report } from './contract.ts'
import { H3, H3_NO_ERROR, H3Client } from './h3.ts'
import { updateKeysOnce } from './key-update.ts'

/** Connections at a time where each request has its own. */
const PARALLEL_CONNECTIONS = 4

/** Windows that a transfer of some megabytes must outgrow, in bytes. */
const SMALL_WINDOWS: Partial<ConnectOptions> = {
  initialMaxData: 131_072,
  initialMaxStreamDataBidiLocal: 65_536,
}

/** Runs the case. Rejects where it fails. */
export async function runClient(contract: Contract): Promise<void> {
  const [first] = contract.requests
  if (first === undefined) throw new TypeError('REQUESTS names nothing to download')
  switch (contract.testCase) {
    case 'versionnegotiation':
      return await negotiate(contract, first)
    case 'multiconnect':
    case 'handshakeloss':
      return await downloadEach(contract)
    case 'transfer':
    case 'transferloss':
      return await downloadAll(contract, SMALL_WINDOWS)
    case 'keyupdate':
      return await downloadAll(contract, SMALL_WINDOWS, (connection) => void updateKeysOnce(connection))
    default:
      return await downloadAll(contract, {})
  }
}

/** All files over one connection, at the same time. */
async function downloadAll(
  contract: Contract,
  options: Partial<ConnectOptions>,
  onConnected: (connection: QuicConnection) => void = () => {},
): Promise<void> {
  const [first] = contract.requests
  if (first === undefined) return
  const connection = await open_(contract, first, options)
  onConnected(connection)
  await download(connection, contract, contract.requests)
}

/** A connection for each file. */
async function downloadEach(contract: Contract): Promise<void> {
  const waiting = [...contract.requests]
  const worker = async (): Promise<void> => {
    for (let url = waiting.shift(); url !== undefined; url = waiting.shift()) {
      await download(await open_(contract, url, {}), contract, [url])
    }
  }
  await Promise.all(Array.from({ length: PARALLEL_CONNECTIONS }, worker))
}

/** Offers a version that nobody speaks: the server must answer with Version Negotiation, and the client act on it. */
async function negotiate(contract: Contract, url: URL): Promise<void> {
  try {
    const connection = await open_(contract, url, { version: RESERVED_VERSION })
    report('version-negotiated', { version: connection.version })
    await connection.close({ closeCode: closeCode(connection) })
    if (connection.version === RESERVED_VERSION) throw new Error('The server speaks the reserved version')
  } catch (error) {
    if (!(error instanceof QuicVersionError)) throw error
    report('version-negotiated', { supported: error.supported })
  }
}

async function open_(contract: Contract, url: URL, options: Partial<ConnectOptions>): Promise<QuicConnection> {
  const ca = readAuthority(contract)
  const connection = await connect(await udp(), {
    address: `${url.hostname}:${url.port === '' ? 443 : url.port}`,
    ...(ca === undefined ? { verify: 'insecure' } : { ca }),
    ...commonOptions(contract),
    ...options,
  })
  report('connected', { alpn: connection.alpn, version: connection.version })
  return connection
}

async function download(connection: QuicConnection, contract: Contract, urls: readonly URL[]): Promise<void> {
  const h3 = connection.alpn === H3 ? await H3Client.start(connection) : undefined
  await Promise.all(
    urls.map(async (url) => {
      const file = await open(join(contract.downloads, basename(url.pathname)), 'w')
      const write = async (bytes: Uint8Array): Promise<void> => void (await file.write(bytes))
      try {
        await (h3 === undefined ? get(connection, url.pathname, write) : h3.get(url, write))
      } finally {
        await file.close()
      }
    }),
  )
  await connection.close({ closeCode: closeCode(connection) })
  await connection.closed
  report('closed', { code: closeCode(connection) })
}

function closeCode(connection: QuicConnection): bigint {
  return connection.alpn === H3 ? H3_NO_ERROR : 0n
}
