/** The conformance suite over the sockets of Bun or Deno, with a runner of a few lines: `bun sockets.ts`, `deno run -A --unstable-net sockets.ts`. */

import type { DatagramTransport } from '../../src/transport.ts'
import { bunUdp } from '../../transports/bun.ts'
import { type TestRunner, type TransportPair, transportSuite } from '../../transports/conformance.ts'
import { denoUdp } from '../../transports/deno.ts'
import { udp } from '../../transports/udp.ts'

const isBun = 'Bun' in globalThis
const bind: () => Promise<DatagramTransport> = isBun
  ? () => bunUdp({ host: '127.0.0.1' })
  : () => denoUdp({ host: '127.0.0.1' })
const tests: [string, () => Promise<void>][] = []
const runner: TestRunner = {
  describe: (_name, body) => body(),
  test: (name, body) => void tests.push([name, body]),
}

async function pair(): Promise<TransportPair> {
  const [near, far] = [await bind(), await bind()]
  return { near, far, toFar: far.localAddress, toNear: near.localAddress }
}

transportSuite(isBun ? 'sockets of Bun' : 'sockets of Deno', pair, runner)

if (isBun) {
  const connectedPair = async (): Promise<TransportPair> => {
    const far = await bind()
    const near = await bunUdp({ host: '127.0.0.1', connect: far.localAddress })
    return { near, far, toFar: far.localAddress, toNear: near.localAddress }
  }
  transportSuite('connected sockets of Bun', connectedPair, runner)
}

const offloading = { host: '127.0.0.1', offload: true }

if (process.platform === 'linux') {
  const offloadingPair = async (): Promise<TransportPair> => {
    const [near, far] = [await udp(offloading), await udp(offloading)]
    return { near, far, toFar: far.localAddress, toNear: near.localAddress }
  }
  transportSuite('segmentation offload', offloadingPair, runner)
  runner.test('segmentation offload is there, moves a flight in few pieces, and lets go of its sockets', async () => {
    for (let round = 0; round < 20; round++) {
      const [near, far] = [await udp(offloading), await udp(offloading)]
      if (near.offload !== 'both' || !near.properties.ecn) throw new Error(`Offload is ${near.offload}`)
      let [bytes, pieces] = [0, 0]
      await new Promise<void>((resolve, reject) => {
        far.open({
          datagram(piece, from, ecn, segmentSize) {
            bytes += piece.length
            pieces += 1
            if (ecn !== 2 || segmentSize !== 1_452 || from !== near.localAddress)
              reject(new Error(`Got ${ecn} ${segmentSize} ${from}`))
            if (bytes === 92_928) resolve()
          },
          drain() {},
          closed() {},
        })
        near.sendBatch(new Uint8Array(92_928), 1_452, far.localAddress, 2)
      })
      if (pieces > 4) throw new Error(`${pieces} pieces`)
      near.close()
      far.close()
    }
  })
}

/** The first bytes of what a transport hears. */
function heardBy(transport: DatagramTransport): number[] {
  const heard: number[] = []
  transport.open({ datagram: ([first = -1]) => void heard.push(first), drain() {}, closed() {} })
  return heard
}

runner.test('a peer that is gone costs others nothing', async () => {
  const [gone, { near, far, toFar }] = [await bind(), await pair()]
  heardBy(near)
  const heard = heardBy(far)
  heardBy(gone)
  gone.close()
  for (let round = 0; round < 5; round++) {
    near.send(Uint8Array.of(0), gone.localAddress, 0)
    for (let byte = 1; byte <= 8; byte++) near.send(Uint8Array.of(byte), toFar, 0)
    near.send(Uint8Array.of(0), gone.localAddress, 0)
    near.sendBatch?.(Uint8Array.of(9, 10), 1, toFar, 0)
    while (heard.at(-1) !== (near.sendBatch === undefined ? 8 : 10))
      await new Promise((resolve) => setTimeout(resolve, 1))
    const expected = near.sendBatch === undefined ? '1,2,3,4,5,6,7,8' : '1,2,3,4,5,6,7,8,9,10'
    if (heard.splice(0).join() !== expected) throw new Error('Something was lost')
  }
  near.close()
  far.close()
})

if (isBun) {
  runner.test('a connected socket reaches one peer alone, and resolves to no other', async () => {
    const [server, other] = [await bind(), await bind()]
    const port = Number(server.localAddress.split(':')[1])
    const client = await bunUdp({ host: '127.0.0.1', connect: `localhost:${port}` })
    const [atClient, atServer, atOther] = [heardBy(client), heardBy(server), heardBy(other)]
    client.send(Uint8Array.of(1), other.localAddress, 0)
    other.send(Uint8Array.of(2), client.localAddress, 0)
    client.sendBatch?.(Uint8Array.of(3, 4), 1, server.localAddress, 0)
    server.send(Uint8Array.of(5), client.localAddress, 0)
    while (atServer.length < 2 || atClient.length < 1) await new Promise((resolve) => setTimeout(resolve, 1))
    if (`${atServer} ${atClient} ${atOther}` !== '3,4 5 ') throw new Error(`Heard ${atServer} ${atClient} ${atOther}`)
    if ((await client.resolve?.('127.0.0.1', port))?.join() !== server.localAddress) throw new Error('Not resolved')
    const wrong = await client.resolve?.('127.0.0.1', port === 1 ? 2 : 1).catch((error) => error)
    if (!(wrong instanceof Error && 'code' in wrong && wrong.code === 'ENOTFOUND')) throw new Error(`Got ${wrong}`)
    const misuse = await bunUdp({ connect: 'nowhere' }).catch((error) => error)
    if (!(misuse instanceof TypeError)) throw new Error(`Got ${misuse}`)
    for (const transport of [server, other, client]) transport.close()
  })
}

let failed = 0
for (const [name, body] of tests) {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('nothing happened for 10 seconds')), 10_000)
  })
  try {
    await Promise.race([body(), late])
  } catch (error) {
    failed += 1
    console.log(`FAILED: ${name}: ${error instanceof Error ? error.stack : String(error)}`)
  }
  clearTimeout(timer)
}
console.log(`${tests.length - failed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)
