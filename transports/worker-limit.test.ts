import { expect, test } from 'vitest'
import { namedLimit, WorkerLimitError } from './worker-limit.ts'

test.each([
  ['Disallowed operation called within global scope. Asynchronous I/O …', 'global scope'],
  ['Cannot perform I/O on behalf of a different request. I/O objects …', 'one request'],
  ['proxy request failed, cannot connect to the specified address', 'connect'],
  ['Too many subrequests.', 'subrequests'],
  ['Worker exceeded memory limit.', 'memory'],
  ['Worker exceeded CPU time limit.', 'cpu time'],
])('"%s" is the limit on %s', (message, limit) => {
  const cause = new Error(message)
  const error = namedLimit(cause)
  expect(error).toBeInstanceOf(WorkerLimitError)
  expect(error).toMatchObject({ limit, cause })
  expect(String(error)).toContain(`limit of Workers on ${limit}`)
  expect(namedLimit(error)).toBe(error)
})

test('other errors are left as they are', () => {
  const error = new Error('Network connection lost.')
  expect(namedLimit(error)).toBe(error)
  expect(namedLimit('words')).toBe('words')
})
