import { describe, expect, test } from 'vitest'
import { transportSuite } from '../conformance.ts'
import { UdpTransport } from '../udp.ts'
import type { SocketAddress, SocketSettings } from '../udp-socket.ts'
import { FakeKernel } from './kernel.fixtures.ts'
import {
  Errno,
  IP_MTU_DISCOVER,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_MTU_DISCOVER,
  IPV6_RECVTCLASS,
  SOL_UDP,
  UDP_GRO,
  UDP_SEGMENT,
} from './kernel.ts'
import { bindOffloadSocket, type OffloadSocket } from './offload-socket.ts'

const IPV4: SocketSettings = {
  family: 4,
  address: '127.0.0.1',
  port: 0,
  ipv6Only: false,
  reusePort: false,
  receiveBufferSize: 1 << 20,
  sendBufferSize: 1 << 20,
}
const IPV6: SocketSettings = { ...IPV4, family: 6, address: '::' }

type Heard = { length: number; first: number | undefined; from: string; ecn: number; segmentSize: number | undefined }

class End {
  readonly socket: OffloadSocket
  readonly heard: Heard[] = []
  readonly events: string[] = []
  constructor(kernel: FakeKernel, settings: SocketSettings = IPV4) {
    this.socket = bindOffloadSocket(kernel, settings)
    this.socket.listen({
      onMessage: (bytes, { address }, ecn, segmentSize) =>
        this.heard.push({ length: bytes.length, first: bytes[0], from: address, ecn, segmentSize }),
      onDrain: () => this.events.push('drain'),
      onClose: (error) => this.events.push(error === undefined ? 'close' : error.message),
    })
  }
}

/** Two sockets and the kernel they share. */
function pair(settings: SocketSettings = IPV4): { kernel: FakeKernel; near: End; far: End; to: SocketAddress } {
  const kernel = new FakeKernel()
  const near = new End(kernel, settings)
  const far = new End(kernel, settings)
  return {
    kernel,
    near,
    far,
    to: { address: settings.family === 6 ? '::1' : '127.0.0.1', port: far.socket.local.port },
  }
}

/** `count` datagrams of 1,452 bytes, each full of its number, and a short one. */
function flight(count: number, size = 1_452, tail = 100): Uint8Array {
  return Uint8Array.from({ length: count * size + tail }, (_, i) => Math.floor(i / size))
}

for (const [name, settings] of [
  ['IPv4', IPV4],
  ['IPv6', { ...IPV6, address: '::1' }],
] as const) {
  transportSuite(
    `offload over ${name}, with a kernel of the tests`,
    async () => {
      const kernel = new FakeKernel(true)
      const reach = settings.family === 4 ? 'ipv4' : 'ipv6'
      const near = new UdpTransport(bindOffloadSocket(kernel, settings), reach, {})
      const far = new UdpTransport(bindOffloadSocket(kernel, settings), reach, {})
      return { near, far, toFar: far.localAddress, toNear: near.localAddress }
    },
    { describe, test },
  )
}

