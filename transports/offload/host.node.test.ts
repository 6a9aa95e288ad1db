import { execFile } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'
import { describe, expect, test } from 'vitest'
import { type TransportPair, transportSuite } from '../conformance.ts'
import { type UdpOptions, type UdpTransport, udp } from '../udp.ts'

const LOCAL: UdpOptions = { host: '127.0.0.1', offload: true }

const probe = await udp(LOCAL)
const { offload } = probe
probe.close()
const ipv6 = await udp({ host: '::1' }).then(
  (transport) => {
    transport.close()
    return true
  },
  () => false,
)

async function pairOf(options: UdpOptions, farOptions: UdpOptions, host: string): Promise<TransportPair> {
  const [near, far] = [await udp({ offload: true, ...options }), await udp({ offload: true, ...farOptions })]
  return { near, far, toFar: `${host}:${far.port}`, toNear: `${host}:${near.port}` }
}

interface Heard {
  readonly bytes: Uint8Array
  readonly from: string
  readonly ecn: number | undefined
}

/** Resolves with the first `count` datagrams, and how many pieces they came in. */
function datagramsOf(transport: UdpTransport, count: number): Promise<{ heard: Heard[]; pieces: number }> {
  const heard: Heard[] = []
  let pieces = 0
  return new Promise((resolve) => {
    transport.open({
      datagram(bytes, from, ecn, segmentSize = bytes.length) {
        pieces += 1
        for (let at = 0; at < bytes.length; at += segmentSize)
          heard.push({ bytes: Uint8Array.from(bytes.subarray(at, at + segmentSize)), from, ecn })
        if (heard.length >= count) resolve({ heard, pieces })
      },
      drain() {},
      closed() {},
    })
  })
}

/** Runs a script in a process of its own; what it printed. */
async function runScript(script: string, ...flags: string[]): Promise<string> {
  const udpModule = new URL('../udp.ts', import.meta.url).href
  const head = `const { udp } = await import(${JSON.stringify(udpModule)})
    const transport = await udp({ host: '127.0.0.1', offload: true })
    const peer = await udp({ host: '127.0.0.1', offload: true })
    const bytes = new Uint8Array(20_000)
    const flood = () => { for (let i = 0; i < 20; i++) peer.sendBatch(bytes, 1_200, transport.localAddress, 0) }
    `
  const run = promisify(execFile)
  const args = [...flags, '--input-type=module', '--eval', head + script]
  return (await run(process.execPath, args, { timeout: 20_000 })).stdout.trim()
}

test('without foreign functions the socket is as without offload', async () => {
  const off = await udp({ host: '127.0.0.1' })
  expect([off.offload, off.properties.ecn]).toEqual(['none', false])
  off.close()
  const flags = [['--no-experimental-ffi'], ['--permission', '--allow-fs-read=*', '--allow-net']]
  for (const without of offload === 'none' ? [] : flags) {
    const script = 'console.log(transport.offload); transport.close(); peer.close()'
    expect(await runScript(script, ...without)).toBe('none')
  }
})

