/** `isoquic serve DIR`: serves the files of a folder until it is interrupted. */
import { stat } from 'node:fs/promises'
import { udp } from '../../transports/udp.ts'
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
import { HQ_INTEROP, HQ_ISOQUIC, serveConnection } from './hq.ts'
import { formatBytes } from './progress.ts'

const HELP = `isoquic serve DIR [options]: serves the files of a folder (HTTP/0.9 over QUIC, ALPN hq-interop)

${IDENTITY_HELP}
  --retry         ask each client to prove its address first

Example:
  isoquic serve ./public --port 4433
  isoquic get https://127.0.0.1:4433/index.html --pin HASH`

/** Serves a folder. */
export const serveCommand: Command = {
  name: 'serve',
  summary: 'serve the files of a folder',
  help: HELP,
  async run(words) {
    const { values, positionals } = parseWords(words, { ...IDENTITY_OPTIONS, retry: { type: 'boolean' } })
    const [folder, ...more] = positionals
    if (folder === undefined || more.length > 0) throw new UsageError('Say which folder to serve: isoquic serve DIR')
    const found = await stat(folder).catch(() => undefined)
    if (found?.isDirectory() !== true) throw new UsageError(`${folder} is no folder`)
    const { certificate, pin } = await identity(values)
    const transport = await udp({ host: text(values, 'host') ?? '127.0.0.1', port: port(values, 4433) })
    const server = await listen(transport, {
      alpn: [HQ_ISOQUIC, HQ_INTEROP],
      certificate,
      retry: values['retry'] === true ? 'always' : 'never',
      ...keyLog(values),
      ...qlog(values),
    })
    console.log(`Serving ${folder} on ${server.address} (UDP)`)
    if (pin !== undefined) console.log(`certificate made for 13 days; get https://${server.address}/… --pin ${pin}`)
    void (async () => {
      for await (const connection of server) {
        const from = connection.remoteAddress
        serveConnection(connection, folder, ({ path, bytes, error }) => {
          console.log(`${from}  ${path}  ${error ?? formatBytes(bytes)}`)
        }).catch(() => {})
      }
    })()
    await interrupted()
    await server.close()
    return 0
  },
}
