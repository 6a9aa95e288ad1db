import { expect, test } from 'vitest'
import { SeededRandom } from '../../src/simulator.ts'
import type { Controller } from './controllers.ts'
import { Exchange } from './exchange.ts'
import { Pattern } from './pattern.ts'
import { replayed } from './replay.ts'

const cubic: Controller = { name: 'cubic', algorithm: 'cubic' }

function exchange(): Exchange {
  return new Exchange(new SeededRandom(9, 'exchange'), cubic)
}

test('an exchange takes as long as its last answer, and leaves nothing', () => {
  const run = exchange()
  const client = run.connect()
  run.dialogues.ask(client, 100, 100)
  const slow = run.dialogues.ask(client, 100, 200_000)
  expect(run.finish()).toBe((slow.completedAt ?? 0) - run.begunAt)
  expect(run.dialogues.unsettled).toBe(0)
})

test('an exchange tells of an answer that never comes, with its seed', () => {
  const run = exchange()
  run.dialogues.ask(run.connect(), 100, 10_000)
  run.pair.link.down()
  expect(() => run.finish()).toThrow(
    /^With ISOQUIC_SEED=9 at .* ms: The transfer did not end under cubic: client closed, idle-timeout; .*; answers 0 of 10000; 2 reads and writes wait$/,
  )
})

test('an exchange passes on what an application throws', () => {
  const run = exchange()
  run.dialogues.ask(run.connect(), 1, 1)
  run.complete()
  run.onEvent = (_side, _connection, { type }) => {
    if (type === 'stream-send-finished') throw new Error('broken application')
  }
  run.dialogues.ask(run.pair.client.connections[0] ?? run.connect(), 1, 1)
  expect(() => run.finish()).toThrow(/^With ISOQUIC_SEED=9 at .* ms: broken application$/)
})

test('a wrong byte, and one in the wrong place, are found', () => {
  const pattern = new Pattern()
  const bytes = pattern.at(4, 1000, 50).slice()
  pattern.check(4, 1000, bytes)
  expect(() => pattern.check(4, 1001, bytes)).toThrow(/^Stream 2 has a wrong byte at 10\d\d$/)
  expect(() => pattern.check(5, 1000, bytes)).toThrow('wrong byte')
  bytes[7] = (bytes[7] ?? 0) ^ 1
  expect(() => pattern.check(4, 1000, bytes)).toThrow('Stream 2 has a wrong byte at 1007')
})

test('a failure says how to have it again', () => {
  const broken = {
    name: 'broken',
    run: (): number => {
      throw new Error('With ISOQUIC_SEED=3: it broke')
    },
  }
  expect(() => replayed(broken, 3, cubic)).toThrow(
    /^With ISOQUIC_SEED=3: it broke\nbroken, again: ISOQUIC_SEED=3 npm run simulate -- --only broken --controller cubic$/,
  )
})
