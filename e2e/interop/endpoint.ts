/**
 * isoquic as an endpoint of the public quic-interop-runner: `ROLE`, `TESTCASE`, `REQUESTS`, `SSLKEYLOGFILE` and `QLOGDIR` say
 * what to do, `/www`, `/downloads` and `/certs` (or `WWW`, `DOWNLOADS`, `CERTS`) with what, `PORT` where a server listens.
 * `PROTOCOLS` asks for WebTransport. Beyond the runner's contract, `FRAMED` puts lengths ahead of what its streams hold,
 * `ALPN=h3` speaks HTTP/3, `HOST` binds a server to one address, and `KEEP_ALIVE` has a client
 * say something after so many milliseconds of silence.
 *
 * Exit codes: 0 for success, 1 for failure, 127 for a case that is not supported. A server runs until it is told to end.
 */
import { runClient } from './client.ts'
import { type Contract, isHttp3Case, readContract, UNSUPPORTED } from './contract.ts'
import { runHttp3Client, runHttp3Server } from './http3/endpoint.ts'
import { runSessionClient, runSessionServer } from './http3/session-endpoint.ts'
import { runServer } from './server.ts'

async function main(): Promise<number> {
  const contract = readContract(process.env)
  if (contract === undefined) {
    console.error(`ROLE=${process.env['ROLE']} TESTCASE=${process.env['TESTCASE']} is not supported`)
    return UNSUPPORTED
  }
  try {
    await run(contract)
    return 0
  } catch (error) {
    console.error(error)
    return 1
  }
}

function run(contract: Contract): Promise<void> {
  const isClient = contract.role === 'client'
  if (contract.protocols !== undefined) return isClient ? runSessionClient(contract) : runSessionServer(contract)
  if (isHttp3Case(contract.testCase)) return isClient ? runHttp3Client(contract) : runHttp3Server(contract)
  return isClient ? runClient(contract) : runServer(contract)
}

process.exit(await main())
