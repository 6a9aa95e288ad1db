/** The tests of `capitals.ts`, with the runner that comes with Node. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, listen, type QuicConnection, type QuicServer, QuicStreamError } from 'isoquic'
import { devCertificate } from 'isoquic/dev'
import { Simulation } from 'isoquic/simulator'
import { pipe } from 'isoquic/transports/pipe'
import { ALPN, ask, NO_WORD, serve } from './capitals.ts'

async function serveAll(server: QuicServer): Promise<void> {
  for await (const connection of server) serve(connection).catch(() => {})
}

/** Runs `body` with a client over a pipe in memory. */
async function overPipe(body: (client: QuicConnection) => Promise<void>): Promise<void> {
  const [near, far] = pipe()
  const certificate = await devCertificate()
  const server = await listen(far, { alpn: [ALPN], certificate })
  void serveAll(server)
  // A pipe has one other end, so there is no address to give.
  const client = await connect(near, { alpn: [ALPN], serverCertificateHashes: [certificate.hash] })
  await body(client)
  await client.close()
  await server.close()
}

/** Runs `body` with a client over a network in virtual time that loses one datagram in ten. */
async function overBadNetwork(seed: number, body: (client: QuicConnection) => Promise<void>): Promise<Simulation> {
  const simulation = new Simulation({ seed })
  const { certificate, options } = simulation
  const [near, far] = simulation.link({ delay: 50, loss: 0.1 })
  await simulation.run(async () => {
    const server = await listen(far, { ...options, alpn: [ALPN], certificate })
    void serveAll(server)
    const trust = { address: far.localAddress, serverCertificateHashes: [certificate.hash] }
    const client = await connect(near, { ...options, ...trust, alpn: [ALPN] })
    await body(client)
    await client.close()
    await server.close()
  })
  return simulation
}

test('words come back as capitals, side by side', () =>
  overPipe(async (client) => {
    const answers = await Promise.all(['quic', 'in', 'memory'].map((word) => ask(client, word)))
    assert.deepEqual(answers, ['QUIC', 'IN', 'MEMORY'])
  }))

test('what is no word is refused, and the connection lives on', () =>
  overPipe(async (client) => {
    await assert.rejects(
      ask(client, '4711'),
      (error) => error instanceof QuicStreamError && error.code === BigInt(NO_WORD),
    )
    assert.equal(await ask(client, 'still'), 'STILL')
  }))

test('a network that loses changes nothing but the time it takes', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { now } = await overBadNetwork(seed, async (client) => {
      for (const word of ['over', 'hill', 'and', 'dale']) assert.equal(await ask(client, word), word.toUpperCase())
    })
    assert.ok(now > 500, `seed ${seed} took ${now} ms of virtual time`)
  }
})
