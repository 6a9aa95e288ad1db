import { describe, expect, test } from 'vitest'
import type { DatagramSink } from '../src/transport.ts'
import { type TransportPair, transportSuite } from './conformance.ts'
import { type MessagePortLike, messagePort } from './message-port.ts'

async function pairOf(): Promise<TransportPair> {
  const { port1, port2 } = new MessageChannel()
  return { near: messagePort(port1), far: messagePort(port2), toFar: '', toNear: '' }
}

transportSuite('a MessagePort', pairOf, { describe, test })

describe('a MessagePort', () => {
  test('from which anything may come delivers datagrams alone', () => {
    const listeners: ((event: { data?: unknown }) => void)[] = []
    const port: MessagePortLike = {
      postMessage() {},
      close() {},
      addEventListener: (type, listener) => void (type === 'message' && listeners.push(listener)),
    }
    const heard: number[][] = []
    const sink: DatagramSink = { datagram: (bytes) => heard.push([...bytes]), drain() {}, closed() {} }
    messagePort(port).open(sink)
    for (const data of [
      undefined,
      5,
      'text',
      {},
      { bytes: 'x', segmentSize: 1 },
      { bytes: Uint8Array.of(1), segmentSize: 0 },
    ]) {
      for (const listener of listeners) listener({ data })
    }
    for (const listener of listeners) listener({ data: { bytes: Uint8Array.of(7), segmentSize: 1 } })
    expect(heard).toEqual([[7]])
  })

  test('takes sizes within bounds', () => {
    const { port1 } = new MessageChannel()
    expect(() => messagePort(port1, { maxDatagramSize: 1199 })).toThrow('maxDatagramSize must be from 1200')
    expect(() => messagePort(port1, { queueLength: 0 })).toThrow('queueLength must be at least 1')
    port1.close()
  })
})
