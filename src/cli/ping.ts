/** `isoquic ping HOST`: how long a handshake takes, and a few bytes there and back. */
import { udp } from '../../transports/udp.ts'
import { connect } from '../api/client.ts'
import type { QuicConnection } from '../api/connection.ts'
import {
  type Command,
  keyLog,
  parseWords,
  QLOG_HELP,
  QLOG_OPTIONS,
  qlog,
  TRUST_HELP,
  TRUST_OPTIONS,
  text,
  trust,
  UsageError,
} from './command.ts'
import { ECHO } from './echo.ts'

const HELP = `isoquic ping HOST:PORT [options]: measures the handshake and round trips through \`isoquic echo\`

  -c, --count N   round trips, default 4
  --alpn NAME     application protocol, default echo; with another one only the handshake is measured
  --keylog FILE   append the keys of the connection, for Wireshark
${QLOG_HELP}
${TRUST_HELP}

Example:
  isoquic ping 127.0.0.1:4433 --insecure`

/** Bytes that go there and back. */
const PAYLOAD = 32

/** Measures round trips. */
export const pingCommand: Command = {
  name: 'ping',
  summary: 'measure the handshake and round trips',
  help: HELP,
  async run(words) {
    const { values, positionals } = parseWords(words, {
      ...TRUST_OPTIONS,
      count: { type: 'string', short: 'c' },
      alpn: { type: 'string' },
      keylog: { type: 'string' },
      ...QLOG_OPTIONS,
    })
    const [host, ...more] = positionals
    if (host === undefined || more.length > 0) throw new UsageError('Say whom to ping: isoquic ping HOST:PORT')
    const address = /:\d+$/.test(host) ? host : `${host}:443`
    const count = Number(text(values, 'count') ?? 4)
    if (!(Number.isInteger(count) && count > 0))
      throw new UsageError(`--count must be a positive number, got ${values['count']}`)
    const alpn = text(values, 'alpn') ?? ECHO
    // Whatever is wrong with the options is said before a socket is open.
    const options = { address, alpn: [alpn], ...trust(values), ...keyLog(values), ...qlog(values) }
    const transport = await udp()
    const start = performance.now()
    const connection = await connect(transport, options)
    try {
      const handshake = performance.now() - start
      console.log(`${address} (${connection.remoteAddress}): handshake ${ms(handshake)}, ALPN ${connection.alpn}`)
      if (alpn === ECHO) await roundTrips(connection, count)
    } finally {
      await connection.close()
    }
    return 0
  },
}

async function roundTrips(connection: QuicConnection, count: number): Promise<void> {
  const times: number[] = []
  for (let index = 1; index <= count; index++) {
    const time = await roundTrip(connection)
    times.push(time)
    console.log(`${PAYLOAD} bytes there and back: ${index} of ${count}, ${ms(time)}`)
  }
  const sum = times.reduce((total, time) => total + time, 0)
  console.log(`least ${ms(Math.min(...times))}, mean ${ms(sum / times.length)}, most ${ms(Math.max(...times))}`)
}

async function roundTrip(connection: QuicConnection): Promise<number> {
  const start = performance.now()
  const stream = await connection.createBidirectionalStream()
  stream.tryWrite(new Uint8Array(PAYLOAD))
  stream.finish()
  const buffer = new Uint8Array(PAYLOAD)
  for (let got = stream.read(buffer); got >= 0; got = stream.read(buffer)) if (got === 0) await stream.whenReadable()
  return performance.now() - start
}

function ms(time: number): string {
  return `${time.toFixed(2)} ms`
}
