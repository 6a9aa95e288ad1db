import { expect, test } from 'vitest'
import { altSvc, nodeHandler } from './absent.ts'

test('Where there is no node:http, its applications say so', () => {
  expect(() => nodeHandler(() => {})).toThrow(/^Applications of Node need node:http, .* isoquic\/http3 a handler/)
  expect(() => altSvc({} as Parameters<typeof altSvc>[0])).toThrow(/^Applications of Node need node:http/)
})
