import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { fromHex, toHex } from '../../src/base/bytes.ts'
import { MemorySocket } from '../../transports/websocket.fixtures.ts'
import { websocket } from '../../transports/websocket.ts'

const page = readFileSync(fileURLToPath(new URL('../../docs/connect-udp-over-websocket.md', import.meta.url)), 'utf8')

/** The rows of the table of vectors: a message, and what it gives. */
const vectors = [...page.slice(page.indexOf('## 6.')).matchAll(/^\| (?:`([0-9a-f]*)` )?\|(.*)\|$/gm)].filter(
  ([row]) => !/^\|(?:---| message)/.test(row),
)

test('the page has vectors', () => {
  expect(vectors.length).toBeGreaterThan(8)
})

test.each(vectors.map(([, message = '', result = '']) => [message, result.trim()] as const))(
  'the message %s gives what the page says: %s',
  async (message, result) => {
    const [socket] = MemorySocket.pair()
    const transport = await websocket({ socket })
    const heard: string[] = []
    const ends: unknown[] = []
    transport.open({ datagram: (bytes) => heard.push(toHex(bytes)), drain() {}, closed: (error) => ends.push(error) })
    socket.receive(fromHex(message).slice().buffer)
    const expected = result === '(empty)' ? [''] : [...result.matchAll(/`([0-9a-f]+)`/g)].map(([, hex]) => hex)
    expect(heard).toEqual(expected)
    expect(ends.length).toBe(result === 'error' ? 1 : 0)
    expect(socket.closedWith?.code).toBe(result === 'error' ? 4002 : undefined)
  },
)
