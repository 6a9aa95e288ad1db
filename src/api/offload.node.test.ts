import { describe, expect, test } from 'vitest'
import { FakeKernel } from '../../transports/offload/kernel.fixtures.ts'
import { Errno } from '../../transports/offload/kernel.ts'
import { bindOffloadSocket } from '../../transports/offload/offload-socket.ts'
import { UdpTransport, udp } from '../../transports/udp.ts'
import { equalBytes } from '../base/bytes.ts'
import { connect } from './client.ts'
import { devCertificate } from './dev.ts'
import { bytesOf } from './pipe.fixtures.ts'
import { listen } from './server.ts'

const SETTINGS = {
  family: 4,
  address: '127.0.0.1',
  port: 0,
  ipv6Only: false,
  reusePort: false,
  receiveBufferSize: 1 << 20,
  sendBufferSize: 1 << 20,
} as const

/** Echoes `bytes` between two transports; `onBytes` hears how many have come back. */
async function echo(near: UdpTransport, far: UdpTransport, bytes: Uint8Array, onBytes = (_count: number): void => {}) {
  const certificate = await devCertificate()
  const server = await listen(far, { alpn: ['echo'], certificate })
  const client = await connect(near, {
    address: far.localAddress,
    alpn: ['echo'],
    serverCertificateHashes: [certificate.hash],
  })
  void (async () => {
    for await (const connection of server)
      for await (const stream of connection.incomingBidirectionalStreams)
        stream.readable.pipeTo(stream.writable).catch(() => {})
  })().catch(() => {})
  const stream = await client.createBidirectionalStream()
  const writer = stream.writable.getWriter()
  const written = writer.write(bytes).then(() => writer.close())
  const back = new Uint8Array(bytes.length)
  let count = 0
  for await (const piece of stream.readable) {
    back.set(piece, count)
    count += piece.length
    onBytes(count)
  }
  await written
  expect(equalBytes(back, bytes)).toBe(true)
  await client.close()
  await server.close()
}

describe('A connection with segmentation offload', () => {
  test('sends whole flights in one call, and is not lost when the kernel refuses in the middle of it', async () => {
    const kernel = new FakeKernel(true)
    const [near, far] = [0, 1].map(() => new UdpTransport(bindOffloadSocket(kernel, SETTINGS), 'ipv4', {}))
    if (near === undefined || far === undefined) throw new Error('There are two')
    expect([near.offload, far.offload]).toEqual(['both', 'both'])
    let runs = 0
    await echo(near, far, bytesOf(2_000_000), (count) => {
      if (count < 500_000) return
      if (kernel.segmentError === 0)
        runs = kernel.sent.filter(({ bytes, segmentSize }) => bytes.length > 8 * segmentSize && segmentSize > 0).length
      kernel.segmentError = Errno.EIO
      // Now and then there is no room, also in the middle of what goes one by one.
      if (!kernel.isFull && count < 1_000_000) {
        kernel.isFull = true
        setTimeout(() => kernel.makeRoom(), 1)
      }
    })
    expect(runs).toBeGreaterThan(10)
    expect([near.offload, far.offload]).toEqual(['receive', 'receive'])
  })

  test('marks its packets for ECN, and goes on with it', async () => {
    const kernel = new FakeKernel(true)
    const [near, far] = [0, 1].map(() => new UdpTransport(bindOffloadSocket(kernel, SETTINGS), 'ipv4', {}))
    if (near === undefined || far === undefined) throw new Error('There are two')
    await echo(near, far, bytesOf(300_000))
    // RFC 9000 §13.4.2: packets are marked no more where the peer's counts do not tell of the marks.
    const marked = kernel.sent.filter(({ ecn }) => ecn === 2).length
    expect(marked).toBeGreaterThan(kernel.sent.length / 2)
  })

  test('of the host, if it has it, moves megabytes with an end that has it and with one that has not', async (context) => {
    const local = { host: '127.0.0.1' }
    const probe = await udp({ ...local, offload: true })
    probe.close()
    if (probe.offload === 'none') context.skip('needs Linux and node:ffi of Node 26')
    for (const [near, far] of [
      ['both', 'both'],
      ['both', 'none'],
      ['none', 'both'],
    ]) {
      const ends = [near, far].map((offload) => udp({ ...local, offload: offload === 'both' }))
      const [client, server] = await Promise.all(ends)
      if (client === undefined || server === undefined) throw new Error('There are two')
      expect([client.offload, server.offload]).toEqual([near, far])
      await echo(client, server, bytesOf(5_000_000))
    }
  })
})
