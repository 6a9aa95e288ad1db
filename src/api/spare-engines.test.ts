import { expect, test } from 'vitest'
import type { CryptoProvider } from '../crypto/provider.ts'
import { Stage, testCrypto } from './pipe.fixtures.ts'

/** A provider, and how often it was asked for an engine. */
function counting(): { readonly crypto: CryptoProvider; engines: number } {
  const inner = testCrypto()
  const counter = {
    engines: 0,
    crypto: {
      ...inner,
      createEngine: (bytes: number) => {
        counter.engines += 1
        return inner.createEngine(bytes)
      },
    },
  }
  return counter
}

test('connections one after the other use one engine, and those at the same time one each', async () => {
  const client = counting()
  const stages = Array.from({ length: 3 }, () => new Stage({ client: { crypto: client.crypto } }))
  for (const stage of stages) {
    const { client: connection, peer } = await stage.connected()
    const reading = peer.incomingUnidirectionalStreams.getReader().read()
    const stream = await stage.environment.until(connection.createUnidirectionalStream())
    stream.tryWrite(Uint8Array.of(1, 2, 3))
    stream.finish()
    expect((await stage.environment.until(reading)).done).toBe(false)
    await stage.environment.until(connection.close())
    await stage.environment.pass(10_000)
  }
  expect(client.engines).toBe(1)

  const pairs = []
  for (const stage of Array.from({ length: 2 }, () => new Stage({ client: { crypto: client.crypto } }))) {
    pairs.push({ stage, connection: (await stage.connected()).client })
  }
  expect(client.engines).toBe(2)
  for (const { stage, connection } of pairs) await stage.environment.until(connection.close())
})

test('an engine in which something of a connection is left is not given to another', async () => {
  const client = counting()
  const first = new Stage({ client: { crypto: client.crypto } })
  const { client: connection } = await first.connected()
  // Closing: late packets are still answered.
  void connection.close()
  const second = new Stage({ client: { crypto: client.crypto } })
  await second.connected()
  expect(client.engines).toBe(2)
})

test('an attempt that fails gives its engine back as well', async () => {
  const client = counting()
  for (let attempt = 0; attempt < 3; attempt++) {
    const stage = new Stage({ client: { crypto: client.crypto, handshakeTimeout: 1000 } })
    await expect(stage.environment.until(stage.connect())).rejects.toThrow()
    await stage.environment.pass(10_000)
  }
  expect(client.engines).toBe(1)
})