describe('a flight', () => {
  test('leaves in one call, arrives in one piece, and its last datagram may be short', () => {
    const { kernel, near, far, to } = pair()
    expect(near.socket.offload).toBe('both')
    expect(near.socket.sendBatch(flight(3), 1_452, to, 0)).toBe(true)
    kernel.run()
    expect(kernel.sent.map(({ bytes, segmentSize }) => [bytes.length, segmentSize])).toEqual([[3 * 1_452 + 100, 1_452]])
    expect(far.heard).toEqual([{ length: 3 * 1_452 + 100, first: 0, from: '127.0.0.1', ecn: 0, segmentSize: 1_452 }])
  })

  test('of one datagram is a single one', () => {
    const { kernel, near, far, to } = pair()
    near.socket.sendBatch(flight(0), 1_452, to, 0)
    near.socket.sendBatch(flight(1, 1_452, 0), 1_452, to, 0)
    kernel.run()
    expect(kernel.sent.map(({ segmentSize }) => segmentSize)).toEqual([0, 0])
    expect(far.heard.map(({ length, segmentSize }) => [length, segmentSize])).toEqual([
      [100, undefined],
      [1_452, undefined],
    ])
  })

  test('that is longer than the kernel takes is cut between datagrams', () => {
    const { kernel, near, to } = pair()
    near.socket.sendBatch(flight(64), 1_452, to, 0)
    near.socket.sendBatch(flight(100, 100, 1), 100, to, 0)
    near.socket.sendBatch(flight(2, 40_000, 10), 40_000, to, 0)
    expect(kernel.sent.map(({ bytes, segmentSize }) => [bytes.length, segmentSize])).toEqual([
      [45 * 1_452, 1_452],
      [19 * 1_452 + 100, 1_452],
      [6_400, 100],
      [3_601, 100],
      [40_000, 0],
      [40_000, 0],
      [10, 0],
    ])
    expect(kernel.sent[1]?.bytes[0]).toBe(45)
  })

  test('lies anywhere in any buffer, and goes to whom it is for', () => {
    const { kernel, near, far, to } = pair()
    const third = new End(kernel)
    const arena = new Uint8Array(300_000)
    for (const [at, target] of [
      [0, to],
      [98_304, third.socket.local],
      [196_609, to],
      [98_304, to],
    ] as const) {
      arena.fill((at % 255) + 1, at, at + 3_000)
      near.socket.sendBatch(arena.subarray(at, at + 3_000), 1_200, target, 0)
    }
    near.socket.send(Uint8Array.of(9), to, 0)
    kernel.run()
    expect(far.heard.map(({ first }) => first)).toEqual([1, (196_609 % 255) + 1, (98_304 % 255) + 1, 9])
    expect(third.heard.map(({ first }) => first)).toEqual([(98_304 % 255) + 1])
  })
})

test('bytes that threads share are sent', () => {
  const { kernel, near, far, to } = pair()
  near.socket.send(new Uint8Array(new SharedArrayBuffer(8)).fill(4), to, 0)
  kernel.run()
  expect(far.heard.map(({ length, first }) => [length, first])).toEqual([[8, 4]])
})

describe('ECN', () => {
  test.each([
    ['IPv4', IPV4, '127.0.0.1'],
    ['IPv6', IPV6, '::1'],
    ['IPv4 in IPv6', IPV6, '::ffff:127.0.0.1'],
  ] as const)('bits leave and arrive over %s', (_name, settings, address) => {
    const { kernel, near, far, to } = pair(settings)
    expect(near.socket.ecn).toBe(true)
    near.socket.sendBatch(flight(2), 1_452, { ...to, address }, 2)
    near.socket.send(Uint8Array.of(1), { ...to, address }, 1)
    near.socket.send(Uint8Array.of(2), { ...to, address }, 0)
    near.socket.send(Uint8Array.of(3), { ...to, address }, 3)
    kernel.run()
    expect(kernel.sent.map(({ ecn }) => ecn)).toEqual([2, 1, 0, 3])
    // A fake network without routers: whoever sends from :: sends from there.
    expect(far.heard.map(({ ecn }) => ecn)).toEqual([2, 1, 0, 3])
  })

  test('is not promised where the kernel does not show it', () => {
    const kernel = new FakeKernel()
    kernel.unknownOptions.add(`${IPPROTO_IPV6}/${IPV6_RECVTCLASS}`)
    expect(new End(kernel, IPV6).socket.ecn).toBe(false)
    expect(new End(kernel).socket.ecn).toBe(true)
  })
})

test('datagrams are forbidden to be fragmented', () => {
  const kernel = new FakeKernel()
  new End(kernel, IPV6)
  expect([kernel.option(3, IPPROTO_IP, IP_MTU_DISCOVER), kernel.option(3, IPPROTO_IPV6, IPV6_MTU_DISCOVER)]).toEqual([
    3, 3,
  ])
})

