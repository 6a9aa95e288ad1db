/** More bytes than any window holds, there and back. */
import { expect, test } from 'vitest'
import { bytesOf, readAll, writeAll } from '../../pipe.fixtures.ts'
import { echo, SessionStage } from '../stage.fixtures.ts'

test('a megabyte and a half on each of two streams comes back whole', async () => {
  const stage = new SessionStage()
  await stage.serve(echo)
  const session = await stage.connect()
  const content = bytesOf(1_500_000)
  const each = async (): Promise<void> => {
    const { readable, writable } = await session.createBidirectionalStream()
    const [back] = await Promise.all([readAll(readable), writeAll(writable, content)])
    expect(back.length).toBe(content.length)
    expect(back.every((byte, index) => byte === content[index])).toBe(true)
  }
  await stage.environment.until(Promise.all([each(), each()]))
})
