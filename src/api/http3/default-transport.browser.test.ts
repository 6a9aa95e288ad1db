/** Pages have no UDP, and are told what there is instead. */
import { expect, test } from 'vitest'
import { rejection } from '../pipe.fixtures.ts'
import { createFetch } from './fetch.ts'

test('fetch without a transport says what to use', async () => {
  expect(await rejection(createFetch()('https://server.test/'))).toMatchObject({
    name: 'TypeError',
    message: expect.stringContaining('isoquic/transports/websocket'),
  })
})
