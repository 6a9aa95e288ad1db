/** Processes that end with the call that they wait for: what they had to say has left (RFC 9000 §10.2). */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { udp } from '../../transports/udp.ts'
import { devCertificate } from './dev.ts'
import { QuicApplicationError } from './errors.ts'
import { serve } from './http3/serve.ts'
import { listen, type QuicServer } from './server.ts'
import { WebTransportServer } from './webtransport/server.ts'

const run = promisify(execFile)
const HEAD = Object.entries({
  udp: '../../transports/udp.ts',
  connect: './client.ts',
  createFetch: './http3/fetch.ts',
  Http3Client: './http3/client.ts',
  WebTransport: './webtransport/client.ts',
}).map(([name, path]) => `import { ${name} } from ${JSON.stringify(new URL(path, import.meta.url).href)}\n`)

/** Runs a program of its own to its end. */
async function leave(hash: Uint8Array, body: string): Promise<void> {
  const trust = `const trust = { serverCertificateHashes: [{ algorithm: 'sha-256', value: Uint8Array.of(${hash}) }] }\n`
  await run(process.execPath, ['--input-type=module', '-e', `${HEAD.join('')}${trust}${body}\nprocess.exit()`])
}

/** Why the first connection of `server` ended. */
async function endOf(server: QuicServer): Promise<unknown> {
  const [connection] = server.connections
  return connection?.closed.catch((error: unknown) => error)
}

test('a session of WebTransport, with closed', async () => {
  const certificate = await devCertificate()
  const server = await WebTransportServer.listen(await udp({ host: '127.0.0.1' }), { certificate })
  const sessions = server.sessions.getReader()
  const left = leave(
    certificate.hash.value,
    `const session = new WebTransport('https://${server.address}/', trust)
    await session.ready
    session.close({ closeCode: 7, reason: 'bye' })
    await session.closed`,
  )
  const { value } = await sessions.read()
  expect(await value?.closed).toEqual({ closeCode: 7, reason: 'bye' })
  await left
  // The session had its last word, its connection had none: a server that closes would wait for it, and in vain.
  await server.quic.close()
  await server.close()
})

test('a connection, with close', async () => {
  const certificate = await devCertificate()
  const server = await listen(await udp({ host: '127.0.0.1' }), { alpn: ['test'], certificate })
  const incoming = server[Symbol.asyncIterator]()
  const left = leave(
    certificate.hash.value,
    `const connection = await connect(await udp(), { address: '${server.address}', alpn: ['test'], ...trust })
    await connection.close({ closeCode: 7, reason: 'bye' })`,
  )
  const { value } = await incoming.next()
  const error: unknown = await value?.closed.catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(QuicApplicationError)
  expect(error).toMatchObject({ code: 7n, reason: 'bye', side: 'remote' })
  await left
  await server.close()
})

test('a client of HTTP/3, with close', async () => {
  const certificate = await devCertificate()
  let ended: Promise<unknown> = Promise.resolve('nobody came')
  const server = await serve(await udp({ host: '127.0.0.1' }), { certificate }, () => {
    ended = endOf(server.quic)
    return new Response('well')
  })
  await leave(
    certificate.hash.value,
    `const client = new Http3Client(trust)
    await (await client.fetch('https://${server.address}/')).text()
    await client.close()`,
  )
  expect(await ended).toMatchObject({ code: 0x100n, side: 'remote' })
  await server.close()
})
