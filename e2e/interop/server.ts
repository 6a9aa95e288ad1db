/** The server's side of the interop cases: files of one folder over HTTP/0.9 or HTTP/3, until the runner ends it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { serveConnection } from '../../src/cli/hq.ts'
import { listen, type QuicConnection, QuicError } from '../../src/index.ts'
import { udp } from '../../transports/udp.ts'
import { commonOptions } from './case-options.ts'
import { type Contract, report } from './contract.ts'
import { serveDatagrams } from './datagrams.ts'
import { H3, serveH3 } from './h3.ts'
import { updateKeysOnce } from './key-update.ts'

/** Serves until SIGTERM or SIGINT. */
export async function runServer(contract: Contract): Promise<void> {
  const transport = await udp({ port: contract.port, ...(contract.host !== undefined && { host: contract.host }) })
  const server = await listen(transport, {
    ...commonOptions(contract),
    certificate: {
      certificate: readFileSync(join(contract.certs, 'cert.pem'), 'utf8'),
      privateKey: readFileSync(join(contract.certs, 'priv.key'), 'utf8'),
    },
    retry: contract.testCase === 'retry' ? 'always' : 'never',
    earlyData: contract.testCase === 'zerortt',
  })
  report('listening', { address: server.address })
  const ended = new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
  })
  void takeConnections(server, contract)
  await ended
  await server.close()
}

async function takeConnections(server: AsyncIterable<QuicConnection>, contract: Contract): Promise<void> {
  for await (const connection of server) {
    connection.ready.then(
      (facts) => report('connected', { ...facts }),
      () => {},
    )
    connection.closed.then(
      ({ closeCode }) => report('closed', { code: closeCode }),
      (error: unknown) => report('closed', closeFacts(error)),
    )
    const served =
      connection.alpn === H3 ? serveH3(connection, contract.www) : serveConnection(connection, contract.www)
    served.catch(() => {})
    if (contract.testCase === 'datagrams') serveDatagrams(connection, contract.www).catch(() => {})
    if (contract.testCase === 'keyupdate') void updateKeysOnce(connection)
  }
}

function closeFacts(error: unknown): Record<string, unknown> {
  if (!(error instanceof QuicError)) return { error: String(error) }
  return { error: error.name, side: error.side, message: error.message, ...('code' in error && { code: error.code }) }
}
