/** `isoquic gateway`: lets pages and Workers reach UDP servers that the rules name, until it is interrupted. */
import { readFileSync } from 'node:fs'
import type { ParseArgsOptionsConfig } from 'node:util'
import { serveGateway } from '../gateway/server.ts'
import { createToken } from '../gateway/token.ts'
import { type Command, interrupted, parseWords, port, text, UsageError } from './command.ts'

const HELP = `isoquic gateway --allow HOST:PORT [options]: UDP for pages and Workers, to the targets that rules name

  --allow RULE        host, host:port, address/bits:port, [IPv6]:port, *.example.org, localhost:port; may be repeated.
                      Ports 443 and 4433 unless named. Addresses that are not public need a rule that names them
  --allow-any-public  any host whose addresses are public, on ports 443 and 4433
  --origin ORIGIN     pages of this origin may come, such as https://example.org; may be repeated; *: all
  --token-key FILE    clients must show a token made with the key in FILE (32 bytes or more); prints one for an hour
  --host HOST         where to listen; default 127.0.0.1
  --port PORT         default 8443; 0: any
  --key FILE, --cert FILE   PEM, for TLS; needed outside loopback
  --http3             CONNECT-UDP over HTTP/3 too, on the same port of UDP; needs --key and --cert
  --insecure          no TLS outside loopback: a reverse proxy in front has it
  --trust-proxy RANGE addresses of reverse proxies whose X-Forwarded-For counts; may be repeated
  --quiet             no line for each flow

Example:
  isoquic gateway --allow localhost:4433 --origin http://localhost:8080`

const OPTIONS: ParseArgsOptionsConfig = {
  allow: { type: 'string', multiple: true },
  'allow-any-public': { type: 'boolean' },
  origin: { type: 'string', multiple: true },
  'token-key': { type: 'string' },
  host: { type: 'string' },
  port: { type: 'string' },
  key: { type: 'string' },
  cert: { type: 'string' },
  http3: { type: 'boolean' },
  insecure: { type: 'boolean' },
  'trust-proxy': { type: 'string', multiple: true },
  quiet: { type: 'boolean' },
}

/** An hour, ms. */
const TOKEN_LIFETIME = 3_600_000

/** Runs a gateway. */
export const gatewayCommand: Command = {
  name: 'gateway',
  summary: 'let pages and Workers reach UDP servers that you name',
  help: HELP,
  async run(words) {
    const { values, positionals } = parseWords(words, OPTIONS)
    if (positionals.length > 0) throw new UsageError(`gateway takes no ${positionals[0]}`)
    const all = (name: string): readonly string[] => (values[name] as readonly string[] | undefined) ?? []
    const tokenKey = keyFrom(text(values, 'token-key'))
    const [key, certificate] = [text(values, 'key'), text(values, 'cert')]
    if ((key === undefined) !== (certificate === undefined)) throw new UsageError('--key and --cert go together')
    const gateway = await serveGateway({
      allow: all('allow'),
      allowAnyPublic: values['allow-any-public'] === true,
      origins: all('origin'),
      host: text(values, 'host') ?? '127.0.0.1',
      port: port(values, 8443),
      http3: values['http3'] === true,
      insecure: values['insecure'] === true,
      trustedProxies: all('trust-proxy'),
      ...(tokenKey !== undefined && { tokenKey }),
      ...(key !== undefined &&
        certificate !== undefined && { tls: { key: read(key), certificate: read(certificate) } }),
      ...(values['quiet'] !== true && { log: (line: string) => console.log(line) }),
    }).catch((error: unknown) => {
      throw error instanceof RangeError ? new UsageError(error.message) : error
    })
    console.log(`Forwarding from ${key === undefined ? 'ws' : 'wss'}://${gateway.address}`)
    if (tokenKey !== undefined) {
      console.log(`token ${createToken(tokenKey, { expires: Date.now() + TOKEN_LIFETIME, subject: 'command line' })}`)
    }
    await interrupted()
    await gateway.close()
    return 0
  },
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(`Cannot read ${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function keyFrom(path: string | undefined): Uint8Array | undefined {
  if (path === undefined) return undefined
  read(path)
  return new Uint8Array(readFileSync(path))
}
