/** `isoquic echo`: a server that sends back what it is sent, until it is interrupted. */
import { udp } from '../../transports/udp.ts'
import type { QuicConnection } from '../api/connection.ts'
import { listen } from '../api/server.ts'
import {
  type Command,
  IDENTITY_HELP,
  IDENTITY_OPTIONS,
  identity,
  interrupted,
  keyLog,
  parseWords,
  port,
  qlog,
  text,
  UsageError,
} from './command.ts'

const HELP = `isoquic echo [options]: sends every stream back (ALPN echo)

${IDENTITY_HELP}

Example:
  isoquic echo --port 4433
  isoquic ping 127.0.0.1:4433 --insecure`

/** The application protocol of `echo` and `ping`. */
export const ECHO = 'echo'

/** Echoes streams. */
export const echoCommand: Command = {
  name: 'echo',
  summary: 'send back whatever comes',
  help: HELP,
  async run(words) {
    const { values, positionals } = parseWords(words, IDENTITY_OPTIONS)
    if (positionals.length > 0) throw new UsageError(`echo takes no ${positionals[0]}`)
    const { certificate, pin } = await identity(values)
    const transport = await udp({ host: text(values, 'host') ?? '127.0.0.1', port: port(values, 4433) })
    const server = await listen(transport, { alpn: [ECHO], certificate, ...keyLog(values), ...qlog(values) })
    console.log(`Echoing on ${server.address} (UDP)`)
    if (pin !== undefined) console.log(`certificate made for 13 days; ping ${server.address} --pin ${pin}`)
    void (async () => {
      for await (const connection of server) echo(connection).catch(() => {})
    })()
    await interrupted()
    await server.close()
    return 0
  },
}

async function echo(connection: QuicConnection): Promise<void> {
  for await (const stream of connection.incomingBidirectionalStreams) {
    // One broken stream ends alone.
    stream.readable.pipeTo(stream.writable).catch(() => {})
  }
}
