import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { devCertificate } from '../../src/api/dev.ts'
import { listen } from '../../src/index.ts'
import { udp } from '../../transports/udp.ts'
import { build, DIST } from '../smoke/bundle.ts'
import { Guest } from './quickjs.ts'

beforeAll(build, 120_000)

const guests: Guest[] = []
afterAll(() => {
  for (const guest of guests) guest.dispose()
})

test('the single file handshakes, transfers and closes from within QuickJS in WebAssembly, with an endpoint in Node', async () => {
  const certificate = await devCertificate()
  await using server = await listen(await udp({ host: '127.0.0.1' }), { alpn: ['echo'], certificate })
  const closed = (async () => {
    for await (const connection of server) {
      void (async () => {
        for await (const stream of connection.incomingBidirectionalStreams) {
          stream.readable.pipeTo(stream.writable).catch(() => {})
        }
      })().catch(() => {})
      return connection.closed.catch((error: unknown) => error)
    }
    return undefined
  })()
  const carrier = await udp({ host: '127.0.0.1' })
  const program = readFileSync(fileURLToPath(new URL('program.mjs', import.meta.url)), 'utf8')
  const facts = `globalThis.certificateHash = ${JSON.stringify([...certificate.hash.value])}; globalThis.size = 50000;\n`
  const report = await new Promise<string>((resolve, reject) => {
    Guest.start(`${DIST}isoquic.min.js`, facts + program, {
      send: (bytes) => void carrier.send(bytes, server.address, 0),
      report: resolve,
    }).then((guest) => {
      guests.push(guest)
      carrier.open({ datagram: (bytes) => guest.call('onDatagram', bytes), drain() {}, closed() {} })
    }, reject)
  })
  carrier.close()
  expect(report).toBe(JSON.stringify({ same: true, length: 50_000, alpn: 'echo', globals: [] }))
  expect(await closed).toMatchObject({ name: 'QuicApplicationError', code: 7n, reason: 'done' })
}, 120_000)
