import { expect, test } from 'vitest'
import { QuicStreamError } from './errors.ts'
import { bytesOf, rejection, Stage } from './pipe.fixtures.ts'

test('A write behind the end of a stream is refused, and writes nothing', async () => {
  const stage = new Stage()
  const { environment } = stage
  const { client, peer } = await stage.connected()
  const stream = await client.createBidirectionalStream()
  stream.tryWrite(bytesOf(10))
  stream.finish()
  stream.finish()
  const refused = expect.objectContaining({ name: 'InvalidStateError' })
  expect(() => stream.tryWrite(bytesOf(1))).toThrow(refused)
  await environment.until(stream.close())
  expect(() => stream.tryWrite(bytesOf(1))).toThrow(refused)
  const { value: far } = await peer.incomingBidirectionalStreams[Symbol.asyncIterator]().next()
  expect([far?.read(new Uint8Array(20)), far?.read(new Uint8Array(20))]).toEqual([10, -1])
})

test('close() of a stream that the peer stopped rejects, though the reset has long been acknowledged', async () => {
  const stage = new Stage()
  const { environment } = stage
  const { client, peer } = await stage.connected()
  const stream = await client.createBidirectionalStream()
  stream.tryWrite(bytesOf(10))
  await environment.pass(10)
  const { value: far } = await peer.incomingBidirectionalStreams[Symbol.asyncIterator]().next()
  far?.stopSending(9)
  await environment.pass(1000)
  const error = await rejection(stream.close())
  expect(error).toBeInstanceOf(QuicStreamError)
  expect(error).toMatchObject({ code: 9n, side: 'remote' })
  expect(() => stream.tryWrite(bytesOf(1))).toThrow(error as Error)
})
