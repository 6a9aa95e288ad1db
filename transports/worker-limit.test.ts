import { describe, expect, test } from 'vitest'
import type { DatagramSink, DatagramTransport } from '../src/transport.ts'
import { TunnelTransport } from './byte-stream.ts'
import { MemorySocket } from './websocket.fixtures.ts'
import { websocket } from './websocket.ts'
import { namedLimit, WorkerLimitError } from './worker-limit.ts'
import { workerdUdp } from './workerd-udp.ts'

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

describe('a transport that meets a limit ends with its name:', () => {
  const refusal = new Error('Cannot perform I/O on behalf of a different request. I/O objects …')

  /** How `transport` ends once something is sent. */
  function endOf(transport: DatagramTransport): Promise<unknown> {
    return new Promise((resolve) => {
      const sink: DatagramSink = { datagram() {}, drain() {}, closed: resolve }
      transport.open(sink)
      transport.send(new Uint8Array(1200), '', 0)
    })
  }

  const writable = <Chunk>(): WritableStream<Chunk> =>
    new WritableStream<Chunk>({
      write() {
        throw refusal
      },
    })

  test('a TCP socket of another request', async () => {
    const stream = { readable: new ReadableStream<Uint8Array>(), writable: writable<Uint8Array>() }
    const transport = new TunnelTransport({ proxy: 'http://proxy.example' }, () => stream)
    transport.attach(stream, stream.readable.getReader(), stream.writable.getWriter())
    expect(await endOf(transport)).toMatchObject({ limit: 'one request', cause: refusal })
  })

  test.each(['isoquic.connect-udp.v1', 'isoquic.raw.v1'])('a WebSocket of another request, %s', async (protocol) => {
    const [socket] = MemorySocket.pair(protocol)
    socket.send = () => {
      throw refusal
    }
    expect(await endOf(await websocket({ socket }))).toMatchObject({ limit: 'one request', cause: refusal })
  })

  class Datagram {
    readonly data: Uint8Array
    constructor(data: Uint8Array) {
      this.data = data
    }
  }

  test('a UDP flow of another request, and one that workerd ends', async () => {
    const close = async (): Promise<undefined> => undefined
    const readable = new ReadableStream<Datagram>()
    const other = workerdUdp({ protocol: 'udp', readable, writable: writable<Datagram>(), close }, { Datagram })
    expect(await endOf(other)).toMatchObject({ limit: 'one request', cause: refusal })
    const ended = new ReadableStream<Datagram>({ start: (controller) => controller.close() })
    const flow = workerdUdp({ protocol: 'udp', readable: ended, writable: new WritableStream(), close }, { Datagram })
    expect(await endOf(flow)).toMatchObject({ limit: 'udp flow' })
  })
})
