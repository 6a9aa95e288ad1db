/** isoquic in the cases of WebTransport: its class and its server with the files of folders. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { WebTransport, WebTransportError, WebTransportServer } from '../../../src/webtransport.ts'
import { udp } from '../../../transports/udp.ts'
import { commonOptions } from '../case-options.ts'
import { type Contract, readAuthority, report } from '../contract.ts'
import { pause } from '../processes.ts'
import { endpointsIn, type Program, playClient, playServer } from './session-cases.ts'

/** ms that the end of a session has to leave. */
const FLUSH_TIME = 300

/** Sessions with all endpoints that `REQUESTS` names, over one connection; lengths go with a server of one session for each. */
export async function runSessionClient(contract: Contract): Promise<void> {
  const [first] = contract.requests
  if (first === undefined) throw new TypeError('REQUESTS names no endpoint')
  const ca = readAuthority(contract)
  const { alpn: _, congestionControl: __, ...options } = commonOptions(contract)
  const program = programOf(contract)
  const transport = (): ReturnType<typeof udp> => udp({ host: '127.0.0.1' })
  const play = async ([endpoint, names]: [string, string[]]): Promise<void> => {
    const session = new WebTransport(new URL(`/${endpoint}`, first), {
      ...options,
      ...(ca === undefined ? { verify: 'insecure' } : { ca }),
      transport,
      protocols: contract.protocols ?? [],
      allowPooling: !contract.isFramed,
    })
    await playClient(program, session, endpoint, names)
  }
  await Promise.all([...endpointsIn(contract.requests.map(({ pathname }) => pathname))].map(play))
  // `close()` is over at once, as the W3C has it; what it says goes out in the background, unless the process ends.
  await pause(FLUSH_TIME)
}

/** Serves until SIGTERM or SIGINT. */
export async function runSessionServer(contract: Contract): Promise<void> {
  const { alpn: _, ...options } = commonOptions(contract)
  const transport = await udp({ port: contract.port, ...(contract.host !== undefined && { host: contract.host }) })
  const server = await WebTransportServer.listen(transport, {
    ...options,
    certificate: {
      certificate: readFileSync(join(contract.certs, 'cert.pem'), 'utf8'),
      privateKey: readFileSync(join(contract.certs, 'priv.key'), 'utf8'),
    },
  })
  report('listening', { address: server.address })
  const ended = new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
  })
  void takeSessions(server, contract)
  await ended
  await server.close()
}

async function takeSessions(server: WebTransportServer, contract: Contract): Promise<void> {
  const program = programOf(contract)
  const endpoints = endpointsIn(contract.requests.map(({ pathname }) => pathname))
  for await (const request of server.incoming) {
    // The runner wants the first of the client's, which is its own rule (a server may choose as it likes).
    const protocol = request.protocols.find((name) => contract.protocols?.includes(name))
    const session = request.accept({ protocol })
    const endpoint = request.url.pathname.slice(1)
    report('session', { endpoint, protocol })
    const names = endpoints.get(endpoint) ?? []
    const played = playServer(program, session, endpoint, names).catch((error: unknown) =>
      report('session-failed', { error: String(error) }),
    )
    // A peer that does not hear of the end of a session hears of that of the connection.
    if (contract.isFramed && names.length > 0) void played.then(() => server.close())
  }
}

function programOf({ testCase, www, downloads, isFramed }: Contract): Program {
  const save = (path: string, bytes: Uint8Array | string): void => {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, bytes)
  }
  return {
    testCase,
    files: (endpoint) => ({
      isFramed,
      read: async (name) => new Uint8Array(readFileSync(join(www, endpoint, name))),
      save: async (name, bytes) => save(join(downloads, endpoint, name), bytes),
    }),
    saveProtocol: async (name) => save(join(downloads, 'negotiated_protocol.txt'), name),
    report,
    streamError: (streamErrorCode) => new WebTransportError('', { streamErrorCode }),
  }
}