test.runIf(offload !== 'none')('a port in use is a rejection', async () => {
  const transport = await udp(LOCAL)
  await expect(udp({ ...LOCAL, port: transport.port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  transport.close()
})

describe.skipIf(offload === 'none')(`offload of this host (${offload}; needs Linux and node:ffi of Node 26)`, () => {
  const runner = { describe, test }
  transportSuite('over IPv4', () => pairOf(LOCAL, LOCAL, '127.0.0.1'), runner)
  transportSuite('from every address to IPv4', () => pairOf({}, LOCAL, '127.0.0.1'), runner)
  transportSuite('to a socket without', () => pairOf(LOCAL, { ...LOCAL, offload: false }, '127.0.0.1'), runner)
  // The longest that the loopback of Linux, with an MTU of 65,536, carries in one piece.
  const six: UdpOptions = { host: '::1', maxDatagramSize: 65_488 }
  if (ipv6) transportSuite('over IPv6', () => pairOf(six, six, '[::1]'), runner)

  test.each(ipv6 ? [['127.0.0.1'], ['::1'], [undefined]] : [['127.0.0.1']])(
    'a flight to %s comes whole and marked',
    async (host) => {
      const far = await udp({ ...(host !== undefined && { host }), offload: true })
      const near = await udp(host === undefined ? LOCAL : { host, offload: true })
      expect(near.properties.ecn).toBe(true)
      const bytes = Uint8Array.from({ length: 60 * 1_452 + 100 }, (_, i) => Math.floor(i / 1_452))
      const arrived = datagramsOf(far, 62)
      near.sendBatch(bytes, 1_452, host === '::1' ? `[::1]:${far.port}` : `127.0.0.1:${far.port}`, 2)
      near.send(Uint8Array.of(99), host === '::1' ? `[::1]:${far.port}` : `127.0.0.1:${far.port}`, 3)
      const { heard, pieces } = await arrived
      expect(heard.map(({ bytes: [first] }) => first)).toEqual([...Array.from({ length: 61 }, (_, i) => i), 99])
      expect(heard.map(({ bytes: { length } }) => length)).toEqual([...Array(60).fill(1_452), 100, 1])
      expect(heard.map(({ ecn }) => ecn)).toEqual([...Array(61).fill(2), 3])
      expect(new Set(heard.map(({ from }) => from))).toEqual(new Set([near.localAddress]))
      if (offload === 'both') expect(pieces).toBeLessThanOrEqual(4)
      near.close()
      far.close()
    },
  )

  test('sockets that are closed leave no descriptors', async () => {
    const count = (): number => readdirSync('/proc/self/fd').length
    const before = count()
    for (let i = 0; i < 50; i++) {
      const transport = await udp(LOCAL)
      if (i % 2 === 0) transport.open({ datagram() {}, drain() {}, closed() {} })
      transport.close()
    }
    expect(count()).toBeLessThanOrEqual(before + 2)
  })

  test('an open socket keeps its process alive, a closed one does not', async () => {
    const script = `transport.open({ datagram() { console.log('heard'); transport.close(); peer.close() }, drain() {}, closed() {} })
      process.on('exit', () => console.log('exit'))
      setTimeout(() => peer.send(new Uint8Array(9), transport.localAddress, 0), 50).unref()`
    expect(await runScript(script)).toBe('heard\nexit')
  })

  test.each([
    ['ends', 'flood(); process.exit(0)'],
    ['ends within a datagram', 'flood(); transport.open({ datagram() { process.exit(0) }, drain() {}, closed() {} })'],
    [
      'ends by an error of a sink',
      `flood(); transport.open({ datagram() { setImmediate(() => { process.exit(0) }); throw new Error('No') }, drain() {}, closed() {} })`,
    ],
  ])('a process may %s while datagrams wait', async (_name, script) => {
    expect(await runScript(`process.on('exit', () => console.log('exit')); ${script}`)).toBe('exit')
  })

  test('what a sink leaves to microtasks runs before the next turn', async () => {
    const [near, far] = [await udp(LOCAL), await udp(LOCAL)]
    const order: string[] = []
    await new Promise<void>((resolve) => {
      far.open({
        datagram() {
          queueMicrotask(() => order.push('microtask'))
          setImmediate(() => {
            order.push('turn')
            resolve()
          })
        },
        drain() {},
        closed() {},
      })
      near.send(Uint8Array.of(1), far.localAddress, 0)
    })
    expect(order).toEqual(['microtask', 'turn'])
    near.close()
    far.close()
  })

  test('a worker thread of Node, which may be terminated at any time, goes without', async () => {
    const worker = new Worker(
      `import('node:worker_threads').then(async ({ parentPort, workerData }) => {
        const { udp } = await import(workerData)
        const transport = await udp({ host: '127.0.0.1', offload: true })
        parentPort.postMessage(transport.offload)
      })`,
      { eval: true, workerData: fileURLToPath(new URL('../udp.ts', import.meta.url)) },
    )
    expect(await new Promise((resolve) => worker.once('message', resolve))).toBe('none')
    await worker.terminate()
  })
})