describe('a kernel that refuses', () => {
  test.each([Errno.EIO, Errno.EINVAL, Errno.EOPNOTSUPP])(
    'to cut a flight (%i) gets it one by one, from then on',
    (code) => {
      const { kernel, near, far, to } = pair()
      kernel.segmentError = code
      expect(near.socket.sendBatch(flight(3), 1_452, to, 2)).toBe(true)
      expect(near.socket.offload).toBe('receive')
      kernel.segmentError = 0
      near.socket.sendBatch(flight(1), 1_452, to, 0)
      kernel.run()
      expect(far.heard.map(({ first, length, ecn }) => [first, length, ecn])).toEqual([
        [0, 1_452, 2],
        [1, 1_452, 2],
        [2, 1_452, 2],
        [3, 100, 2],
        [0, 1_452, 0],
        [1, 100, 0],
      ])
    },
  )

  test('datagrams that are too long for the link loses them, and is asked again', () => {
    const { kernel, near, far, to } = pair()
    kernel.mtu = 1_400
    kernel.segmentError = Errno.EINVAL
    expect(near.socket.sendBatch(flight(3), 1_452, to, 0)).toBe(true)
    expect(near.socket.offload).toBe('both')
    kernel.segmentError = 0
    near.socket.sendBatch(flight(3, 1_400), 1_400, to, 0)
    kernel.run()
    expect(far.heard.map(({ length, segmentSize }) => [length, segmentSize])).toEqual([[4_300, 1_400]])
  })

  test('a datagram for another reason has lost it, not the rest', () => {
    const { kernel, near, far, to } = pair()
    kernel.sendResults.push(-101, -1, -105)
    for (let i = 1; i <= 4; i++) expect(near.socket.send(Uint8Array.of(i), to, 0)).toBe(true)
    kernel.run()
    expect(far.heard.map(({ first }) => first)).toEqual([4])
    expect(near.socket.offload).toBe('both')
  })

  test.each([
    ['send', `${SOL_UDP}/${UDP_GRO}`],
    ['receive', `${SOL_UDP}/${UDP_SEGMENT}`],
  ] as const)('one half from the beginning leaves %s', (offload, option) => {
    const kernel = new FakeKernel()
    kernel.unknownOptions.add(option)
    const [near, far] = [new End(kernel), new End(kernel)]
    expect(near.socket.offload).toBe(offload)
    near.socket.sendBatch(flight(20), 1_452, far.socket.local, 0)
    kernel.run()
    expect(far.heard.map(({ first }) => first)).toEqual(Array.from({ length: 21 }, (_, i) => i))
    kernel.unknownOptions.add(`${SOL_UDP}/${UDP_GRO}`).add(`${SOL_UDP}/${UDP_SEGMENT}`)
    expect(new End(kernel).socket.offload).toBe('none')
  })

  test('to bind, or to be watched, leaves no socket behind', () => {
    const kernel = new FakeKernel()
    const { port } = new End(kernel).socket.local
    expect(() => bindOffloadSocket(kernel, { ...IPV4, port })).toThrow('bind EADDRINUSE')
    expect(() => bindOffloadSocket(kernel, { ...IPV4, address: '::1' })).toThrow('bind EINVAL')
    kernel.cannotWatch = true
    expect(() => bindOffloadSocket(kernel, IPV4)).toThrow('Nothing is watched')
    expect([...kernel.openSockets]).toEqual([3])
  })
})

