/** Command lines that are wrong: said before a socket is open. */
import { expect, test } from 'vitest'
import { UsageError } from './command.ts'
import { getCommand } from './get.ts'
import { perfCommand } from './perf.ts'
import { serveCommand } from './serve.ts'

test.each([
  [serveCommand, [], 'Say which folder to serve: isoquic serve DIR'],
  [serveCommand, ['a', 'b'], 'Say which folder to serve: isoquic serve DIR'],
  [serveCommand, ['--proxy', 'there'], '--proxy: The origin must be an http:// or https:// URL, got there'],
  [serveCommand, ['.', '--hq', '--proxy', 'http://x'], '--hq serves a folder alone'],
  [serveCommand, ['--hq', '--proxy', 'http://x'], '--hq serves a folder alone'],
  [serveCommand, ['.', '--port', 'x'], '--port must be a number from 0 to 65535, got x'],
  [serveCommand, ['.', '--workers', '0'], '--workers must be a number from 1 to 1024, got 0'],
  [serveCommand, ['.', '--workers', 'all'], '--workers must be a number from 1 to 1024, got all'],
  [getCommand, [], 'Say what to get: isoquic get https://HOST:PORT/PATH'],
  [getCommand, ['https://x', 'https://y', '-o', 'z'], '--output goes with a single URL'],
  [getCommand, ['https://x', '-H', 'a b'], '--header must be "NAME: VALUE", got "a b"'],
  [getCommand, ['https://x', '-H', 'a: b\nc'], '--header must be "NAME: VALUE", got "a: b\\nc"'],
  [
    getCommand,
    ['https://x', '-H', 'a: b', '--hq'],
    'HTTP/0.9 has no fields: --hq goes with neither --header nor --include',
  ],
  [perfCommand, [], 'Say whom to measure with: isoquic perf HOST:PORT'],
  [perfCommand, ['x', '--serve'], 'perf --serve takes no x'],
  [perfCommand, ['x', '--down', 'much'], '--down must be a size such as 500kB or 1GB, got much'],
  [perfCommand, ['x', '--requests=-1'], '--requests must be a number from 0, got -1'],
  [perfCommand, ['x', '--parallel', '0'], '--parallel must be a number from 1, got 0'],
])('%o %j is wrong', async (command, words, message) => {
  await expect(command.run(words)).rejects.toThrow(new UsageError(message))
})
