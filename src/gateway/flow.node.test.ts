import type { Socket } from 'node:dgram'
import { EventEmitter } from 'node:events'
import { describe, expect, test } from 'vitest'
import { Flow } from './flow.ts'
import { Share } from './limits.ts'

/** A socket whose kernel is busy at times: then it keeps the very bytes that it was given. */
class FakeSocket extends EventEmitter {
  queued = 0
  readonly sent: Uint8Array[] = []

  send(bytes: Uint8Array): void {
    this.sent.push(this.queued === 0 ? Uint8Array.from(bytes) : bytes)
  }

  getSendQueueCount(): number {
    return this.queued
  }

  close(): void {}
}

function flow(): { readonly socket: FakeSocket; readonly flow: Flow; readonly down: number[][] } {
  const socket = new FakeSocket()
  const down: number[][] = []
  const share = new Share([])
  return {
    socket,
    down,
    flow: new Flow(
      {
        socket: socket as unknown as Socket,
        channel: { bufferedAmount: 0, send: (bytes) => void down.push([...bytes]), close() {} },
        share,
        isKnown: false,
        onAnswered() {},
        onEnded() {},
      },
      { quicOnly: false, idleTimeout: 1e6, answerTimeout: 1e6, unansweredLimit: 99, maxBuffered: 1e6, now: () => 0 },
    ),
  }
}

describe('The bytes of a payload', () => {
  test('are the caller’s again when the call returns', () => {
    const { flow: one, socket } = flow()
    const payload = Uint8Array.of(1, 2, 3)
    one.receive(payload)
    payload.fill(9)
    one.receive(Uint8Array.of(4, 5))
    expect(socket.sent.map((bytes) => [...bytes])).toEqual([
      [1, 2, 3],
      [4, 5],
    ])
    one.end(undefined)
  })

  test('stay as they are while the socket waits with them', () => {
    const { flow: one, socket } = flow()
    socket.queued = 1
    for (let index = 0; index < 4; index++) one.receive(Uint8Array.of(index, index))
    socket.queued = 0
    one.receive(Uint8Array.of(7, 7))
    expect(socket.sent.map((bytes) => [...bytes])).toEqual([
      [0, 0],
      [1, 1],
      [2, 2],
      [3, 3],
      [7, 7],
    ])
    one.end(undefined)
  })

  test('may be as many as a datagram holds', () => {
    const { flow: one, socket } = flow()
    for (const length of [10, 65_527, 1400]) one.receive(new Uint8Array(length).fill(length))
    expect(socket.sent.map((bytes) => bytes.length)).toEqual([10, 65_527, 1400])
    one.end(undefined)
  })

  test.skipIf(!('transfer' in ArrayBuffer.prototype))(
    'of an answer are given back once the client has been sent them',
    () => {
      const { flow: one, socket, down } = flow()
      one.receive(Uint8Array.of(1))
      const answer = Uint8Array.of(5, 6)
      socket.emit('message', answer)
      expect(down).toEqual([[5, 6]])
      expect(answer).toHaveLength(0)
      one.end(undefined)
    },
  )
})