describe('a full kernel', () => {
  test('is told by false, keeps what it was given, and drains once', () => {
    const { kernel, near, far, to } = pair()
    kernel.isFull = true
    expect(near.socket.sendBatch(flight(2), 1_452, to, 2)).toBe(false)
    expect(near.socket.send(Uint8Array.of(77), to, 0)).toBe(false)
    expect(near.socket.sendBatch(flight(1), 1_452, { address: '127.0.0.1', port: 9 }, 0)).toBe(false)
    kernel.run()
    expect(near.events).toEqual([])
    kernel.makeRoom()
    kernel.run()
    expect(near.events).toEqual(['drain'])
    expect(near.socket.send(Uint8Array.of(5), to, 0)).toBe(true)
    kernel.run()
    expect(far.heard.map(({ length, ecn }) => [length, ecn])).toEqual([
      [3_004, 2],
      [1, 0],
    ])
    expect(near.events).toEqual(['drain'])
  })

  test('midway goes on where it stopped, however often', () => {
    const { kernel, near, far, to } = pair()
    kernel.sendResults.push(undefined, -Errno.EAGAIN, -Errno.EAGAIN)
    expect(near.socket.sendBatch(flight(100), 1_452, to, 0)).toBe(false)
    kernel.poll()
    kernel.run()
    expect(near.events).toEqual(['drain'])
    expect(far.heard.map(({ first, length }) => [first, length])).toEqual([
      [0, 65_340],
      [45, 65_340],
      [90, 14_620],
    ])
  })

  test('while flights are refused goes on one by one', () => {
    const { kernel, near, far, to } = pair()
    kernel.segmentError = Errno.EIO
    kernel.sendResults.push(undefined, -Errno.EAGAIN, -Errno.EAGAIN)
    expect(near.socket.sendBatch(flight(2), 1_452, to, 0)).toBe(false)
    kernel.poll()
    kernel.run()
    expect(far.heard.map(({ first }) => first)).toEqual([0, 1, 2])
    expect(near.events).toEqual(['drain'])
  })

  test('that is left by close drains no more', () => {
    const { kernel, near, to } = pair()
    kernel.isFull = true
    near.socket.sendBatch(flight(2), 1_452, to, 0)
    near.socket.close()
    kernel.makeRoom()
    kernel.run()
    expect(near.events).toEqual(['close'])
    expect(kernel.sent).toEqual([])
  })
})

