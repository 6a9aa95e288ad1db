/** What is no buffer is no datagram. */
import { expect, test } from 'vitest'
import { rejection } from '../../pipe.fixtures.ts'
import { SessionStage } from '../stage.fixtures.ts'

test.each([
  ['null', null],
  ['undefined', undefined],
  ['a number', 7],
  ['a string', 'text'],
  ['an object', {}],
])('%s', async (_, chunk) => {
  const stage = new SessionStage()
  const { session } = await stage.connected()
  const writer = session.datagrams.createWritable().getWriter()
  writer.closed.catch(() => {})
  expect(await stage.environment.until(rejection(writer.write(chunk as unknown as Uint8Array)))).toBeInstanceOf(
    TypeError,
  )
  session.close()
})
