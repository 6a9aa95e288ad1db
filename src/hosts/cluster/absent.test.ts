import { expect, test } from 'vitest'
import { joinCluster, processes, serveCluster, threads } from './absent.ts'

test('Where there are no workers of Node, a cluster says so', async () => {
  const words = /^A cluster needs the threads or processes of Node/
  expect(() => threads('x')).toThrow(words)
  expect(() => processes('x')).toThrow(words)
  await expect(serveCluster({ start: () => Promise.reject() as never })).rejects.toThrow(words)
  await expect(joinCluster()).rejects.toThrow(words)
})