describe('receiving', () => {
  test('gives others their turn', () => {
    const { kernel, near, far, to } = pair()
    for (let i = 0; i < 20; i++) near.socket.sendBatch(flight(45, 1_452, 0), 1_452, to, 0)
    kernel.turn()
    const once = far.heard.length
    expect(once).toBeLessThan(20)
    kernel.run()
    expect(far.heard).toHaveLength(20)
    for (let i = 0; i < 1_000; i++) near.socket.send(Uint8Array.of(1), to, 0)
    kernel.turn()
    expect(far.heard.length).toBeLessThan(1_020)
    kernel.run()
    expect(far.heard).toHaveLength(1_020)
  })

  test('asks for few long trains and for many small datagrams', () => {
    const { kernel, near, to } = pair()
    for (let i = 0; i < 20; i++) near.socket.sendBatch(flight(45, 1_452, 0), 1_452, to, 0)
    kernel.run()
    expect(kernel.asked.at(-1)).toBe(4)
    for (let i = 0; i < 20; i++) near.socket.send(Uint8Array.of(1), to, 0)
    kernel.run()
    expect(kernel.asked.at(-1)).toBe(16)
  })

  test('survives errors that pass', () => {
    const { kernel, near, far, to } = pair()
    kernel.receiveResults.push(-111, -Errno.EINTR, -12)
    near.socket.send(Uint8Array.of(7), to, 0)
    kernel.run()
    expect(far.heard.map(({ first }) => first)).toEqual([7])
  })

  test.each([
    ['that ends it', -Errno.EBADF, 1, 'recvmmsg EBADF'],
    ['that does not pass', -12, 100, 'recvmmsg ENOMEM'],
  ])('closes with an error %s', (_name, result, count, message) => {
    const kernel = new FakeKernel()
    const end = new End(kernel)
    kernel.receiveResults.push(...Array.from({ length: count }, () => result))
    kernel.poll()
    kernel.run()
    expect(end.events).toEqual([message])
  })

  test('stops within a train of messages when it is closed', () => {
    const kernel = new FakeKernel()
    const near = new End(kernel)
    const socket = bindOffloadSocket(kernel, IPV4)
    const events: string[] = []
    socket.listen({
      onMessage() {
        events.push('message')
        socket.close()
        socket.close()
      },
      onDrain() {},
      onClose: () => events.push('close'),
    })
    for (let i = 0; i < 40; i++) near.socket.send(Uint8Array.of(i), socket.local, 0)
    kernel.run()
    expect(events).toEqual(['message', 'close'])
    expect([...kernel.openSockets]).toEqual([3])
    expect(socket.send(Uint8Array.of(1), near.socket.local, 0)).toBe(true)
    near.socket.close()
    kernel.run()
    expect([...kernel.openSockets]).toEqual([])
  })

  test('begins with what came before anybody listened', () => {
    const kernel = new FakeKernel()
    const near = new End(kernel)
    const socket = bindOffloadSocket(kernel, IPV4)
    near.socket.send(Uint8Array.of(3), socket.local, 0)
    kernel.run()
    const heard: number[] = []
    socket.listen({ onMessage: ({ length }) => heard.push(length), onDrain() {}, onClose() {} })
    kernel.run()
    expect(heard).toEqual([1])
  })

  test('goes on when a listener detaches the memory it was shown', () => {
    const kernel = new FakeKernel()
    const near = new End(kernel)
    const socket = bindOffloadSocket(kernel, IPV4)
    const heard: (number | undefined)[] = []
    socket.listen({
      onMessage(bytes) {
        heard.push(bytes[0])
        structuredClone(bytes.buffer, { transfer: [bytes.buffer as ArrayBuffer] })
      },
      onDrain() {},
      onClose() {},
    })
    for (let i = 1; i <= 3; i++) {
      near.socket.send(Uint8Array.of(i), socket.local, 0)
      near.socket.send(Uint8Array.of(10 * i), socket.local, 0)
      kernel.run()
    }
    // What lay in the same memory is lost.
    expect(heard).toEqual([1, 2, 3])
  })

  test('names senders of both families', () => {
    const kernel = new FakeKernel()
    const six = new End(kernel, IPV6)
    const four = new End(kernel)
    const other = new End(kernel, { ...IPV6, address: '::1' })
    for (const end of [four, other, four])
      end.socket.send(Uint8Array.of(1), { ...six.socket.local, address: end === four ? '127.0.0.1' : '::1' }, 0)
    kernel.run()
    expect(six.heard.map(({ from }) => from)).toEqual(['::ffff:127.0.0.1', '::1', '::ffff:127.0.0.1'])
  })

  test('drops what does not fit, and sizes that make no sense', () => {
    const { kernel, near, far, to } = pair()
    const receive = kernel.receive.bind(kernel)
    let change = (_view: DataView): void => {}
    kernel.receive = (fd, messages, count) => {
      const got = receive(fd, messages, count)
      if (got > 0) change(new DataView(messages.buffer))
      return got
    }
    for (const flags of [0x20, 0x08]) {
      change = (view) => view.setUint32(48, flags, true)
      near.socket.sendBatch(flight(2), 1_452, to, 0)
      kernel.run()
    }
    expect(far.heard).toEqual([])
    // The first control message of a socket that shows ECN is that of ECN; a length beyond all bounds ends the list.
    change = (view) => view.setUint32(40, 0xffff_ffff, true)
    near.socket.sendBatch(flight(2), 1_452, to, 0)
    kernel.run()
    change = (view) => view.setUint32(56, 0xffff_ffff, true)
    near.socket.sendBatch(flight(2), 1_452, to, 0)
    kernel.run()
    expect(far.heard.map(({ length, segmentSize }) => [length, segmentSize])).toEqual([
      [3_004, 1_452],
      [65_536, 1_452],
    ])
  })
})
