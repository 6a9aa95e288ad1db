/** Limits that begin with nothing, and what is said where there is no credit (RFC 9000 §4.1, §4.2). */
import { describe, expect, test } from 'vitest'
import { FrameType } from '../wire/frame.ts'
import { makePair, pattern, settle, type TestPacket } from './packets.fixtures.ts'

const typesOf = (packets: readonly TestPacket[]): number[] =>
  packets.flatMap(({ frames }) => frames.map(({ type }) => type))

describe('A limit of 0', () => {
  //= rfc9000#4.2-p5-1
  test.each([
    ['of the connection', { initialMaxData: 0 }],
    ['of streams that the peer opens', { initialMaxStreamDataBidiRemote: 0, initialMaxStreamDataUni: 0 }],
    ['of all', { initialMaxData: 0, initialMaxStreamDataBidiRemote: 0, initialMaxStreamDataUni: 0 }],
  ])('%s grows as any other', (_name, limits) => {
    const { client, server } = makePair({ server: limits })
    for (const direction of ['bidirectional', 'unidirectional'] as const) {
      const send = client.set.open(direction)?.send
      let written = 0
      let read = 0
      const into = new Uint8Array(100_000)
      for (let round = 0; read < 300_000 && round < 200; round++) {
        written += send?.write(pattern(300_000).subarray(written)) ?? 0
        settle(client, server, 1000 * round)
        for (let half = server.set.get(send?.id ?? -1)?.receive; ; ) {
          const length = half?.read(into) ?? 0
          if (length <= 0) break
          read += length
          half = server.set.get(send?.id ?? -1)?.receive
        }
      }
      expect([direction, read]).toEqual([direction, 300_000])
    }
  })

  test.each([
    ['a byte', (send) => send.write(pattern(1))],
    ['the end', (send) => send.finish()],
    ['a reset', (send) => send.reset(1n)],
  ] as const satisfies readonly (readonly [
    string,
    (send: NonNullable<ReturnType<typeof opened>['send']>) => unknown,
  ])[])('of streams that we open is raised with the first frame, not before: %s', (_name, act) => {
    const { client, server, stream, send } = opened()
    expect(client.set.wantsToSend).toBe(false)
    act(send)
    settle(client, server)
    const half = server.set.get(stream.id)?.send
    expect(half?.write(pattern(5000))).toBe(5000)
    settle(client, server)
    expect(stream.receive?.readableBytes).toBe(5000)
  })

  test('that may not grow stays', () => {
    const { client, server } = makePair({ server: { initialMaxStreamDataUni: 0, maxReceiveWindow: 7 } })
    client.set.open('unidirectional')?.send?.write(pattern(50))
    settle(client, server)
    expect(server.set.get(2)?.receive?.bytesReceived).toBe(7)
  })
})

function opened() {
  const { client, server } = makePair({ client: { initialMaxStreamDataBidiLocal: 0 } })
  const stream = client.set.open('bidirectional')
  if (stream?.send === undefined) throw new Error('No stream')
  return { client, server, stream, send: stream.send }
}

//= rfc9000#4.1-p10-1
test('Who comes when the credit of the connection is used up says that it is blocked, once for each limit', () => {
  const { client } = makePair({ server: { initialMaxData: 100 } })
  const [first, second] = [client.set.open('unidirectional'), client.set.open('unidirectional')]
  first?.send?.write(pattern(100))
  // All that there was has been sent, so nobody was blocked.
  expect(typesOf(client.flush())).toEqual([FrameType.stream])
  second?.send?.write(pattern(1))
  first?.send?.write(pattern(1))
  const packets = client.flush()
  expect(packets.flatMap(({ frames }) => frames)).toEqual([{ type: FrameType.dataBlocked, limit: 100 }])
  client.set.onMaxData({ type: FrameType.maxData, maximum: 102 })
  expect(typesOf(client.flush())).toEqual([FrameType.stream, FrameType.stream])
  second?.send?.write(pattern(1))
  expect(typesOf(client.flush())).toEqual([FrameType.dataBlocked])
})
